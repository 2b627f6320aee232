"""Alerts: each fires once, in its time, and resolves once; silences and acknowledgements hold back what
they should."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from twsmq_nodes.status.alert_core import (
    REPEAT_S,
    RESOLVE_S,
    AlertCore,
    Announce,
    Holding,
    KeptAlerts,
    Rule,
)
from twsmq_nodes.status.alert_rules import Facts, holding, watched
from twsmq_protocol.alerts import ALERTS, RUNBOOK
from twsmq_protocol.config import AlertSetting, parse_config
from twsmq_protocol.errors import ConfigError

S = 1_000_000_000
RULE = Rule("OrderUnknown", "page", 30.0, "docs/runbook/OrderUnknown.md")
DEFAULT = watched({})
HOLDS = [Holding(RULE, "", "1 order unknown")]


class Desk:
    """Seconds go by, one evaluation each."""

    def __init__(self) -> None:
        self.core = AlertCore()
        self.now = 0.0

    def pass_s(self, seconds: float, holds: list[Holding]) -> list[tuple[str, bool]]:
        """States announced, and whether they were delivered."""
        announced: list[Announce] = []
        end = self.now + seconds
        while self.now < end:
            self.now += 1.0
            announced += self.core.evaluate(holds, self.now, int(self.now) * S)
        return [(each.event.state, each.deliver) for each in announced]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_holds_long_enough_fires_once_and_resolves_once(desk: Desk) -> None:
    assert desk.pass_s(30, HOLDS) == []
    assert desk.pass_s(100, HOLDS) == [("firing", True)]
    assert desk.pass_s(RESOLVE_S + 1, []) == [("resolved", True)]
    assert desk.pass_s(100, []) == []
    assert [row.state for row in desk.core.rows()] == ["resolved"]


def test_what_does_not_last_is_never_announced(desk: Desk) -> None:
    assert desk.pass_s(25, HOLDS) == []
    assert desk.pass_s(2, []) == []
    assert desk.pass_s(25, HOLDS) == []  # its time begins anew


def test_what_flickers_fires_once(desk: Desk) -> None:
    desk.pass_s(40, HOLDS)
    for _ in range(10):
        assert desk.pass_s(1, []) == []
        assert desk.pass_s(2, HOLDS) == []


def test_it_is_repeated_less_and_less_often_until_somebody_takes_care(desk: Desk) -> None:
    desk.pass_s(40, HOLDS)
    assert desk.pass_s(REPEAT_S, HOLDS) == [("firing", True)]
    assert desk.pass_s(REPEAT_S, HOLDS) == []
    assert desk.pass_s(REPEAT_S, HOLDS) == [("firing", True)]
    (taken,) = desk.core.acknowledge("OrderUnknown", None, "ann")
    assert (taken.event.state, taken.event.acknowledged_by, taken.deliver) == ("acknowledged", "ann", False)
    assert desk.pass_s(20 * REPEAT_S, HOLDS) == []
    assert desk.core.acknowledge("OrderUnknown", None, "bob") == []
    assert desk.pass_s(RESOLVE_S + 1, []) == [("resolved", True)]


def test_a_silence_holds_back_deliveries_and_not_states(desk: Desk) -> None:
    desk.core.silence("Order*", 100.0, desk.now, 0)
    assert desk.pass_s(40, HOLDS) == [("firing", False)]
    (row,) = desk.core.firing()
    assert row.silenced_until == 100 * S
    assert desk.pass_s(61, HOLDS) == [("firing", True)]  # it still holds when the silence is over


def test_what_resolved_in_a_silence_reaches_nobody(desk: Desk) -> None:
    desk.core.silence("*", 1000.0, desk.now, 0)
    desk.pass_s(40, HOLDS)
    assert desk.pass_s(10, []) == [("resolved", False)]


def test_two_of_one_name_about_different_things_are_two(desk: Desk) -> None:
    rule = Rule("ProcessFailed", "page", 0.0)
    two = [Holding(rule, "orders", "x"), Holding(rule, "status", "y")]
    assert desk.pass_s(1, two) == [("firing", True), ("firing", True)]
    assert len(desk.core.acknowledge("ProcessFailed", "orders", "ann")) == 1
    assert [row.about for row in desk.core.firing() if row.state == "firing"] == ["status"]


def test_what_was_acknowledged_fires_again_when_it_gets_worse_and_stays_so(desk: Desk) -> None:
    one, two, three = ([Holding(RULE, "", f"{n} orders unknown", n)] for n in (1.0, 2.0, 3.0))
    desk.pass_s(40, two)
    desk.core.acknowledge("OrderUnknown", None, "ann")
    assert desk.pass_s(100, two) == []
    assert desk.pass_s(20, three) == []  # for a moment: it might be over before anybody looks
    assert desk.pass_s(5, two) == []
    assert desk.pass_s(40, three) == [("firing", True)]
    assert desk.core.firing()[0].acknowledged_by is None
    desk.core.acknowledge("OrderUnknown", None, "ann")
    assert desk.pass_s(40, one) == []
    assert desk.pass_s(40, two) == [("firing", True)]  # another one than those taken care of


def test_how_bad_it_is_grows_with_what_it_measures() -> None:
    def level(facts: Facts) -> float:
        (found,) = holding(facts, DEFAULT)
        return found.level

    assert level(Facts(cushions={"DU1": 0.09})) == level(Facts(cushions={"DU1": 0.06})) == 0.0
    cushions = (0.04, 0.02, 0.001, 0.0, -0.5)
    assert [level(Facts(cushions={"DU1": each})) for each in cushions] == [1.0, 2.0, 6.0, 9.0, 9.0]
    assert level(Facts(unknown=7, unknown_oldest_s=31.0)) == 7.0
    assert level(Facts(kill_remaining={"": 4})) == 4.0
    assert level(Facts(disk_free=200_000_000)) == 2.0


def test_the_next_life_of_the_process_goes_on_where_the_last_one_was(desk: Desk) -> None:
    """A restart delivered all twice, resolved what it did not know yet, and forgot who silenced what."""
    rule = Rule("Halted", "page", 0.0)
    both = [*HOLDS, Holding(rule, "alpha", "halted")]
    desk.pass_s(40, both)
    desk.core.acknowledge("Halted", None, "ann")
    desk.core.silence("Disk*", 3600.0, desk.now, int(desk.now) * S)
    kept = msgspec.json.decode(msgspec.json.encode(desk.core.kept()), type=KeptAlerts)
    rules = {"OrderUnknown": RULE}  # Halted was switched off meanwhile
    again = Desk()
    again.now = 10_000.0  # another machine's clock, so to speak
    greeted = again.core.restore(kept, rules, again.now, 50 * S)
    assert [(each.name, each.state) for each in greeted] == [
        ("OrderUnknown", "firing"),
        ("Halted", "acknowledged"),
    ]
    assert again.core.silences["Disk*"] == (40 + 3600) * S
    undecided = {"OrderUnknown", "Halted"}
    for _ in range(60):
        again.now += 1.0
        assert again.core.evaluate([], again.now, int(again.now) * S, undecided) == []
    assert again.pass_s(5, both[:1]) == [("resolved", True)]  # only Halted, and HOLDS is no news
    assert again.pass_s(10, []) == [("resolved", True)]
    assert [row.name for row in again.core.rows()] == ["OrderUnknown", "Halted"]


def test_what_may_not_have_arrived_is_delivered_by_the_next_life(desk: Desk) -> None:
    desk.pass_s(40, HOLDS)
    kept = desk.core.kept({("OrderUnknown", "")})
    again = Desk()
    again.core.restore(kept, {"OrderUnknown": RULE}, 0.0, 0)
    assert again.pass_s(5, HOLDS) == [("firing", True)]


def test_a_silence_lasts_as_long_as_it_was_to_whatever_the_clock_says(desk: Desk) -> None:
    desk.core.silence("*", 100.0, 0.0, 86_400 * S)
    announced: list[Announce] = []
    for second in range(1, 140):  # the clock is set back a day, and later on by two
        ns = (0 if second < 50 else 2 * 86_400) * S + second * S
        announced += desk.core.evaluate(HOLDS, float(second), ns)
        if second == 60:
            assert abs(desk.core.silences["*"] - (2 * 86_400 + 100) * S) <= S
    assert [(each.event.state, each.deliver) for each in announced] == [("firing", False), ("firing", True)]
    assert desk.core.silences == {}


BAD: dict[str, Facts] = {
    "GatewayDown": Facts(gateway_state="disconnected", gateway_down_s=61.0),
    "RestartNotBack": Facts(gateway_state="disconnected", gateway_down_s=400.0, restart_overdue_s=1.0),
    "UpstreamLost": Facts(upstream_lost=True),
    "FarmBroken": Facts(farms_broken=["usfarm"]),
    "OrderUnknown": Facts(unknown=1, unknown_oldest_s=31.0),
    "Halted": Facts(halts={"": "loss limit"}),
    "KillIncomplete": Facts(kill_remaining={"": 2}),
    "SilentFeed": Facts(silent_lines={"marketdata-0": 3}),
    "LineLimit": Facts(lines=[("market_data", 91, 100)]),
    "BudgetHigh": Facts(budget_wait_s={"orders": 2.5}),
    "MarginLow": Facts(cushions={"DU1": 0.09}),
    "PositionsDiffer": Facts(differing=["DU1 conId 5"]),
    "ProcessFlapping": Facts(restarts={"orders": 3}),
    "ProcessFailed": Facts(failed={"orders": "exit status 1"}),
    "ProcessSilent": Facts(silent_processes={"orders": 31.0}),
    "JournalSlow": Facts(journal_commit_s=0.1),
    "DiskLow": Facts(disk_free=900_000_000),
    "AuthRefused": Facts(auth_refused_per_minute=6.0),
    "AccountOld": Facts(account_ages_s={"DU1": 601.0, "DU2": 1.0}),
    "NothingHeard": Facts(heard_s=121.0),
}
WELL = Facts(
    gateway_state="up",
    unknown=1,
    unknown_oldest_s=0.2,
    kill_remaining={"": 0},
    silent_lines={"marketdata-0": 0},
    lines=[("market_data", 90, 100), ("depth", 0, 0)],
    budget_wait_s={"orders": 0.25},
    cushions={"DU1": 0.1},
    restarts={"orders": 2},
    journal_commit_s=0.05,
    disk_free=2_000_000_000,
    auth_refused_per_minute=5.0,
    silent_processes={"orders": 3.0},
    heard_s=0.1,
    account_ages_s={"DU1": 1.0},
)


@pytest.mark.parametrize("name", list(ALERTS))
def test_each_alert_holds_where_it_should_and_alone(name: str) -> None:
    found = {each.rule.name for each in holding(BAD[name], DEFAULT)}
    assert name in found
    assert found <= {name, "GatewayDown"}  # an overdue restart is an outage too


def test_what_an_alert_says_is_true_of_what_it_names() -> None:
    """Of two accounts one was old, and the alert said that no figure of any was younger."""
    said = {
        each.rule.name: (each.about, each.text) for facts in BAD.values() for each in holding(facts, DEFAULT)
    }
    assert said["AccountOld"] == ("DU1", "no figure of account DU1 is younger than 601 s")
    assert said["OrderUnknown"][1].startswith("1 order unknown, ")
    assert said["ProcessFlapping"][1] == "orders was restarted 3 times in ten minutes"
    once = Facts(restarts={"orders": 1}, kill_remaining={"alpha": 1}, silent_lines={"marketdata-0": 1})
    rules = watched({"ProcessFlapping": AlertSetting(limit=1)})
    assert [each.text for each in holding(once, rules)] == [
        "1 order of alpha not finished after the kill switch: at work or unknown",
        "1 line of marketdata-0 without data in trading hours, though asked for again",
        "orders was restarted 1 time in ten minutes",
    ]


def test_nothing_but_a_fresh_unknown_order_holds_while_all_is_well() -> None:
    assert {each.rule.name for each in holding(WELL, DEFAULT)} == {"OrderUnknown"}
    assert holding(Facts(), DEFAULT) == []


def test_each_alert_has_a_page_that_says_what_to_do() -> None:
    for name in ALERTS:
        page = Path(__file__).parents[2] / RUNBOOK.format(name)
        assert page.read_text(encoding="utf-8").startswith(f"# {name}\n"), name


def test_the_table_in_the_documentation_is_this_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "board.md").read_text(encoding="utf-8")
    for name, rule in ALERTS.items():
        limit = "" if rule.limit is None else f"{rule.limit:g} {rule.unit}"
        assert f"| {name} | {rule.severity} | {rule.for_s:g} s | {limit} |\n" in page


def test_a_desk_sets_its_own_limits_durations_and_severities() -> None:
    config = parse_config("[alerts.rules]\nMarginLow = { limit = 0.3, for_s = 1 }\nHalted = { on = false }\n")
    own = watched(config.alerts.rules)
    assert [each.rule.for_s for each in own if each.rule.name == "MarginLow"] == [1.0]
    assert len(own) == len(ALERTS) - 1
    facts = Facts(cushions={"DU1": 0.25}, halts={"": "loss limit"})
    assert [each.rule.name for each in holding(facts, own)] == ["MarginLow"]
    severities = {each.rule.severity for each in watched({"SilentFeed": AlertSetting(severity="page")})}
    assert severities == {"page", "warn"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("MarginLo = { limit = 1 }", "no alert is called 'MarginLo'"),
        ("Halted = { limit = 1 }", "Halted has no limit"),
        ("Halted = { limits = 1 }", "limits"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_the_file(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_config(f"[alerts.rules]\n{text}\n")

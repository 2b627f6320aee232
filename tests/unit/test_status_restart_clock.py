"""The gateway's planned restart: known beforehand, in time or overdue, and the one that needs a person."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from twsmq_nodes.runtime.life_clock import LifeClock
from twsmq_nodes.status.alert_core import AlertCore
from twsmq_nodes.status.alert_rules import Facts, holding, watched
from twsmq_nodes.status.restart_clock import RestartClock
from twsmq_protocol.config import Alerts
from twsmq_protocol.errors import FieldError
from twsmq_protocol.gateway_life import GatewayLife, PlannedRestarts

S = 1_000_000_000
WEEK = LifeClock(GatewayLife(week_ends="Sun 01:00", time_zone="America/New_York"))
CLOCK = RestartClock(PlannedRestarts(("23:45",), "America/New_York", 5.0), WEEK)
MIDNIGHT = 1_795_755_600  # 2026-11-27 00:00 in New York
AT = MIDNIGHT + 23 * 3600 + 45 * 60


def test_the_restart_is_known_beforehand_and_its_window_is_short() -> None:
    assert CLOCK.next((AT - 3600) * S) == AT * S
    assert CLOCK.next(AT * S) == (AT + 86_400) * S
    assert not CLOCK.in_window((AT - 120) * S)
    assert CLOCK.in_window((AT - 30) * S)
    assert CLOCK.in_window((AT + 299) * S)
    assert not CLOCK.in_window((AT + 301) * S)


def test_a_gateway_may_restart_twice_a_day() -> None:
    clock = RestartClock(PlannedRestarts(("23:45", "06:00"), "America/New_York", 5.0), WEEK)
    morning = MIDNIGHT + 6 * 3600
    assert [clock.next(at * S) for at in (MIDNIGHT, morning, AT)] == [
        at * S for at in (morning, AT, morning + 86_400)
    ]
    assert [clock.last(at * S) for at in (morning, AT - 61, AT - 60)] == [
        at * S for at in (morning, morning, AT)
    ]
    assert [clock.weekly((AT + days * 86_400) * S) for days in (1, 2)] == [False, False]
    assert clock.weekly((morning + 2 * 86_400) * S), "the first one after Sunday 01:00"


def test_the_gateways_restart_is_configured_once_and_calls_nobody() -> None:
    """It had to be written into three tables, and who knew of one was called every night."""
    life = GatewayLife(restart_at=("23:45",), time_zone="Europe/Zurich", restart_minutes=7.0)
    assert Alerts().restarts(life) == PlannedRestarts(("23:45",), "Europe/Zurich", 7.0)
    assert Alerts(restart_minutes=2.0).restarts(life).minutes == 2.0
    older = Alerts(restart_at="23:30", restart_minutes=4.0).restarts(life)
    assert older == PlannedRestarts(("23:30",), "America/New_York", 4.0)


@pytest.mark.parametrize(
    ("at", "before", "due"),
    [
        ("03:00", "2026-03-08T06:55Z", "2026-03-08T07:00Z"),  # 01:55, five minutes before
        ("02:30", "2026-03-08T06:55Z", "2026-03-08T07:30Z"),  # skipped
        ("01:30", "2026-11-01T05:00Z", "2026-11-01T05:30Z"),  # comes twice
        ("01:30", "2026-11-01T06:00Z", "2026-11-02T06:30Z"),
        ("23:45", "2026-11-01T04:00Z", "2026-11-02T04:45Z"),  # after a day of 25 hours
    ],
)
def test_a_restart_is_due_by_time_that_passes_not_by_what_the_clocks_show(
    at: str, before: str, due: str
) -> None:
    planned = PlannedRestarts((at,), "America/New_York", 5.0)
    ns, due_ns = (int(datetime.fromisoformat(text).timestamp()) * S for text in (before, due))
    assert planned.next(ns) == due_ns
    assert planned.last(due_ns) == due_ns
    assert planned.is_under_way(due_ns - 60 * S)
    assert not planned.is_under_way(planned.end(due_ns))


def test_only_an_outage_that_began_with_the_restart_is_overdue() -> None:
    assert CLOCK.overdue_s((AT + 301) * S, AT * S) == 1.0
    assert CLOCK.overdue_s((AT + 200) * S, AT * S) is None
    assert CLOCK.overdue_s((AT + 301) * S, (AT - 600) * S) is None
    assert CLOCK.overdue_s((AT + 4000) * S, (AT + 3000) * S) is None


def test_the_restart_of_a_sunday_needs_a_person() -> None:
    assert not CLOCK.weekly((AT + 60) * S)  # a Friday
    assert CLOCK.weekly((AT + 2 * 86_400 + 60) * S)
    assert not CLOCK.weekly((AT + 3 * 86_400 + 60) * S)


@pytest.mark.parametrize(
    ("at", "zone", "week", "days"),
    [
        ("23:45", "America/New_York", WEEK, {"Sun"}),
        ("00:30", "America/New_York", WEEK, {"Mon"}),  # on Sunday it comes before the week's login ends
        ("01:00", "America/New_York", WEEK, {"Sun"}),
        ("06:00", "Europe/Zurich", WEEK, {"Mon"}),  # 01:00 there is 07:00 here
        ("07:30", "Europe/Zurich", WEEK, {"Sun"}),
        ("16:30", "Asia/Tokyo", WEEK, {"Sun"}),
        (
            "23:45",
            "America/New_York",
            LifeClock(GatewayLife(week_ends="Sat 22:00", time_zone="America/New_York")),
            {"Sat"},
        ),
    ],
)
def test_the_restart_that_needs_a_person_is_the_first_after_the_login_of_the_week_has_ended(
    at: str, zone: str, week: LifeClock, days: set[str]
) -> None:
    """The alert asked for an approval on the phone on Sundays only, also where that night's restart needs
    none and Monday's does."""
    clock = RestartClock(PlannedRestarts((at,), zone, 5.0), week)
    found: set[str] = set()
    for hour in range(14 * 24):
        ns = (MIDNIGHT + hour * 3600) * S
        last = clock.last(ns)
        assert last is not None
        if clock.weekly(ns):
            found.add(datetime.fromtimestamp(last / S, ZoneInfo(zone)).strftime("%a"))
    assert found == days


def test_no_restart_is_expected_where_none_is_named_and_a_wrong_zone_is_refused() -> None:
    none = RestartClock(PlannedRestarts((), "UTC", 5.0), WEEK)
    assert (none.next(AT * S), none.in_window(AT * S), none.overdue_s(AT * S, 0)) == (None, False, None)
    with pytest.raises(FieldError, match="no time zone"):
        Alerts(restart_at="23:45", restart_time_zone="Mars/Olympus")


def test_thirty_nights_of_restarts_call_nobody_and_one_that_fails_calls_once() -> None:
    core = AlertCore()
    calls: list[tuple[int, str]] = []
    for night in range(31):
        at = AT + night * 86_400
        back = 120 if night < 30 else 10_000  # the last one does not come back
        for second in range(-60, 900):
            ns = (at + second) * S
            down = 0 <= second < back
            since = at * S
            facts = Facts(
                gateway_state="disconnected" if down else "up",
                gateway_down_s=float(second) if down else None,
                in_restart_window=CLOCK.in_window(ns),
                restart_overdue_s=CLOCK.overdue_s(ns, since) if down else None,
                weekly_login=CLOCK.weekly(ns),
                heard_s=0.1,
            )
            now = float(night * 86_400 + second)
            calls += [
                (night, each.event.name) for each in core.evaluate(holding(facts, watched({})), now, ns)
            ]
    assert calls == [(30, "RestartNotBack"), (30, "GatewayDown")]

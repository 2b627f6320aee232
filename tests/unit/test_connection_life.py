"""A gateway's life, one decision at a time; the whole fortnight is `property/test_gateway_fortnight.py`."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from twsmq_nodes.connection import ibc
from twsmq_nodes.connection.life import Action, Input, Life
from twsmq_nodes.connection.life_events import (
    Alarm,
    Announce,
    Answered,
    Command,
    Keep,
    Memory,
    Observed,
    Rung,
    Trouble,
)
from twsmq_nodes.connection.life_keeper import meaning_of, observed
from twsmq_nodes.runtime.life_clock import LifeClock
from twsmq_nodes.runtime.timer import TimerFired
from twsmq_nodes.tws import session_events
from twsmq_protocol.gateway_life import GatewayLife
from twsmq_protocol.system_events import Gateway, LinkState

ZONE = ZoneInfo("America/New_York")
NOON = datetime(2026, 11, 11, 12, 0, tzinfo=ZONE)  # a Wednesday
SUNDAY = datetime(2026, 11, 15, 0, 0, tzinfo=ZONE)
LIFE = GatewayLife(ibc_port=7462, start=["start-gateway"])
UP = Observed(None, session_up=True)


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


class Desk:
    """A life whose clock is moved by hand; IBC answers OK unless `answers` says otherwise."""

    def __init__(
        self, begin: datetime = NOON, memory: Memory | None = None, life: GatewayLife = LIFE
    ) -> None:
        self.begin, self.now = ns(begin), 0.0
        self.life = Life(life, memory)
        self.answers: dict[Rung, Answered] = {}
        self.commands: list[Rung] = []
        self.alarms: list[str | None] = []
        self.announced: str | None = None
        self.memory = memory or Memory()

    def feed(self, happened: Input) -> None:
        moment = self.begin + int(self.now * 1e9)
        for answer in [self.did(action) for action in self.life.handle(happened, self.now, moment)]:
            if answer is not None:
                self.feed(answer)

    def did(self, action: Action) -> Answered | None:
        match action:
            case Command(rung):
                assert self.announced is not None
                self.commands.append(rung)
                return self.answers.get(rung, Answered(rung, ok=True, text="OK"))
            case Announce(text):
                self.announced = text
            case Alarm(text):
                self.alarms.append(text)
            case Keep(memory):
                self.memory = memory
            case _:
                pass
        return None

    def see(self, trouble: Trouble | None, *, session_up: bool | None = None) -> None:
        up = trouble not in (Trouble.ABSENT, Trouble.STALLED) if session_up is None else session_up
        self.feed(Observed(trouble, session_up=up))

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.life.wake_at is not None and self.life.wake_at <= until:
            self.now = max(self.now, self.life.wake_at)
            self.feed(TimerFired())
        self.now = until


@pytest.mark.parametrize(
    "troubles",
    [
        (Trouble.ABSENT, Trouble.STALLED),
        (Trouble.UPSTREAM, None),
        (Trouble.UPSTREAM, Trouble.ABSENT),
        (Trouble.STALLED, None),
    ],
)
def test_trouble_that_comes_and_goes_is_not_waited_for_for_ever(troubles: tuple[Trouble | None, ...]) -> None:
    desk = Desk()
    desk.see(None)
    for _ in range(60):
        for trouble in troubles:
            desk.see(trouble)
            desk.wait(5.0 if trouble is None else 9.0)
    assert desk.commands
    assert len([text for text in desk.alarms if text is not None]) <= 1


def test_a_short_trouble_after_a_long_one_has_its_own_patience() -> None:
    """A farm is broken for hours; then the gateway restarts by itself, which takes half a minute."""
    desk = Desk(life=GatewayLife(start=["start-gateway"]))
    desk.see(Trouble.FARM)
    desk.wait(3 * 3600.0)
    desk.see(Trouble.ABSENT)
    desk.wait(100.0)
    desk.see(None)
    assert desk.commands == []


def test_a_gateway_that_refuses_our_client_id_is_not_started_anew() -> None:
    """After a restart it may keep the ID of the last session busy for minutes."""
    taken = observed(Gateway(state="waiting_client_id", host="h", port=1), Trouble.ABSENT)
    desk = Desk()
    desk.see(Trouble.ABSENT)
    desk.wait(60.0)
    desk.feed(taken)
    desk.wait(1800.0)
    assert desk.commands == []
    assert desk.memory.login_at is None, "it has let nobody in yet"
    desk.see(None)
    assert desk.memory.login_at is not None


def test_a_command_that_never_got_there_is_neither_a_restart_nor_a_login() -> None:
    """IBC is not to be reached on a Sunday: the program is the one login of this window."""
    desk = Desk(SUNDAY.replace(hour=12), Memory(login_at=ns(NOON)))
    desk.answers[Rung.RESTART] = Answered(Rung.RESTART, ok=None, text="refused", given=False)
    desk.see(Trouble.STALLED)
    desk.wait(60.0)
    assert desk.commands == [Rung.RESTART, Rung.START]
    assert desk.memory.unproved == 1
    assert len(desk.memory.acted) == 1


def test_a_command_that_may_have_got_there_counts() -> None:
    desk = Desk(SUNDAY.replace(hour=12), Memory(login_at=ns(NOON)))
    desk.answers[Rung.RESTART] = Answered(Rung.RESTART, ok=None, text="no answer")
    desk.see(Trouble.STALLED)
    desk.wait(600.0)
    assert desk.commands == [Rung.RESTART]
    assert desk.memory.unproved == 1


def test_a_program_that_is_not_there_calls_a_person_at_once() -> None:
    desk = Desk()
    desk.answers[Rung.START] = Answered(Rung.START, ok=None, text="no such file", given=False)
    desk.see(Trouble.ABSENT)
    desk.wait(LIFE.absent_s + 1.0)
    assert desk.commands == [Rung.START]
    assert len(desk.alarms) == 1
    assert (desk.memory.unproved, desk.memory.asked_in) == (0, "")


def test_restarts_are_counted_over_those_of_our_own() -> None:
    """Whoever counts anew at each start restarts a gateway without end."""
    life = GatewayLife(ibc_port=7462)
    desk = Desk(memory=Memory(login_at=ns(NOON)), life=life)
    for _ in range(life.most_per_hour + 2):
        desk.see(Trouble.STALLED)
        desk.wait(life.stalled_s + 1.0)
        desk.see(None)
        again = Desk(memory=desk.memory, life=life)
        again.begin, again.now, again.commands = desk.begin, desk.now + 60.0, desk.commands
        desk = again
    assert desk.commands == [Rung.RESTART] * life.most_per_hour


def test_what_was_announced_ends_though_the_trouble_goes_on() -> None:
    """A farm that stays broken holds up nobody's orders."""
    desk = Desk()
    desk.see(Trouble.FARM)
    desk.wait(LIFE.farm_s + LIFE.drain_s + 1.0)
    assert desk.commands == [Rung.RECONNECTDATA]
    assert desk.announced is not None
    desk.wait(600.0)
    assert desk.commands == [Rung.RECONNECTDATA, Rung.RESTART]
    assert desk.announced is None


def test_last_weeks_login_is_not_proved_by_a_gateway_that_was_not_restarted() -> None:
    """The nightly reset passes Sunday's end of the login: the next restart is a full login all the same."""
    desk = Desk(SUNDAY, Memory(login_at=ns(NOON)))
    desk.see(None)
    desk.wait(3600.0)
    desk.see(Trouble.UPSTREAM)
    desk.wait(1800.0)
    desk.see(None)
    desk.wait(4 * 3600.0 - 5400.0)
    desk.see(Trouble.STALLED)
    desk.wait(600.0)
    assert desk.commands == [], "at 04:00 nobody answers a second factor"
    assert len(desk.alarms) == 1
    desk.wait(3.5 * 3600.0)
    assert desk.commands == [Rung.RESTART]
    assert desk.memory.unproved == 1


def test_a_gateway_that_was_away_and_came_back_has_proved_its_login() -> None:
    desk = Desk(SUNDAY.replace(hour=9), Memory(login_at=ns(NOON)))
    desk.see(None)
    desk.see(Trouble.ABSENT)
    desk.wait(40.0)
    desk.see(None)
    assert desk.memory.login_at == desk.begin + 40 * 10**9


def test_another_session_that_takes_over_ends_what_was_about_to_be_done() -> None:
    desk = Desk()
    desk.see(Trouble.UPSTREAM)
    desk.wait(LIFE.upstream_s + 1.0)
    desk.see(Trouble.COMPETING)
    desk.wait(600.0)
    assert desk.commands == []
    assert desk.announced is None


@pytest.mark.parametrize(
    ("state", "competing", "trouble"),
    [
        ("up", False, None),
        ("up", True, Trouble.COMPETING),
        ("upstream_lost", False, Trouble.UPSTREAM),
        ("upstream_lost", True, Trouble.COMPETING),  # probably logged out by the other
        ("disconnected", True, Trouble.ABSENT),
        ("waiting_client_id", True, None),
    ],
)
def test_another_session_is_seen_by_the_data_it_takes(
    state: LinkState, competing: bool, trouble: Trouble | None
) -> None:
    link = Gateway(state=state, host="h", port=1, farms={"usfarm": "broken"} if competing else {})
    assert observed(link, Trouble.ABSENT, competing=competing).trouble is trouble


def test_a_gateway_that_is_away_after_another_session_had_the_data_waits_for_nothing_more() -> None:
    desk = Desk()
    desk.see(Trouble.COMPETING)
    desk.wait(8 * 3600.0)
    desk.see(Trouble.ABSENT)
    desk.wait(LIFE.absent_s + 1.0)
    assert desk.commands == [Rung.START]
    assert len(desk.alarms) == 1


def test_what_is_no_gateway_is_not_started_anew() -> None:
    event = session_events.ConnectFailed("it speaks HTTP", 1, 1.0, unusable=True)
    assert meaning_of(event) is Trouble.UNUSABLE
    desk = Desk()
    desk.see(Trouble.UNUSABLE, session_up=False)
    desk.wait(3600.0)
    assert desk.commands == []
    (alarm,) = desk.alarms
    assert alarm is not None
    assert "no gateway that can be spoken to" in alarm
    desk.see(Trouble.ABSENT)  # the other program has ended
    desk.wait(LIFE.absent_s + 1.0)
    assert desk.commands == [Rung.START]


def test_a_process_that_can_open_no_connection_does_nothing_to_a_gateway_that_may_be_well() -> None:
    event = session_events.ConnectFailed("no file descriptor is left", 1, 1.0, ours=True)
    assert meaning_of(event) is Trouble.OURS
    desk = Desk()
    desk.see(Trouble.OURS, session_up=False)
    desk.wait(3600.0)
    assert desk.commands == []
    (alarm,) = desk.alarms
    assert alarm is not None
    assert "lets twsmq open no connection" in alarm


# -- the clock


@pytest.mark.parametrize(
    ("login", "moment", "ended"),
    [
        ("2026-11-11 12:00", "2026-11-14 23:59", False),
        ("2026-11-11 12:00", "2026-11-15 00:59", False),
        ("2026-11-11 12:00", "2026-11-15 01:01", True),
        ("2026-11-15 01:01", "2026-11-16 00:30", False),
        ("2026-11-15 01:01", "2026-11-22 00:59", False),
        # clocks go forward at 02:00 of 8 March 2026: that week's login ends at 01:00 all the same
        ("2026-03-08 00:30", "2026-03-08 10:00", True),
        ("2026-03-08 01:30", "2026-03-08 10:00", False),
        # back at 02:00 of 1 November: 01:00 comes twice, the first counts
        ("2026-11-01 00:30", "2026-11-01 10:00", True),
        ("2026-11-01 03:30", "2026-11-01 10:00", False),
        ("2026-10-31 23:30", "2026-11-02 00:30", True),
    ],
)
def test_the_weeks_login_ends_by_the_gateways_clock(login: str, moment: str, ended: bool) -> None:
    at = [ns(datetime.fromisoformat(text).replace(tzinfo=ZONE)) for text in (login, moment)]
    assert LifeClock(LIFE).token_ended(*at) is ended


def test_an_hour_that_comes_twice_is_told_by_its_offset() -> None:
    clock = LifeClock(LIFE)
    late = ns(datetime(2026, 11, 1, 6, 30, tzinfo=UTC))  # 01:30, the second time
    assert not clock.token_ended(late, ns(datetime(2026, 11, 1, 12, 0, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("hours", "one", "other", "same"),
    [
        ("07:00-22:00", "2026-11-11 07:00", "2026-11-11 21:59", True),
        ("07:00-22:00", "2026-11-11 21:59", "2026-11-12 07:00", False),
        ("20:00-06:00", "2026-11-11 21:00", "2026-11-12 05:00", True),
        ("Mon 07:00-Fri 22:00", "2026-11-09 08:00", "2026-11-13 21:00", True),
        ("Sun 13:00-Sun 17:00", "2026-11-15 13:30", "2026-11-15 16:00", True),
        ("Sun 13:00-Sun 17:00", "2026-11-15 13:30", "2026-11-22 13:30", False),
        ("01:00-03:00", "2026-11-01 01:10", "2026-11-01 02:50", True),  # clocks go back in between
    ],
)
def test_a_window_of_logins_is_one(hours: str, one: str, other: str, same: bool) -> None:
    clock = LifeClock(GatewayLife(login_hours=hours))
    names = [clock.login_window(ns(datetime.fromisoformat(t).replace(tzinfo=ZONE))) for t in (one, other)]
    assert (names[0] == names[1]) is same


def test_a_command_server_that_is_not_there_was_given_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        unanswered = asyncio.run(ibc.command("127.0.0.1", port, "RESTART", 0.2))
    refused = asyncio.run(ibc.command("127.0.0.1", port, "RESTART", 5.0))
    assert (unanswered.ok, unanswered.given) == (None, True)
    assert (refused.ok, refused.given) == (None, False)

"""What `twsmq up` shows, as plain lines and as a table."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from twsmq.board_text import duration
from twsmq.cli.views import LiveTable, PlainLines, View, names
from twsmq_protocol.market_events import Quote
from twsmq_protocol.system_events import Process
from twsmq_supervisor.settings import Settings, load_settings

AAPL = "STK:AAPL:SMART:USD"


@pytest.fixture
def settings(config_file: Path) -> Settings:
    return load_settings(config_file)


def tell(view: View, name: str, state: Any, **fields: Any) -> None:
    view.process(Process(name=name, state=state, **fields))


def told(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines printed since the last look, without their time."""
    return [line.partition("  ")[2] or line for line in capsys.readouterr().out.splitlines()]


def test_plain_lines_tell_each_change_once(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    view = PlainLines(settings)
    tell(view, "orders", "stopped")
    tell(view, "orders", "starting", pid=7, client_id=101)
    tell(view, "orders", "starting", pid=7, client_id=101)
    tell(view, "orders", "ready", pid=7, client_id=101)
    assert told(capsys) == ["orders: starting (pid 7, client ID 101)", "orders: ready (pid 7, client ID 101)"]


def test_plain_lines_show_the_end_of_the_log_of_what_failed(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.log_dir.mkdir(parents=True)
    settings.log_file("orders").write_text("--- 1 python\nTraceback:\n  the cause\n")
    view = PlainLines(settings)
    tell(view, "orders", "backoff", reason="ended with exit code 1: the cause")
    lines = told(capsys)
    assert lines[0] == "orders: backoff: ended with exit code 1: the cause"
    assert any(line.endswith("| Traceback:") for line in lines)
    assert str(settings.log_file("orders")) in lines[-1]
    tell(view, "orders", "starting", pid=8, reason="ended with exit code 1: the cause")
    assert told(capsys) == ["orders: starting (pid 8)"]


def test_plain_lines_tell_a_restart_at_once_and_a_reason_once(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    view = PlainLines(settings)
    tell(view, "orders", "starting", pid=7)
    tell(view, "orders", "starting", pid=8, restarts=1, reason="killed by SIGKILL")
    tell(view, "orders", "backoff", restarts=1, reason="killed by SIGKILL")
    tell(view, "orders", "starting", pid=9, restarts=2, reason="ended with exit code 1")
    assert told(capsys) == [
        "orders: starting (pid 7)",
        "orders: starting (pid 8, restart 1): killed by SIGKILL",
        "orders: backoff (restart 1)",
        f"          | log: {settings.log_file('orders')}",
        "orders: starting (pid 9, restart 2): ended with exit code 1",
    ]


def test_plain_lines_say_when_all_are_ready_and_what_to_type_next(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    view = PlainLines(settings)
    everyone = names(settings)
    for name in everyone:
        assert not view.all_ready()
        tell(view, name, "ready", pid=1)
    out = capsys.readouterr().out
    assert f"s: {len(everyone)} processes" in out
    assert f"watch quote/{AAPL}/" in out
    assert "order place" in out
    tell(view, "orders", "starting", pid=2, reason="killed by SIGKILL")
    assert view.missing() == "orders: starting (killed by SIGKILL)"
    tell(view, "orders", "ready", pid=2)
    assert told(capsys)[-1] == "all processes ready again"


REFUSED = "no session with the gateway at h:1 yet: cannot connect to h:1: [Errno 111] Connection refused"


def test_plain_lines_give_the_hint_about_the_gateway_once(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    view = PlainLines(settings)
    for name in ("connection", "orders"):
        tell(view, name, "connecting", reason=REFUSED)
    first, told_hint, second = told(capsys)
    assert (first, second) == tuple(f"{n}: connecting: cannot reach h:1" for n in ("connection", "orders"))
    assert told_hint.startswith("no gateway answers at h:1: Connection refused.")


def test_plain_lines_give_the_hint_also_where_only_the_reason_changes(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    view = PlainLines(settings)
    for reason in ("connecting to the gateway at h:1", REFUSED, REFUSED):
        tell(view, "connection", "connecting", reason=reason)
    first, told_hint = told(capsys)
    assert first == "connection: connecting: connecting to the gateway at h:1"
    assert told_hint.startswith("no gateway answers at h:1: Connection refused.")


def test_plain_lines_show_a_logged_bug_without_its_traceback(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.log_dir.mkdir(parents=True)
    bug = {"event": "a bug", "level": "critical", "exception": 'Trace\n  File "a"\n    b\nKeyError: 1'}
    settings.log_file("orders").write_text(f"--- 1 python\nbefore\n{json.dumps(bug)}\n")
    tell(PlainLines(settings), "orders", "backoff", reason="ended")
    assert "          | critical: a bug: KeyError: 1" in told(capsys)


def screen_of(settings: Settings, width: int, **states: tuple[str, str]) -> str:
    screen = io.StringIO()
    view = LiveTable(settings, Console(file=screen, force_terminal=True, width=width, color_system=None))
    for name, (state, reason) in states.items():
        tell(view, name, state, pid=1, reason=reason)
    screen.truncate(0)
    view.refresh()
    view.close()
    return screen.getvalue()


def test_a_long_reason_takes_one_line_of_the_table(settings: Settings) -> None:
    shown = screen_of(settings, 100, orders=("backoff", "ended by a bug: " + "words " * 50 + "omega"))
    assert "ended by a bug: words" in shown
    assert "…" in shown
    assert "omega" not in shown
    head = shown[shown.rindex("process ") :].splitlines()[0].split()
    assert head == ["process", "state", "client", "ID", "pid", "restarts", "uptime"]


def test_while_not_ready_nothing_is_to_be_ordered_and_the_gateway_hint_stands_once(
    settings: Settings,
) -> None:
    shown = screen_of(settings, 300, connection=("connecting", REFUSED), orders=("connecting", REFUSED))
    last = shown[shown.rindex("process ") :]
    assert "order place" not in last
    assert " status" in last
    assert last.count("cannot reach h:1") == 2
    assert last.count("no gateway answers at h:1") == 1


def test_plain_lines_show_the_first_quote_that_says_anything(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    view = PlainLines(settings)
    view.quote(AAPL, Quote())
    view.quote(AAPL, Quote(bid=190.0, ask=190.5))
    view.quote(AAPL, Quote(bid=191.0))
    assert told(capsys) == [f"{AAPL}: bid 190  ask 190.5  last -"]


def test_the_table_shows_every_process_quotes_and_next_steps_until_it_stops(settings: Settings) -> None:
    screen = io.StringIO()
    view = LiveTable(settings, Console(file=screen, force_terminal=True, width=150, color_system=None))

    def frame() -> str:
        screen.seek(0)
        screen.truncate()
        view.refresh()
        return screen.getvalue()

    assert "starting" in frame()
    for name in names(settings):
        tell(view, name, "ready", pid=4711, client_id=101 if name == "orders" else None, uptime_s=61.0)
    view.quote(AAPL, Quote(bid=190.01, ask=190.02))
    shown = frame()
    assert "twsmq: ready after" in shown
    assert all(name in shown for name in names(settings))
    assert "190.01" in shown
    assert "1 min 01 s" in shown
    assert "order place" in shown
    tell(view, "orders", "failed", reason="ended with [red]exit code 1[/red]")
    shown = frame()
    assert "1 not ready" in shown
    assert "[red]exit code 1[/red]" in shown
    tell(view, "supervisor", "stopping")
    shown = frame()
    assert "stopping in order" in shown
    assert "order place" not in shown
    view.close()


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.9, "59 s"), (187, "3 min 07 s"), (18120, "5 h 02 min")]
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said

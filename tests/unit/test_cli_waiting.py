"""The line for whoever waits: at a terminal only, gone when the answer is there."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.patience import patient
from twsmq.cli.waiting import Waiting, waiting


def test_a_line_says_how_far_it_is_and_how_long_it_will_take() -> None:
    moments = iter([0.0, 2.0, 65.0, 90.0])
    line = Waiting("bars of STK:AAPL:SMART:USD", moments.__next__)
    assert line.line() == "bars of STK:AAPL:SMART:USD: 2 s"
    line.reached(0.0, "20,000 bars")
    assert line.line() == "bars of STK:AAPL:SMART:USD: 1 min 05 s, 20,000 bars"
    line.reached(0.75, "60,000 bars")
    assert line.line() == "bars of STK:AAPL:SMART:USD: 1 min 30 s, 60,000 bars, 75 %, 30 s left"


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What stderr is: its other end. No fixture: pytest has a stderr of its own for each phase of a test."""
    here, there = pty.openpty()
    os.set_blocking(here, False)
    with os.fdopen(there, "w") as stderr, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stderr)
        patch.setattr("twsmq.cli.waiting._PATIENCE_S", 0.0)
        yield here
    os.close(here)


def read_until(terminal: int, wanted: bytes) -> None:
    drawn, deadline = b"", time.monotonic() + patient(10)
    while wanted not in drawn:
        assert select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))[0], drawn
        drawn += os.read(terminal, 1000)


def test_it_is_drawn_on_a_terminal_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as shown:
        with waiting("sessions of ES"):
            read_until(shown, b"sessions of ES: ")
        print("over", file=sys.stderr, flush=True)
        read_until(shown, b"\r\x1b[Kover")


def test_nothing_is_drawn_for_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as shown:
        with waiting("sessions of ES", quiet=True):
            pass
        with pytest.raises(BlockingIOError):
            os.read(shown, 1)


def test_nothing_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("sessions of ES"):
        pass
    assert capsys.readouterr() == ("", "")

"""What a terminal acts on never reaches it: every text that a command prints is escaped on its way out."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from twsmq.cli.options import Refused
from twsmq.cli.order_story import Story
from twsmq.cli.rendering import show
from twsmq.cli.terminal import echo, echo_json, json_text, printable
from twsmq.cli.watch import EventPrinter, line
from twsmq.inbox import Received
from twsmq_protocol.market_events import Stream
from twsmq_protocol.order_events import Notice

EVIL = "a\x1b]0;x\x07b\x9b2Jc\u202ed\u2066e\rf\x08g\x7f"


def harmless(shown: str) -> bool:
    return all(line.isprintable() for line in shown.splitlines()) and "\u202e" not in shown


def test_what_a_terminal_acts_on_is_written_as_an_escape() -> None:
    assert printable("\x1b[2J\x07\x9b\u202e") == r"\x1b[2J\x07\x9b\u202e"
    assert printable("Größe 10 €") == "Größe 10 €"
    assert printable("a\nb") == r"a\nb"
    assert printable("a\nb", keep="\n") == "a\nb"


@given(st.text(st.characters()))
def test_any_text_is_printable_afterwards_even_half_a_surrogate_pair(text: str) -> None:
    assert printable(text).isprintable()
    assert (printable(text) == text) is text.isprintable()
    printable(text).encode()


@given(st.text() | st.dictionaries(st.text(), st.text() | st.integers(-(2**63), 2**63)))
def test_json_is_ascii_and_keeps_its_values(value: Any) -> None:
    assert json_text(value).isascii()
    assert json_text(value).isprintable()
    assert json.loads(json_text(value)) == value


@click.command()
def everything() -> None:
    echo(EVIL)
    echo(EVIL, err=True)
    echo_json({"text": EVIL})
    table = Table("heading")
    table.add_row(EVIL)
    show(table)
    show(EVIL)
    raise Refused(EVIL)


def test_every_way_to_the_terminal_escapes() -> None:
    result = CliRunner().invoke(everything)
    assert result.exit_code == 1
    assert result.stdout.count("a") >= 4
    assert harmless(result.stdout)
    assert harmless(result.stderr)


@pytest.mark.parametrize("as_json", [True, False])
def test_an_event_of_a_stream_is_one_harmless_line(as_json: bool) -> None:
    told: list[str] = []
    event = Stream(state="error", reason=EVIL.replace(" ", ""), text=f"{EVIL}\n12:00:00 order filled")
    EventPrinter(told.append, as_json=as_json).print(Received(f"quote/{EVIL}/", event, 0), 0)
    assert len(told) == 1
    assert told[0].isprintable()


def test_whoever_reads_no_further_than_a_table_has_seen_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """`twsmq positions | head` failed under `set -o pipefail`, now and then."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", buffering=1) as unread:
        monkeypatch.setattr(sys, "stdout", unread)
        with pytest.raises(BrokenPipeError):
            show("a table")
        os.dup2(os.open(os.devnull, os.O_WRONLY), writer)


def test_a_fields_own_line_break_cannot_pass_for_another_line() -> None:
    assert line("news/B/", {"type": "headline", "text": "a\nb"}).isprintable()


def test_a_notice_of_an_order_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    notice = Notice(client_order_id="a", strategy="s", tws_code=399, text=EVIL)
    Story(echo).receive(notice, 0.0)
    assert harmless(capsys.readouterr().out)

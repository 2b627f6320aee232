"""What is looked up from the command line: within 80 columns for people, whole for programs."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.cluster import Cluster
from twsmq.cli import main

AAPL, AAPL_ID = "STK:AAPL:SMART:USD", 265598
LOOK_UPS: dict[str, tuple[str, ...]] = {
    "contract": ("contract", AAPL),
    "contracts": ("contract", "FUT:ES:CME:USD", "--all"),
    "hours": ("contract", AAPL, "--hours"),
    "chain": ("chain", AAPL),
    "expiries": ("chain", AAPL, "--expiries"),
    "search": ("search", "AAP"),
    "snapshot": ("snapshot", AAPL, "CASH:EUR:IDEALPRO:USD"),
    "scanner": ("scanner", "TOP_PERC_GAIN", "--rows", "5"),
    "codes": ("scanner", "--codes", "gain"),
    "news": ("news", AAPL, "--limit", "5"),
    "providers": ("news", "--providers"),
    "bars": (
        "history",
        "bars",
        AAPL,
        "--size",
        "1m",
        "--from",
        "2026-01-05T14:30",
        "--to",
        "2026-01-05T15:30",
    ),
    "days": ("history", "bars", AAPL, "--size", "1d", "--duration", "2W"),
    "ticks": ("history", "ticks", AAPL, "--from", "2026-01-05T14:30", "--limit", "20"),
    "quotes": ("history", "ticks", AAPL, "--from", "2026-01-05T14:30", "--limit", "20", "--what", "BID_ASK"),
    "head": ("history", "head", AAPL),
    "schedule": ("history", "schedule", AAPL, "--from", "2026-01-05", "--to", "2026-02-05"),
    "histogram": ("history", "histogram", AAPL),
}


class Command:
    """In this process: a hundred interpreters would take minutes to start."""

    def __init__(self, cluster: Cluster) -> None:
        self._config = str(cluster.config)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(
            main, [*words, "--config", self._config], prog_name="twsmq", env={"COLUMNS": "80"}
        )


@pytest.fixture
def command(cluster: Cluster) -> Command:
    return Command(cluster)


def told(command: Command, *words: str) -> list[str]:
    done = command.run(*words)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines
    return lines


@pytest.mark.parametrize("name", LOOK_UPS)
def test_people_get_a_table_and_programs_every_field(name: str, command: Command) -> None:
    words = LOOK_UPS[name]
    assert max(map(len, told(command, *words))) <= 80
    rows: list[dict[str, Any]] = [json.loads(line) for line in told(command, *words, "--json")]
    table = list(csv.DictReader(told(command, *words, "--csv")))
    assert len(rows) == len(table) > 0
    for row, line in zip(rows, table, strict=True):
        assert {key for key, value in row.items() if value} <= set(line)
    same = [key for key in ("con_id", "code", "article_id", "expiry", "what", "date") if key in rows[0]]
    for key in same:
        assert [str(row[key] or "") for row in rows] == [line[key] for line in table]


def test_the_ranks_of_a_scan_are_the_same_in_every_form(command: Command) -> None:
    scan = ("scanner", "TOP_PERC_GAIN", "--rows", "3")
    ranks = [row["rank"] for row in csv.DictReader(told(command, *scan, "--csv"))]
    assert ranks == ["0", "1", "2"]
    cells = [line.split() for line in told(command, *scan)]
    assert [words[0] for words in cells if words and words[0].isdigit()] == ranks


def test_no_more_ticks_are_printed_than_were_asked_for(command: Command) -> None:
    done = command.run("history", "ticks", AAPL, "--from", "2026-01-05T14:30", "--limit", "1", "--json")
    assert len(done.stdout.splitlines()) == 1
    assert "stopped after 1" in done.stderr


def test_bars_are_those_of_the_hour(command: Command) -> None:
    lines = list(csv.DictReader(told(command, *LOOK_UPS["bars"], "--csv")))
    assert len(lines) == 60
    assert (lines[0]["time"], lines[-1]["time"]) == ("2026-01-05T14:30:00Z", "2026-01-05T15:29:00Z")
    assert all(float(line["low"]) <= float(line["open"]) <= float(line["high"]) for line in lines)


def test_an_ambiguous_contract_names_what_tells_apart(command: Command) -> None:
    done = command.run("contract", "FUT:ES:CME:USD")
    assert done.exit_code == 1
    assert "contracts match: name the expiry, or give CONID:<conId>" in done.stderr
    assert len(done.stdout.splitlines()) > 2


def test_an_unknown_contract_is_one_line(command: Command) -> None:
    done = command.run("contract", "STK:NOSUCHTHING:SMART:USD")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "STK:NOSUCHTHING:SMART:USD" in done.stderr
    assert "[gateway error 200]" in done.stderr
    done = command.run("contract", "--local-symbol", "NOSUCHTHING", "--sec-type", "FUT", "--exchange", "CME")
    assert "found for the request: NOSUCHTHING" in done.stderr


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("contract", "AAPL"), "INSTRUMENT"),
        (("contract",), "give one of INSTRUMENT"),
        (("contract", "--expired"), "give one of INSTRUMENT"),
        (("contract", "--isin", "US03"), "isin"),
        (("contract", AAPL, "--sec-type", "STK"), "sec_type"),
        (("contract", AAPL, "--all", "--hours"), "--all"),
        (("contract", "--isin", "US0378331005", "--hours"), "--hours"),
        (("chain", AAPL, "--expiry", "2026-12-18"), "expiry"),
        (("chain", AAPL, "--trading-class", ""), "trading_class"),
        (("chain", AAPL, "--expiries", "--expiry", "20261218"), "--expiries"),
        (("search", ""), "pattern"),
        (("snapshot", AAPL, "AAPL"), "INSTRUMENT..."),
        (("snapshot", AAPL, "--data", "old"), "--data"),
        (("scanner",), "which scan"),
        (("scanner", "TOP", "--rows", "51"), "--rows"),
        (("scanner", "TOP", "--above-price", "0"), "--above-price"),
        (("scanner", "TOP", "--filter", "x"), "--filter"),
        (("news",), "INSTRUMENT"),
        (("news", AAPL, "--from", "2026-01-01", "--to", "2026-01-02"), "--from and --to"),
        (("news", AAPL, "--limit", "301"), "--limit"),
        (("news", "--article", "A", "B", "--csv"), "--csv"),
        (("history", "bars", AAPL, "--size", "7m", "--duration", "1D"), "--size"),
        (("history", "bars", AAPL, "--size", "1m"), "--duration"),
        (("history", "bars", AAPL, "--size", "1m", "--duration", "two days"), "duration"),
        (("history", "bars", AAPL, "--size", "1m", "--from", "yesterday"), "--from"),
        (("history", "bars", AAPL, "--size", "1m", "--from", "1969-12-31"), "--from"),
        (("history", "bars", AAPL, "--size", "1m", "--from", "2026-01-02", "--to", "2026-01-01"), "--to"),
        (("history", "bars", AAPL, "--size", "1m", "--duration", "1D", "--what", "LAST"), "--what"),
        (("history", "bars", AAPL, "--size", "1m", "--duration", "1D", "--what", "ADJUSTED_LAST",
          "--to", "2026-01-01"), "to"),
        (("history", "ticks", AAPL), "--from"),
        (("history", "ticks", AAPL, "--from", "2026-01-05", "--limit", "0"), "--limit"),
        (("history", "schedule", AAPL, "--from", "2026-01-05", "--to", "2026-01-05"), "--to"),
        (("history", "histogram", AAPL, "--period", "1"), "period"),
        (("history", "head", "STK:"), "INSTRUMENT"),
    ],
)  # fmt: skip
def test_bad_input_names_its_field(words: tuple[str, ...], field: str, command: Command) -> None:
    done = command.run(*words)
    assert done.exit_code in (1, 2)
    assert not done.stdout
    assert field in done.stderr
    assert "Traceback" not in done.stderr

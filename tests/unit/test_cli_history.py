"""What `twsmq history` refuses, and with which words; what it prints of a folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.history_of_a_desk import AAPL, DAY, NEW_YEARS_EVE, Past, Run, order
from twsmq.cli.root import main
from twsmq.download.store import year_file

GOOD = {
    "--instrument": AAPL, "--from": "2026-01-05", "--to": "2026-01-09", "--size": "1m", "-o": "bars",
}  # fmt: skip


def run(tmp_path: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words], catch_exceptions=False)


def download(tmp_path: Path, **changes: str) -> Result:
    words = (
        GOOD
        | {"-o": str(tmp_path / "bars")}
        | {f"--{name.strip('_')}": text for name, text in changes.items()}
    )
    return run(tmp_path, "history", "download", *[part for pair in words.items() for part in pair])


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("instrument", "AAPL", "AAPL"),
        ("instrument", "STK:AAPL", "needs at least"),
        ("from_", "yesterday", "'yesterday' is no date like 2026-01-05"),
        ("from_", "2026-02-30", "'2026-02-30' is no date"),
        ("from_", "1969-12-31", "is no date"),
        ("from_", "2026-01-09", "--to must be later than --from"),
        ("from_", "2190-01-01", "--to must be later than --from"),
        ("to", "20260109", "'20260109' is no date"),
        ("size", "7m", "'7m' is not one of '1s', '5s'"),
        ("what", "LAST", "'LAST' is not one of 'TRADES'"),
        ("format", "xlsx", "'xlsx' is not one of 'parquet', 'csv'"),
        ("universe", "/nowhere/universe.txt", "cannot read /nowhere/universe.txt"),
        ("output", __file__, "is a file"),
        ("output", "", "it is empty, as an unset variable is"),
    ],
)
def test_bad_input_names_its_option(tmp_path: Path, option: str, value: str, words: str) -> None:
    result = download(tmp_path, **{option: value})
    assert result.exit_code == 2, result.output
    said = " ".join(result.output.split())
    named = f"--{option.strip('_')}"
    assert f"'{named}'" in said or named in said.split("Error:")[-1]
    assert words in said
    assert not (tmp_path / "bars").exists()


def test_a_range_that_has_not_begun(tmp_path: Path) -> None:
    result = download(tmp_path, from_="2150-01-01", to="2151-01-01")
    assert result.exit_code == 2
    assert "there is no finished 1m bar since then" in result.output


def test_a_universe_names_its_line(tmp_path: Path) -> None:
    universe = tmp_path / "universe.txt"
    universe.write_text(f"# mine\n{AAPL}  # the first\n\nSTK:\n")
    result = download(tmp_path, universe=str(universe))
    assert result.exit_code == 2
    assert f"{universe}:4:" in "".join(result.output.split())
    universe.write_text("# none yet\n")
    assert "names no instrument" in download(tmp_path, universe=str(universe)).output


def test_a_universe_as_windows_writes_it(tmp_path: Path, config_file: Path) -> None:
    """With a mark at its beginning; what is wrong is then only that no cluster runs."""
    universe = tmp_path / "universe.txt"
    for content in (f"\ufeff# mine\r\n{AAPL}\r\n", f"\ufeff{AAPL}\r\n\r\n{AAPL}"):
        universe.write_bytes(content.encode())
        result = download(tmp_path, universe=str(universe), config=str(config_file))
        assert (result.exit_code, "does not listen" in result.output) == (3, True), result.output
    universe.write_bytes(f"\ufeff{AAPL}\n".encode("utf-16"))
    assert "cannot read" in download(tmp_path, universe=str(universe)).output


def test_a_name_that_no_folder_can_have(tmp_path: Path) -> None:
    legs = ",".join(f"+1x{con_id}@SMART" for con_id in range(100_000_000, 100_000_020))
    result = download(tmp_path, instrument=f"BAG:SPY:SMART:USD:{legs}")
    assert result.exit_code == 2
    assert "too long for the name of a folder" in " ".join(result.output.split())


def test_a_time_out_that_no_comparison_ends(tmp_path: Path) -> None:
    result = run(tmp_path, "history", "head", AAPL, "--timeout", "nan")
    assert (result.exit_code, "'--timeout'" in result.output) == (2, True)


def test_no_instrument_at_all(tmp_path: Path) -> None:
    words = ["--from", "2026-01-05", "--to", "2026-01-09", "--size", "1m", "-o", str(tmp_path / "bars")]
    result = run(tmp_path, "history", "download", *words)
    assert result.exit_code == 2
    assert "Give --instrument, or --universe FILE" in result.output


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = download(tmp_path)
    assert result.exit_code == 1
    assert result.output == (
        "twsmq: Parquet needs pyarrow: pip install 'twsmq[parquet]' (or give --format csv)\n"
    )


def test_verify_tells_what_is_missing(tmp_path: Path) -> None:
    begin = NEW_YEARS_EVE - 3 * DAY
    assert Run(tmp_path, Past(), order(begin, NEW_YEARS_EVE))()
    whole = run(tmp_path, "history", "verify", str(tmp_path))
    assert (whole.exit_code, whole.output.splitlines()[-1]) == (0, "complete")
    year_file(tmp_path, AAPL, 2026, "parquet").unlink()
    broken = run(tmp_path, "history", "verify", str(tmp_path))
    assert broken.exit_code == 1
    assert "390 bars from 2026-12-28 14:30Z to 2026-12-28 21:00Z: gone from the data file" in broken.output
    told = run(tmp_path, "history", "verify", str(tmp_path), "--json")
    report = json.loads(told.output)
    assert (told.exit_code, report["complete"]) == (1, False)
    first = report["instruments"][0]
    wanted = {"instrument": AAPL, "bars": 0, "missing": 3 * 390, "doubled": 0}
    assert {name: first[name] for name in wanted} == wanted


def test_verify_of_no_download(tmp_path: Path) -> None:
    result = run(tmp_path, "history", "verify", str(tmp_path))
    assert result.exit_code == 2
    assert "holds no download" in result.output

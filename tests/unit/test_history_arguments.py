"""Each argument of history's ops and commands, wrong in every way: the answer names it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypeAlias

import msgpack
import pytest
from click.testing import CliRunner, Result
from support.history_of_a_desk import AAPL
from twsmq.cli.root import main
from twsmq_protocol import codec
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.requests import OPS

NAN, INF = float("nan"), float("inf")
Wrong: TypeAlias = tuple[Any, ...]
NO_INT: Wrong = (1.5, NAN, INF, -1, 2**63, 2**64 - 1, -(2**63), "", "1", [], {}, [1], b"1", True)
NO_FLAG: Wrong = (None, 0, 1, "", "true", [], {}, NAN)
NO_NAME: Wrong = (None, 0, 5, True, "", "AAPL", "STK:", "STK:AAPL", "\0", "STK:AAPL:SMART:USD\n", [],
           {}, "A" * 5000, [AAPL], b"STK:AAPL:SMART:USD")  # fmt: skip
NO_AGE: Wrong = (-1, -0.5, NAN, INF, -INF, 1e10, "", "60", [], {}, True)
NO_CHOICE: Wrong = (0, True, "", "trades", "LAST", "TRADES ", [], {}, ["TRADES"])
NO_LENGTH: Wrong = (
    0,
    5,
    "",
    "D",
    "0D",
    "-1D",
    "1.5D",
    "1d",
    "1 D",
    "01D",
    "D1",
    "1H",
    "1Dx",
    "9999999D",
    [],
    {},
)
GOOD: dict[str, dict[str, Any]] = {
    "bars": {"instrument": AAPL, "size": "1m", "from": 1, "to": 2},
    "ticks": {"instrument": AAPL, "from": 1, "to": 2},
    "head_timestamp": {"instrument": AAPL},
    "schedule": {"instrument": AAPL, "from": 1, "to": 2},
    "histogram": {"instrument": AAPL, "period": "1D"},
}
WRONG: dict[str, Wrong] = {
    "instrument": NO_NAME, "max_age": NO_AGE, "from": NO_INT, "to": NO_INT, "rth": NO_FLAG, "bulk": NO_FLAG,
    "columns": NO_FLAG, "packed": NO_FLAG, "ignore_size": NO_FLAG, "what": NO_CHOICE, "period": NO_LENGTH,
    "duration": NO_LENGTH, "size": (None, 0, "", "7m", "1M", "60", "1m ", [], {}, "1" * 5000),
    "limit": (None, 0, -1, 1.5, NAN, 20_001, 2**63, "", "5", [], True),
}  # fmt: skip


def wrong(op: str) -> list[tuple[str, str, Any]]:
    return [(op, name, value) for name in OPS[op].args.__struct_encode_fields__ for value in WRONG[name]]


def refused(op: str, args: Any) -> RequestError:
    frame = msgpack.packb({"v": 1, "id": 7, "op": op, "args": args})
    with pytest.raises(RequestError) as caught:
        codec.decode_args(codec.decode_request(frame), OPS[op].args)
    return caught.value


@pytest.mark.parametrize("op", sorted(GOOD))
def test_an_op_names_the_argument_that_is_wrong(op: str) -> None:
    frame = msgpack.packb({"v": 1, "id": 7, "op": op, "args": GOOD[op]})
    codec.decode_args(codec.decode_request(frame), OPS[op].args)
    for _, name, value in wrong(op):
        args = GOOD[op] | {name: value}
        if name == "duration":
            del args["from"]
        error = refused(op, args)
        assert (error.code, error.field) == (ErrorCode.INVALID_ARGUMENT, name), (name, value, error)
        assert name in error.message
        assert len(error.message) < 700, "a line, whatever came"
    for name in GOOD[op]:
        if name in ("instrument", "size") or (name == "from" and op != "bars"):
            error = refused(op, {key: value for key, value in GOOD[op].items() if key != name})
            assert (error.field, error.message) == (name, f"{name} is missing")
    error = refused(op, GOOD[op] | {"form": 1})
    assert (error.field, "unknown; known here: instrument" in error.message) == ("form", True)


@pytest.mark.parametrize("op", ["bars", "ticks", "schedule"])
@pytest.mark.parametrize("to", [0, 1])
def test_a_range_that_ends_before_it_begins(op: str, to: int) -> None:
    assert refused(op, GOOD[op] | {"to": to}).field == "to"


def test_bars_want_one_beginning_and_one_form() -> None:
    assert refused("bars", GOOD["bars"] | {"duration": "1D"}).field == "duration"
    assert refused("bars", GOOD["bars"] | {"columns": True, "packed": True}).field == "packed"


# --- the same on the command line --------------------------------------------------------------------------

BAD_TIMES = ("", "yesterday", "2026-02-30", "2026-13-01", "1969-12-31", "-1", "nan", "1e9", "9999-12-31",
             "2026-01-05T25:00", "2026-01-05T14:30+99:00", "\0", "2026-01-05" * 500)  # fmt: skip
BAD_NAMES = ("", "AAPL", "STK:", "STK:AAPL", "[]", "A" * 5000, "CONID:x", "STK:\x1b[2J:A:B")
BAD_SECONDS = ("", "nan", "inf", "-1", "0", "1e9", "x")
COMMANDS: dict[str, dict[str, tuple[str, ...]]] = {
    "bars": {
        "--size": ("", "7m", "1M", "nan"), "--from": BAD_TIMES, "--to": BAD_TIMES, "--timeout": BAD_SECONDS,
        "--what": ("", "LAST", "[]"), "INSTRUMENT": BAD_NAMES,
    },
    "ticks": {
        "--from": BAD_TIMES, "--to": BAD_TIMES, "--timeout": BAD_SECONDS, "--what": ("", "LAST"),
        "--limit": ("", "0", "-1", "nan", "1.5"), "INSTRUMENT": BAD_NAMES,
    },
    "head": {"--timeout": BAD_SECONDS, "--what": ("", "LAST"), "INSTRUMENT": BAD_NAMES},
    "schedule": {
        "--from": BAD_TIMES, "--to": BAD_TIMES, "--timeout": BAD_SECONDS, "INSTRUMENT": BAD_NAMES,
    },
    "histogram": {
        "--period": ("", "D", "0D", "-1D", "1H", "1.5D", "nan", "9999999D"), "--timeout": BAD_SECONDS,
        "INSTRUMENT": BAD_NAMES,
    },
}  # fmt: skip
REST: dict[str, dict[str, str]] = {
    "bars": {"--size": "1m", "--from": "2026-01-05"},
    "ticks": {"--from": "2026-01-05"},
    "head": {},
    "schedule": {"--from": "2026-01-05"},
    "histogram": {},
}


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["history", *words], catch_exceptions=False)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_command_names_the_option_that_is_wrong(command: str, config_file: Path) -> None:
    for option, values in COMMANDS[command].items():
        for value in values:
            options = REST[command] | ({option: value} if option != "INSTRUMENT" else {})
            name = value if option == "INSTRUMENT" else AAPL
            words = [word for pair in options.items() for word in pair]
            result = run(command, *words, "--config", str(config_file), "--", name)
            said = " ".join(result.output.split())
            assert result.exit_code == 2, (option, value, said)
            assert option in said.split("Error:")[-1], (option, value, said)
            assert "Traceback" not in said
    mistyped = run(command, "--sizes", "1m", AAPL)
    assert (mistyped.exit_code, "--sizes" in mistyped.output) == (2, True)


@pytest.mark.parametrize("command", ["bars", "ticks", "schedule"])
def test_a_command_whose_range_ends_before_it_begins(command: str, config_file: Path) -> None:
    words = [word for pair in REST[command].items() for word in pair]
    result = run(command, *words, "--to", "2026-01-04", "--config", str(config_file), AAPL)
    assert (result.exit_code, "--to must be later than --from" in result.output) == (2, True)


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8", reason="arguments are another encoding's")
@pytest.mark.parametrize(
    "words",
    [
        ["schedule", "--from", "2026-01-05", "STK:\udcff:SMART:USD"],
        ["schedule", "--from", "\udcff", AAPL],
        ["histogram", "--period", "\udcff", AAPL],
        ["histogram", "STK:\udcff:SMART:USD"],
        ["download", "--instrument", "STK:\udcff:SMART:USD", "--from", "2026-01-05", "--to", "2026-01-06",
         "--size", "1m", "-o", "bars"],
        ["download", "--instrument", AAPL, "--from", "\udcff", "--to", "2026-01-06", "--size", "1m",
         "-o", "bars"],
        ["verify", "no\udcffwhere"],
    ],
)  # fmt: skip
def test_what_is_no_text_is_refused_in_a_line(words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Missing argument 'DIR'"),
        ([""], "'DIR': it is empty"),
        ([__file__], "is a file"),
        (["/nowhere/at/all"], "holds no download"),
        (["x" * 300], "File name too long"),
        (["/dev/null/x"], "holds no download"),
        ([".", "."], "unexpected extra argument"),
        ([".", "--csv"], "--csv"),
    ],
)
def test_verify_names_what_is_wrong(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("verify", *words)
    assert (result.exit_code, said in " ".join(result.output.split())) == (2, True), result.output

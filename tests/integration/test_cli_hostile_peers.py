"""Whatever processes, gateways or other clients say, no command lets it act on the terminal.

Every process of the cluster is played by pyzmq and msgpack; each text in each of their results, refusals and
events holds escape sequences, a C1 control, a bidirectional override and a line that pretends to be ours.
"""

from __future__ import annotations

import csv
import json
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec import inspect
from support.plain_process import OFFSETS, PlainProcess
from twsmq.cli import main
from twsmq.cli.watch import HEADER
from twsmq_protocol.codec import EVENT_TYPES
from twsmq_protocol.envelope import Event
from twsmq_protocol.order_events import Order
from twsmq_protocol.requests import OPS

EVIL = "E\x1b[2J\x1b]0;x\x07\x9b31m\u202e\u2066\rf\x7f\u2028\ncli/fake: filled"
AN_ORDER = ("--instrument", "STK:A:SMART:USD", "--side", "BUY", "--quantity", "1", "--order-type", "MKT")
COMMANDS: dict[str, tuple[str, ...]] = {
    "status": (),
    "health": ("orders", "--timeout", "1"),
    "watch": ("--count", "1", "node/orders/"),
    "snapshot": (AN_ORDER[1],),
    "contract": (AN_ORDER[1],),
    "chain": (AN_ORDER[1],),
    "search": ("a",),
    "scanner": ("TOP",),
    "news": (AN_ORDER[1],),
    "history bars": (AN_ORDER[1], "--size", "1m", "--duration", "1D"),
    "history ticks": (AN_ORDER[1], "--from", "2026-01-05"),
    "history head": (AN_ORDER[1],),
    "history schedule": (AN_ORDER[1], "--from", "2026-01-05"),
    "history histogram": (AN_ORDER[1],),
    "order place": (*AN_ORDER, "--timeout", "0.3"),
    "order cancel": ("--client-order-id", "a"),
    "order cancel-all": ("--strategy", "a"),
    "order list": (),
    "order modify": ("--client-order-id", "a", "--limit-price", "1", "--timeout", "0.3"),
    "order bracket": (*AN_ORDER[:6], "--stop-loss", "1"),
    "order preview": AN_ORDER,
    "order watch": ("--seconds", "0.3"),
    "order exercise": (
        "--instrument",
        "OPT:A:SMART:USD:20270115:C:1",
        "--quantity",
        "1",
        "--confirm",
        "exercise",
    ),
    "order cancel-foreign": ("1",),
    "order resolve": ("--client-order-id", "a", "--status", "filled", "--reason", "a"),
    "orders executions": (),
    "budget": ("--seconds", "0"),
    "client-ids": (),
    "why": ("orders",),
    "blame": (),
    "reload": (),
    "restart": ("orders",),
    "positions": (),
    "account": (),
    "flatten": ("--confirm", "flatten"),
    "halt": ("--reason", "a"),
    "resume": (),
    "risk show": (),
    "risk set": ("--max-position", "1"),
}
OTHER_FORMS: dict[str, tuple[str, ...]] = {
    "contract": ("--all", "--hours", "--increments"),
    "chain": ("--expiries",),
    "scanner": ("--codes",),
}
"""Options that make a command show something else."""
SLOW = frozenset(
    ("order bracket", "flatten")
)  # they wait for what a liar never says; their parts are other commands'
OWN_TESTS = frozenset(
    ("up", "down", "record", "replay", "orders export", "orders forget", "conform", "top", "web",
     "attach", "report", "logs", "alerts ack", "alerts silence", "alerts test", "simulator run",
     "simulator fault", "simulator faults", "doctor", "history download", "history verify")
)  # fmt: skip
"""They show nothing of a process's answers, or a test of their own plays what they ask."""


def leaves(command: click.Command, name: str = "") -> Iterator[str]:
    if isinstance(command, click.Group):
        with command.make_context("twsmq", ["--help"], resilient_parsing=True) as context:
            for each in command.list_commands(context):
                inner = command.get_command(context, each)
                assert inner is not None
                yield from leaves(inner, f"{name} {each}".strip())
    else:
        yield name


def test_every_command_that_shows_answers_is_tried() -> None:
    """A new command gets a row above, or a name in OWN_TESTS with a test of its own."""
    known = {*COMMANDS, *OWN_TESTS}
    assert {name for name in leaves(main) if name not in known and not name.startswith("keys")} == set()


def filled(at: inspect.Type) -> Any:
    """A value of a type, hostile wherever it is free to be."""
    match at:
        case inspect.UnionType(types=types):
            return filled(next(each for each in types if not isinstance(each, inspect.NoneType)))
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.IntType(ge=least):
            return least or 0
        case inspect.FloatType():
            return 1.0
        case inspect.BoolType():
            return False
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return [filled(item)]
        case inspect.TupleType(item_types=items):
            return [filled(each) for each in items]
        case inspect.DictType(key_type=key, value_type=value):
            return {filled(key): filled(value)}
        case inspect.StructType(fields=fields, tag_field=tag, tag=name):
            made = {field.encode_name: filled(field.type) for field in fields}
            return made | ({} if tag is None else {tag: name})
        case _:
            return EVIL


def an_answer(request: dict[str, Any]) -> dict[str, Any]:
    result = filled(inspect.type_info(OPS[request["op"]].result))
    if request["op"] == "get_orders":
        result["orders"] = [filled(inspect.type_info(Order))]
    if request["op"] == "status":
        result["gateway"] = filled(inspect.type_info(EVENT_TYPES["gateway"]))
    return {"ok": True, "result": result}


def a_refusal(_request: dict[str, Any]) -> dict[str, Any]:
    return {"ok": False, "error": {"code": EVIL, "message": EVIL, "field": EVIL, "tws_code": 1}}


def what_is_no_answer(_request: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "result": {EVIL: [EVIL]}}


class Liars:
    def __init__(self, port_base: int) -> None:
        self.answer: Any = an_answer
        self._threads: list[threading.Thread] = []
        self._processes = [PlainProcess(name, port_base, self._reply) for name in OFFSETS]

    def _reply(self, request: dict[str, Any]) -> dict[str, Any]:
        return self.answer(request)

    def publish_when_asked(self) -> None:
        """A heartbeat of the orders node, once somebody listens."""
        (orders,) = (each for each in self._processes if each.name == "orders")

        def publish() -> None:
            orders.await_subscription("node/orders/")
            beat = filled(inspect.type_info(EVENT_TYPES["heartbeat"]))
            own = {key: value for key, value in beat.items() if key not in HEADER}
            orders.publish("node/orders/", "heartbeat", **own)

        self._threads.append(threading.Thread(target=publish))
        self._threads[-1].start()

    def close(self) -> None:
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            process.close()


@pytest.fixture
def liars(port_base: int) -> Iterator[Liars]:
    playing = Liars(port_base)
    yield playing
    playing.close()


def run(name: str, words: tuple[str, ...], config: Path) -> Result:
    return CliRunner().invoke(main, [*name.split(), *words, "--config", str(config)], prog_name="twsmq")


def is_harmless(result: Result) -> None:
    for line in (result.stdout + result.stderr).split("\n"):
        bad = [c for c in line if not c.isprintable() or unicodedata.bidirectional(c) in ("RLO", "LRI")]
        assert bad == [], line
        assert not line.startswith("cli/fake"), "a text of theirs passes for a line of ours"
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception


ANSWERED = [
    pytest.param(name, answer, id=f"{name}-{answer.__name__}")
    for name in COMMANDS
    for answer in (an_answer, a_refusal, what_is_no_answer)
    if name not in SLOW or answer is a_refusal
]


@pytest.mark.parametrize(("name", "answer"), ANSWERED)
def test_a_command_shows_their_texts_escaped(name: str, answer: Any, liars: Liars, config_file: Path) -> None:
    liars.answer = answer
    if name == "watch":
        liars.publish_when_asked()
    is_harmless(run(name, COMMANDS[name], config_file))


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in SLOW and name != "health"])
def test_json_is_whole_and_harmless_too(name: str, liars: Liars, config_file: Path) -> None:
    if name == "watch":
        liars.publish_when_asked()
    result = run(name, (*COMMANDS[name], "--json"), config_file)
    is_harmless(result)
    for line in result.stdout.splitlines():
        json.loads(line)


LISTINGS = (
    "snapshot",
    "contract",
    "chain",
    "search",
    "scanner",
    "news",
    *(n for n in COMMANDS if "history" in n),
)


@pytest.mark.parametrize("name", LISTINGS)
def test_csv_is_harmless_too(name: str, liars: Liars, config_file: Path) -> None:
    result = run(name, (*COMMANDS[name], "--csv"), config_file)
    is_harmless(result)
    assert len(list(csv.reader(result.stdout.splitlines()))) != 1, "a head line and nothing below it"


@pytest.mark.parametrize(
    ("name", "option"), [(name, one) for name, options in OTHER_FORMS.items() for one in options]
)
@pytest.mark.parametrize("answer", [an_answer, what_is_no_answer])
def test_other_forms_are_harmless_too(
    name: str, option: str, answer: Any, liars: Liars, config_file: Path
) -> None:
    liars.answer = answer
    for more in ((), ("--json",), ("--csv",)):
        is_harmless(run(name, (*COMMANDS[name], option, *more), config_file))


@pytest.mark.parametrize(
    "words", [("--article", "A", "B"), ("--article", "A", "B", "--json"), ("--providers",)]
)
def test_articles_and_providers_are_harmless(words: tuple[str, ...], liars: Liars, config_file: Path) -> None:
    result = run("news", words, config_file)
    assert "cli/fake" in result.stdout
    for line in result.stdout.split("\n"):
        assert all(one.isprintable() and unicodedata.bidirectional(one) not in ("RLO", "LRI") for one in line)


@pytest.mark.parametrize("answer", [an_answer, a_refusal, what_is_no_answer])
def test_a_download_and_its_verdict_are_harmless(
    answer: Any, liars: Liars, config_file: Path, tmp_path: Path
) -> None:
    liars.answer = answer
    words = ("--from", "2026-01-05", "--to", "2026-01-06", "--size", "1m", "-o", str(tmp_path / "bars"))
    result = run("history download", ("--instrument", AN_ORDER[1], *words), config_file)
    is_harmless(result)
    assert result.exit_code == 1
    judged = CliRunner().invoke(main, ["history", "verify", str(tmp_path / "bars")], prog_name="twsmq")
    is_harmless(judged)
    assert judged.exit_code == 1


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_an_event_of_any_type_is_one_harmless_line(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    from twsmq.cli.order_story import in_words
    from twsmq.cli.terminal import echo, printable
    from twsmq.cli.watch import EventPrinter
    from twsmq.inbox import Received

    event: Event = msgspec.convert(filled(inspect.type_info(EVENT_TYPES[kind])), EVENT_TYPES[kind])
    EventPrinter(echo, as_json=False).print(Received(f"{kind}/{EVIL}/", event, 0), 0)
    told = in_words(event)
    echo("" if told is None else f"{told[0]}: {printable(told[1])}")
    shown = capsys.readouterr().out
    assert shown.count("\n") == 2
    assert all(line.isprintable() for line in shown.split("\n"))


def test_status_of_a_supervisor_that_refuses_is_one_line(liars: Liars, config_file: Path) -> None:
    liars.answer = a_refusal
    result = run("status", (), config_file)
    assert result.exit_code == 1
    assert not result.stdout
    assert result.stderr.count("\n") == 1

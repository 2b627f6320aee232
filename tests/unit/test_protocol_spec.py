"""SPEC.md says what the code says: every event, field, op, argument, error code and status, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import msgpack
import msgspec
import pytest
from msgspec import Struct, inspect
from twsmq_protocol import codec
from twsmq_protocol.envelope import PROTOCOL_VERSION, Event, Reply
from twsmq_protocol.errors import ErrorCode
from twsmq_protocol.market_events import StreamState
from twsmq_protocol.order_events import TERMINAL_STATUSES, OrderStatus, Side
from twsmq_protocol.requests import OPS, PRICES_NEEDED, TIFS
from twsmq_protocol.streams import BAR_SIZES, STREAMS
from twsmq_protocol.system_events import LinkState, NodeState, ProcessState

SPEC = (Path(__file__).parents[2] / "protocol" / "SPEC.md").read_text(encoding="utf-8")
WORDS: dict[type[inspect.Type], str] = {
    inspect.IntType: "int",
    inspect.FloatType: "float",
    inspect.StrType: "str",
    inspect.LiteralType: "str",
    inspect.BoolType: "bool",
    inspect.NoneType: "nil",
    inspect.ListType: "list",
    inspect.VarTupleType: "list",
    inspect.DictType: "map",
    inspect.StructType: "map",
    inspect.AnyType: "any",
}

Row = list[str]


def section(title: str, within: str = SPEC) -> str:
    """From the heading to the next of the same or a higher level."""
    heading = re.search(rf"^(##+) {re.escape(title)}$", within, re.MULTILINE)
    assert heading, f"SPEC.md has no section {title!r}"
    rest = within[heading.end() :]
    end = re.search(rf"^#{{2,{len(heading[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def table(text: str, first_column: str) -> list[Row]:
    """The rows of the table whose first column has that heading."""
    found = re.search(rf"^\| {first_column} \|.*\n\|[-|]+\|\n((?:\|.*\n?)*)", text, re.MULTILINE)
    assert found, f"no table of {first_column}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()]


def names(rows: list[Row]) -> list[str]:
    return [row[0].strip("| `") for row in rows]


def word(at: inspect.Type) -> str:
    if isinstance(at, inspect.UnionType):
        words = {word(each) for each in at.types}
        return ", ".join(sorted(words - {"nil"})) + (", nil" if "nil" in words else "")
    if isinstance(at, inspect.LiteralType) and None in at.values:  # how msgspec merges `Literal[...] | None`
        return "str, nil"
    return WORDS[type(at)]


def fields_of(kind: type[Struct], below: str = "") -> dict[str, str]:
    """Name and type of every field, those of structs in lists as `list[].field`."""
    shape = inspect.type_info(kind)
    assert isinstance(shape, inspect.StructType)
    found: dict[str, str] = {}
    for field in shape.fields:
        name = below + field.encode_name
        found[name] = word(field.type)
        if isinstance(field.type, inspect.ListType) and isinstance(field.type.item_type, inspect.StructType):
            found |= fields_of(field.type.item_type.cls, f"{name}[].")
    return found


def typed(rows: list[Row]) -> dict[str, str]:
    return dict(zip(names(rows), (row[1] for row in rows), strict=True))


def own(kind: type[Event]) -> dict[str, str]:
    header = fields_of(Event)
    return {name: at for name, at in fields_of(kind).items() if name not in header}


def test_it_is_the_spec_of_this_version_and_dated():
    assert re.search(rf"\| protocol version \| \*\*{PROTOCOL_VERSION}\*\*", SPEC)
    assert re.search(r"\| revision of this text \| \d{4}-\d\d-\d\d \|", SPEC)


def test_the_header_of_events_has_every_field():
    header = section("Events").split("### ")[0]
    assert typed(table(header, "field")) == {"type": "str"} | fields_of(Event)


def test_every_event_type_has_a_section_and_there_is_no_other():
    assert re.findall(r"^### `(.*)`$", section("Events"), re.MULTILINE) == list(codec.EVENT_TYPES)


@pytest.mark.parametrize("kind", codec.EVENT_TYPES)
def test_every_field_of_an_event_is_there_with_its_type(kind: str):
    assert typed(table(section(f"`{kind}`"), "field")) == own(codec.EVENT_TYPES[kind])


def op_section(op: str) -> str:
    """An event may have the same name."""
    return section(f"`{op}`", section("Ops"))


def table_of(op: str, what: str) -> list[Row]:
    """Its own, or that of another op which has the same."""
    text = op_section(op)
    as_of = re.search(rf"^{what.capitalize()}s? as of `(\w+)`\.$", text, re.MULTILINE)
    return table(op_section(as_of[1]) if as_of else text, what)


def test_every_op_has_a_section_and_there_is_no_other():
    assert set(re.findall(r"^### `(.*)`$", section("Ops"), re.MULTILINE)) == set(OPS)


def default_of(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    factory = field.default_factory
    value = factory() if field.default is msgspec.NODEFAULT and callable(factory) else field.default
    return msgspec.json.encode(value).decode().strip('"').replace("null", "nil")


@pytest.mark.parametrize("op", OPS)
def test_every_argument_of_an_op_is_there_with_type_and_default(op: str):
    rows = table_of(op, "argument")
    assert typed(rows) == fields_of(OPS[op].args)
    for field, row in zip(msgspec.structs.fields(OPS[op].args), rows, strict=True):
        assert row[2].strip('`"') == default_of(field)


@pytest.mark.parametrize("op", OPS)
def test_every_field_of_a_result_is_there_with_its_type(op: str):
    result = OPS[op].result
    tag = {"type": "str"} if issubclass(result, Event) else {}
    assert typed(table_of(op, "result")) == tag | fields_of(result)


@pytest.mark.parametrize("op", OPS)
def test_an_op_names_who_answers_it(op: str):
    assert f"Answered by {OPS[op].process or 'every process'}" in op_section(op).replace("the ", "")


def test_every_error_code_is_there():
    assert names(table(section("Error codes"), "code")) == [code.value for code in ErrorCode]


def test_the_reply_has_every_field():
    assert names(table(section("Requests"), "reply")) == list(Reply.__struct_encode_fields__)


def test_every_order_status_is_there_and_rightly_finished_or_not():
    rows = table(section("Orders"), "status")
    assert names(rows) == list(get_args(OrderStatus))
    assert {name for name, row in zip(names(rows), rows, strict=True) if row[2] == "yes"} == TERMINAL_STATUSES


def test_every_stream_state_is_there():
    assert names(table(section("`stream`"), "state")) == list(get_args(StreamState))


@pytest.mark.parametrize(
    ("title", "values"),
    [
        ("`heartbeat`", get_args(NodeState)),
        ("`process`", set(get_args(ProcessState)) - set(get_args(NodeState))),
        ("`gateway`", get_args(LinkState)),
        ("`place_order`", [*PRICES_NEEDED, *TIFS, *get_args(Side)]),
    ],
)
def test_every_value_of_a_closed_set_is_named(title: str, values: list[str]):
    for value in values:
        assert f"`{value}`" in section(title)


def test_the_worked_example_is_python_and_its_requests_are_understood():
    (program,) = re.findall(r"```python\n(.*?)```", section("Example"), re.DOTALL)
    tree = ast.parse(program)
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"time", "msgpack", "zmq"}
    order = next(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "order"
    )
    scope = {"time": __import__("time"), "event": {"ask": 187.43}}
    args = eval(compile(ast.Expression(order), "SPEC.md", "eval"), scope)
    request = codec.decode_request(msgpack.packb({"v": 1, "id": 1, "op": "place_order", "args": args}))
    assert codec.decode_args(request, OPS["place_order"].args)


def test_the_table_of_topics_lists_the_streams_and_their_events():
    rows = [row for row in table(section("Topics"), "topic") if row[1] == "a market-data shard"]
    listed = {row[0].strip("| `").partition("/")[0]: re.findall(r"`(\w+)`", row[2]) for row in rows}
    tags = {
        kind: [str(event.__struct_config__.tag) for event in stream.events]
        for kind, stream in STREAMS.items()
    }
    assert list(listed) == list(STREAMS)
    assert listed == tags


def test_the_table_of_options_lists_every_option_with_the_streams_that_have_it():
    rows = table(section("Topics"), "option")
    listed = {row[0].strip("| `"): set(re.findall(r"`(\w+)/`", row[1])) for row in rows}
    having: dict[str, set[str]] = {}
    for kind, stream in STREAMS.items():
        for option in stream.options:
            having.setdefault(option, set()).add(kind)
    assert listed == having


def test_the_sizes_of_bars_are_listed():
    sizes = re.search(r"`<size>` of `bars/` is one of `([^`]+)`", section("Topics"))
    assert sizes is not None
    assert sizes[1].split() == list(BAR_SIZES)

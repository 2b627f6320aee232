"""docs/reach.toml names all that the installed ibapi has and nothing else, and claims what the code does."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import twsmq_nodes
from ibapi.client import EClient
from ibapi.contract import Contract as IbContract
from ibapi.contract import ContractDetails as IbContractDetails
from ibapi.order import Order as IbOrder
from ibapi.wrapper import EWrapper
from support.docs_scripts import DOCS, docs_script
from twsmq_nodes.tws import adapter_inbound, reference_requests, requests, stream_requests
from twsmq_nodes.tws.adapter import HIGHEST_SERVER_VERSION, MAX_SERVER_VERSION, Codec
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.errors import EncodeRefused
from twsmq_nodes.tws.orders import OrderFields
from twsmq_nodes.tws.requests import PlaceOrder
from twsmq_protocol import order_requests
from twsmq_protocol.codec import EVENT_TYPES
from twsmq_protocol.instruments import Instrument
from twsmq_protocol.requests import OPS, ContractRow
from twsmq_protocol.topics import FIRST_LEVELS

PROTOBUF = "ProtoBuf"


REACH = docs_script("reach")
TABLE: dict[str, dict[str, Any]] = REACH.read()
ORDER = TABLE["order"]
EXTRA = {name: entry for name, entry in ORDER.items() if entry.get("extra")}
LEFT_OUT = [name for name, entry in ORDER.items() if "never" in entry or "not_yet" in entry]
STOCK = Contract(con_id=1, symbol="AAPL", sec_type="STK", exchange="IBKRATS", currency="USD")


def methods(kind: type) -> set[str]:
    return {name for name, one in vars(kind).items() if inspect.isfunction(one) and not name.startswith("_")}


def names_in_ibapi() -> Iterator[tuple[str, set[str]]]:
    yield "requests", methods(EClient) - set(TABLE["machinery"]["names"])
    yield "callbacks", methods(EWrapper)
    yield "order", set(vars(IbOrder()))
    yield "contract", set(vars(IbContract()))
    yield "contract_details", set(vars(IbContractDetails()))


@pytest.mark.parametrize(("section", "there"), [*names_in_ibapi()])
def test_what_ibapi_has_is_named_and_nothing_else(section: str, there: set[str]) -> None:
    told = set(TABLE[section])
    irregular: dict[str, str] = TABLE.get(f"{section}_in_protobuf", {})
    twins = {
        name for name in there - told if name.removesuffix(PROTOBUF) in told or irregular.get(name) in told
    }
    assert sorted(there - told - twins) == [], "ibapi has these: add them to docs/reach.toml"
    assert sorted((told | set(irregular)) - there) == [], "ibapi does not have these"


def test_the_machinery_is_ibapis() -> None:
    assert set(TABLE["machinery"]["names"]) <= methods(EClient)


def test_the_page_is_written_from_the_table() -> None:
    written = (DOCS / "reach.md").read_text(encoding="utf-8")
    assert written == REACH.page(TABLE), "docs/reach.md is stale: make reach"


@pytest.mark.parametrize("section", REACH.SECTIONS)
def test_what_is_claimed_is_ours(section: str) -> None:
    for name, entry in TABLE[section].items():
        REACH.state_of(entry)
        assert set(entry.get("ops", ())) <= set(OPS), name
        assert set(entry.get("topics", ())) <= set(FIRST_LEVELS), name
        assert set(entry.get("events", ())) <= set(EVENT_TYPES), name


# --- requests and callbacks: used by a node exactly where the table says so --------------------------------

REQUESTS = (requests, stream_requests, reference_requests)


def words_of_the_nodes() -> set[str]:
    """Every name in the nodes' sources but in those that only declare requests and events."""
    root = Path(twsmq_nodes.__file__).parent
    declare = {
        "requests.py",
        "stream_requests.py",
        "reference_requests.py",
        "events.py",
        "reference_events.py",
        "order_template.py",
    }
    found: set[str] = set()
    for file in root.rglob("*.py"):
        if file.parent.name == "tws" and (file.name in declare or file.name.startswith("adapter")):
            continue
        if file.name in ("ranges.py", "absence.py"):  # look at every event for absurd values, and hand it on
            continue
        nodes = [*ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
        of_the_protocol = {  # which has words like the gateway's
            alias.name
            for node in nodes
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("twsmq_protocol")
            for alias in node.names
        }
        found |= {node.id for node in nodes if isinstance(node, ast.Name)} - of_the_protocol
        found |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        found |= {
            alias.name
            for node in nodes
            if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("twsmq_protocol")
            for alias in node.names
            if alias.asname in found
        }
    return found


NODES = words_of_the_nodes()


def request_classes() -> dict[str, set[str]]:
    """By EClient's method, the request of ours that calls it."""
    return {kind.METHOD: {kind.__name__} for kind in requests.Request.__subclasses__()}


def event_classes() -> dict[str, set[str]]:
    """By EWrapper's method, the events of ours that it becomes."""
    tree = ast.parse(inspect.getsource(adapter_inbound))
    body = next(one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == "Callbacks").body
    return {
        method.name: {
            node.attr
            for node in ast.walk(method)
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("ev", "ref")
        }
        for method in body
        if isinstance(method, ast.FunctionDef)
    }


REQUEST_CLASSES, EVENT_CLASSES = request_classes(), event_classes()
# These pass through something else than a request or an event of their own.
BESIDE = {
    "reqConfigProtoBuf": {"Asking"},  # adapter_settings
    "configResponseProtoBuf": {"Asking"},
    "historicalData": {"HistoricalBars", "HistoricalBarColumns"},  # gathered bar by bar
}


@pytest.mark.parametrize("section", ["requests", "callbacks"])
def test_a_node_uses_what_is_carried_and_nothing_else(section: str) -> None:
    classes = REQUEST_CLASSES if section == "requests" else EVENT_CLASSES
    used = {name for name in TABLE[section] if BESIDE.get(name, classes.get(name, set())) & NODES}
    told = {name for name, entry in TABLE[section].items() if REACH.state_of(entry) in ("carried", "inside")}
    assert sorted(told - used) == [], "no node uses these"
    assert sorted(used - told) == [], "a node uses these, the table says that none does"


# --- attributes --------------------------------------------------------------------------------------------


def test_fields_are_arguments_of_place_order() -> None:
    arguments = set(order_requests.PlaceOrder.__struct_fields__)
    fields = {name: entry["field"] for name, entry in ORDER.items() if "field" in entry}
    assert set(fields.values()) <= arguments
    own = order_requests._OWN  # pyright: ignore[reportPrivateUsage]
    assert own >= set(fields), "an attribute with an argument of its own is not taken in extra"
    assert not own & set(EXTRA)


def order_bytes(version: int, entry: dict[str, Any], **extra: Any) -> bytes:
    needs = entry.get("needs", {})
    fields = OrderFields(
        action="BUY", total_quantity=1, order_type=entry.get("order_type", "LMT"), limit_price=10.0,
        extra=needs | extra,
    )  # fmt: skip
    return Codec(version).encode(PlaceOrder(5, STOCK, fields))


def a_value(name: str) -> Any:
    default = vars(IbOrder())[name]
    if isinstance(default, bool):
        return not default
    if isinstance(default, str):
        return "7"
    if isinstance(default, int):
        return 7
    if isinstance(default, float | Decimal):
        return 7.5
    return "a=7;" if name == "orderMiscOptions" else True


@pytest.mark.parametrize("name", EXTRA)
def test_an_attribute_in_extra_is_in_the_bytes_or_refused(name: str) -> None:
    entry, version = EXTRA[name], EXTRA[name].get("from_version", MAX_SERVER_VERSION)
    if version > HIGHEST_SERVER_VERSION:
        pytest.skip(f"the installed ibapi speaks {HIGHEST_SERVER_VERSION} at most")
    assert order_bytes(version, entry, **{name: a_value(name)}) != order_bytes(version, entry)
    if "from_version" in entry:
        with pytest.raises(EncodeRefused, match=name):
            order_bytes(version - 1, entry, **{name: a_value(name)})
        with pytest.raises(EncodeRefused, match="no order of this kind carries it") as refused:
            order_bytes(MAX_SERVER_VERSION, entry, **{name: a_value(name)})
        assert refused.value.field == name


@pytest.mark.parametrize(
    "name", [name for name, entry in ORDER.items() if "never" in entry or "not_yet" in entry]
)
def test_an_attribute_that_is_not_carried_is_refused(name: str) -> None:
    if name in order_requests._OWN:  # pyright: ignore[reportPrivateUsage]
        return  # refused by the protocol already
    with pytest.raises(EncodeRefused) as refused:
        order_bytes(MAX_SERVER_VERSION, {}, **{name: a_value(name)})
    assert refused.value.field == name


def test_an_attribute_that_needs_another_is_refused_without_it() -> None:
    with pytest.raises(EncodeRefused, match="no order of this kind carries it") as refused:
        order_bytes(MAX_SERVER_VERSION, {}, hedgeParam="7")
    assert refused.value.field == "hedgeParam"
    order_bytes(MAX_SERVER_VERSION, {}, hedgeParam="7", hedgeType="B")
    order_bytes(MAX_SERVER_VERSION, {}, notHeld=False)  # as it is anyway


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", lambda match: f"_{match[1].lower()}", name)


@pytest.mark.parametrize("section", ["contract", "contract_details"])
def test_fields_are_those_of_a_contracts_row(section: str) -> None:
    row, parts = set(ContractRow.__struct_fields__), set(Instrument.__struct_fields__)
    for name, entry in TABLE[section].items():
        assert entry.get("field", "con_id") in row, name
        assert entry.get("instrument", "symbol") in parts, name
        if "not_yet" in entry:
            assert snake(name) not in row | parts, f"{name} is carried by now: say so"

"""A gateway that says anything at all, as far as it can be decoded, cannot end the orders node.

Every report is built at random from numbers at the edges of their types and from texts nobody expects, put
through the check that decoding ends with, and given to the core in the middle of trading. Whatever comes of
the orders: the core stays sound, its journal can be read again and says the same, and it still takes orders.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.orders_desk import Desk
from support.orders_reports import CLIENT_ID, error, execution, open_order, order_status
from twsmq_nodes.orders.book import Book
from twsmq_nodes.orders.entries import to_entry, to_row
from twsmq_nodes.tws import events as tws
from twsmq_nodes.tws.contracts import ComboLeg, Contract
from twsmq_nodes.tws.orders import ExecutionView, OrderStateView, OrderView
from twsmq_nodes.tws.ranges import problem
from twsmq_protocol import codec
from twsmq_protocol.topics import order_topic

EDGES = [-1, 2**31 - 2, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**70]
IDS = st.sampled_from([*[0, 1, 2, 3, 9001, 9002, CLIENT_ID] * 8, *EDGES])
AMOUNTS = st.one_of(
    st.none(),
    st.sampled_from([*[0.0, -0.0, -1.0, 1.0, 10.0, 1e-300, 1e15, -1e15, 0.1 + 0.2] * 5, 1e16, 1e300]),
)
TEXTS = st.one_of(
    st.sampled_from(
        [
            "", "s/a", "s/b", "s/", "/", "a", "BUY", "SELL", "BOT", "SLD", "LMT", "STP",
            "BAG", "STK", "USD", "DU1",
            "Submitted", "Filled", "Cancelled", "Inactive", "PendingCancel", "PreSubmitted", "ApiCancelled",
            "DAY", "GTC", "nonsense", "\x1b[31m", "\x00", "a\u202eb", "\ud83d", "20250225-15:15:00",
            "x" * 5000,
            "99999999 99:99:99 Mars/Phobos", "20260928 05:04:56 US/Eastern", "0000e0d5.69e02bfb.01.01",
            "....",
            "s/" + "c" * 500, "FUT", "OPT", "99991231 23:59:59 UTC", "00010101-00:00:00", "\u00b2",
            "9" * 5000, "0000e0d5.69e02bfb.01." + "9" * 5000,
        ]
    ),
    st.text(max_size=20),
)  # fmt: skip
CODES = st.sampled_from(
    [
        104,
        110,
        161,
        200,
        201,
        202,
        321,
        399,
        404,
        434,
        462,
        2102,
        2109,
        2148,
        10147,
        10148,
        10149,
        10349,
        -7,
        2**31,
    ]
)


def struct(kind: type[msgspec.Struct], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any of its kind: each field by its type, some of them left as they are."""
    fields: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for field in msgspec.structs.fields(kind):
        made = fixed[field.name] if field.name in fixed else _of(str(field.type))
        (fields if field.required else optional)[field.name] = made
    return st.fixed_dictionaries(fields, optional=optional).map(lambda values: kind(**values))


def _of(name: str) -> st.SearchStrategy[Any]:
    if "bool" in name:
        return st.booleans()
    if "int" in name and "str" not in name:
        return IDS
    if "float" in name and "tuple" not in name:
        return AMOUNTS
    if "str" in name and "tuple" not in name and "dict" not in name:
        return TEXTS
    if name.startswith("dict"):
        return st.dictionaries(TEXTS, st.one_of(IDS, TEXTS), max_size=2)
    return st.just(()) if "tuple" in name else st.none()


CONTRACTS = struct(
    Contract,
    combo_legs=st.lists(struct(ComboLeg), max_size=2).map(tuple),
    delta_neutral_contract=st.none(),
    con_id=IDS,
    sec_type=TEXTS,
)
ORDERS = struct(OrderView, client_id=st.sampled_from([CLIENT_ID, 0, 7]), order_id=IDS)
EVENTS = st.one_of(
    struct(tws.OpenOrder, contract=CONTRACTS, order=ORDERS, state=struct(OrderStateView)),
    struct(tws.OrderStatus, client_id=st.sampled_from([CLIENT_ID, 0, None]), order_id=IDS, status=TEXTS),
    struct(
        tws.ExecDetails, contract=CONTRACTS, execution=struct(ExecutionView, client_id=st.just(CLIENT_ID))
    ),
    struct(tws.CommissionReport),
    struct(tws.GatewayError, code=CODES),
    struct(tws.CompletedOrder, contract=CONTRACTS, order=ORDERS, state=struct(OrderStateView)),
    struct(tws.NextValidId),
    st.sampled_from([tws.OpenOrderEnd(), tws.CompletedOrdersEnd(), tws.ExecDetailsEnd(2**31)]),
    st.just(tws.FrameRejected(5, "no", b"5")),
    struct(tws.OrderBound),
)


@st.composite
def reports(draw: st.DrawFn) -> tws.Event:
    """One, under a name that can be printed."""
    return draw(EVENTS)


class HostileGateway(RuleBasedStateMachine):
    heard = 0
    """Reports that could be true, in all runs."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.placed = 0

    @rule(events=st.lists(reports(), max_size=4))
    def says(self, events: list[tws.Event]) -> None:
        decoded = [one if problem(one) is None else tws.FrameRejected(3, "set aside", b"") for one in events]
        HostileGateway.heard += sum(not isinstance(one, tws.FrameRejected) for one in decoded)
        self.desk.says(*decoded)

    @rule(cid=st.sampled_from(["a", "b"]), order_type=st.sampled_from(["LMT", "MKT"]))
    def place(self, cid: str, order_type: str) -> None:
        self.placed += 1
        self.desk.place(
            f"{cid}{self.placed}", order_type=order_type, limit_price=1.0 if order_type == "LMT" else None
        )

    @rule(word=st.sampled_from(["Submitted", "Inactive", "Filled", "Cancelled"]), code=CODES)
    def about_the_last_order(self, word: str, code: int) -> None:
        book = self.desk.core.book
        if book.records:
            record = list(book.records.values())[-1]
            number, cid = record.order_id, record.order.client_order_id
            told = [open_order(number, cid, word), order_status(number, word), error(number, code)]
            self.desk.says(*told, execution(number, f"e{number}.01", 3.0, order_ref=f"s/{cid}"))

    @rule()
    def modify_and_cancel(self) -> None:
        for record in list(self.desk.core.book.records.values())[-2:]:
            self.desk.modify(record.order.client_order_id, quantity=20.0)
            self.desk.cancel(record.order.client_order_id)

    @rule(seconds=st.sampled_from([0.3, 2.0, 11.0]))
    def later(self, seconds: float) -> None:
        self.desk.later(seconds)

    @rule()
    def answers(self) -> None:
        self.desk.lists_nothing()

    @rule(crash=st.booleans())
    def session_ends(self, crash: bool) -> None:
        self.desk.crash() if crash else self.desk.session_lost()
        self.desk.session_up()

    @invariant()
    def sound(self) -> None:
        self.desk.core.validate()

    def teardown(self) -> None:
        rebuilt = Book()
        for row in map(to_row, self.desk.committed):
            rebuilt.apply(to_entry(row.event, row.fact, row.who))
        records = self.desk.core.book.records
        assert {key: one.state() for key, one in rebuilt.records.items()} == {
            key: one.state() for key, one in records.items()
        }
        for event in self.desk.published:
            topic = order_topic(event.strategy, event.client_order_id)
            assert codec.decode_event(codec.encode_event(topic, event))[1] == event


class TestHostileGateway(HostileGateway.TestCase):
    @classmethod
    def tearDownClass(cls) -> None:
        assert HostileGateway.heard > 10, "hardly anything got past the check, so nothing was tried"


TestHostileGateway.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)

"""Every text message the simulator can emit is read by IBKR's own decoder to its last field, at every version
from 157 to 200 at which a layout changes: not one field short, not one left over."""

# ruff: noqa: E501 - the table of messages reads as a table

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.decoder import Decoder
from ibapi.wrapper import EWrapper
from twsmq_simulator.broker.model import Execution, Order, Status
from twsmq_simulator.broker.ticket import Condition, OrderTicket
from twsmq_simulator.market import listing
from twsmq_simulator.market.contracts import ComboLeg, ContractSpec, DeltaNeutral
from twsmq_simulator.market.history import Bar, Span
from twsmq_simulator.market.instruments import Instrument
from twsmq_simulator.market.pricing import Computation, Greeks
from twsmq_simulator.wire import history_messages as h
from twsmq_simulator.wire import messages as m
from twsmq_simulator.wire import order_messages as o
from twsmq_simulator.wire import tick_messages as t
from twsmq_simulator.wire import versions as layout

NOW = 1_776_270_000_000_000_000
CATALOGUE = listing.build(date(2026, 4, 15))
INSTRUMENTS = sorted(CATALOGUE, key=lambda i: i.con_id)
Emit = Callable[["Replay", int], bytes]

VERSIONS = sorted({157, 200, *(v for v in vars(layout).values() if isinstance(v, int))})
# A backslash starts an escape on the wire; whether a gateway doubles a literal one is not known.
texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\\"), max_size=12)
words = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ ", max_size=8)
prices = st.floats(0, 1e6, allow_nan=False).map(lambda value: round(value, 6))
sizes = st.decimals(0, 10**6, places=4, allow_nan=False)
ids = st.integers(1, 2**31 - 2)
maybe_prices = st.none() | prices
maybe_ints = st.none() | st.integers(0, 10**6)
instruments = st.sampled_from(INSTRUMENTS)
stamps = st.integers(NOW - 10**17, NOW + 10**17)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    kind = draw(st.sampled_from([1, 3, 4, 5, 6, 7]))
    joined = draw(st.sampled_from(["a", "o"]))
    if kind == 5:
        return Condition(kind, joined, sec_type="STK", exchange="SMART", symbol=draw(words))
    value = "20260415 18:00:00" if kind == 3 else str(draw(st.integers(0, 999)))
    contract = {} if kind in (3, 4) else {"con_id": draw(ids), "exchange": "SMART"}
    return Condition(kind, joined, draw(st.booleans()), value, **contract)


def special(name: str) -> st.SearchStrategy[Any] | None:
    """Fields whose values have a form of their own."""
    return {
        "order_id": ids,
        "contract": st.builds(
            ContractSpec,
            exchange=words,
            legs=st.lists(st.builds(ComboLeg, ids, st.integers(1, 9), st.sampled_from(["BUY", "SELL"]), words), max_size=3).map(tuple),
            delta_neutral=st.none() | st.builds(DeltaNeutral, ids, prices, prices),
        ),
        "conditions": st.lists(conditions(), max_size=3).map(tuple),
        "leg_prices": st.lists(maybe_prices, max_size=3).map(tuple),
        "smart_combo_routing": st.lists(st.tuples(words, words), max_size=2).map(tuple),
        "algo_params": st.lists(st.tuples(words, words), max_size=2).map(tuple),
        "order_type": st.sampled_from(["MKT", "LMT", "STP", "TRAIL", "PEG BENCH", "PEGBENCH", "REL"]),
        "quantity": sizes,
    }.get(name)  # fmt: skip


def by_type(name: str, kind: Any) -> st.SearchStrategy[Any]:
    own = special(name)
    if own is not None:
        return own
    return {
        str: texts,
        bool: st.booleans(),
        int: st.integers(0, 10**6),
        float: prices,
        float | None: maybe_prices,
        int | None: maybe_ints,
    }[kind]


TICKET_FIELDS = {
    name: by_type(name, kind) for name, kind in inspect.get_annotations(OrderTicket, eval_str=True).items()
}


@st.composite
def tickets(draw: st.DrawFn) -> OrderTicket:
    """An order with some of the attributes set that decide about the layout, and a few others."""
    deciding = [
        "order_type",
        "delta_neutral_order_type",
        "scale_price_increment",
        "hedge_type",
        "algo_strategy",
    ]
    names = [*deciding, "conditions", *draw(st.lists(st.sampled_from(sorted(TICKET_FIELDS)), max_size=8))]
    return OrderTicket(**{name: draw(TICKET_FIELDS[name]) for name in {"order_id", "contract", *names}})


orders = st.builds(
    Order,
    perm_id=ids,
    client_id=st.integers(0, 999),
    ticket=tickets(),
    con_id=ids,
    status=st.sampled_from([s for s in Status if s is not Status.STAGED]),
    created=stamps,
    filled=sizes,
    average_price=prices,
    last_price=prices,
    limit=maybe_prices,
    stop=maybe_prices,
    why_held=words,
    commission=st.none() | sizes,
    oca_group=texts,
    completed=stamps,
    completed_status=texts,
)
executions = st.builds(
    Execution,
    exec_id=words,
    perm_id=ids,
    client_id=ids,
    order_id=ids,
    con_id=ids,
    account=words,
    exchange=words,
    bought=st.booleans(),
    quantity=sizes,
    price=prices,
    time=stamps,
    cumulative=sizes,
    average_price=prices,
    order_ref=texts,
    commission=sizes,
    realized=st.none() | sizes,
)
margins = st.none() | st.builds(o.Margin, *[prices] * 7, currency=st.just("USD"))
bars = st.builds(
    Bar, stamps, prices, prices, prices, prices, st.integers(0, 10**9), prices, st.integers(0, 10**6)
)
spans = st.builds(Span, stamps, stamps)
computations = st.builds(
    Computation, prices, maybe_prices, st.none() | st.builds(Greeks, *[prices] * 5), prices
)


def many(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(strategy, max_size=3)


def option(data: Replay) -> Instrument:
    return data.draw(st.sampled_from([i for i in INSTRUMENTS if i.sec_type == "OPT"][:9]))


def bars_answer(version: int, instrument: Instrument, found: list[Bar], span: Span) -> bytes:
    answer = h.HistoricalData(version, 1, instrument, 60, 1, span)
    answer.add(found)
    return answer.message()


EMITTERS: dict[str, Emit] = {
    "openOrder": lambda d, v: o.open_order(v, d.draw(orders), d.draw(instruments), d.draw(ids), d.draw(ids), d.draw(margins)),
    "orderStatus": lambda d, v: o.order_status(v, d.draw(orders), d.draw(ids), d.draw(ids)),
    "completedOrder": lambda d, v: o.completed_order(v, d.draw(orders), d.draw(instruments)),
    "execDetails": lambda d, v: o.execution_details(v, -1, d.draw(executions), d.draw(instruments), 1, 1),
    "commissionReport": lambda d, v: o.commission_report(v, d.draw(executions)),
    "error": lambda d, v: m.error(v, d.draw(ids), 200, d.draw(texts), NOW, d.draw(texts)),
    "managedAccounts": lambda d, v: m.managed_accounts("DU1,DU2"),
    "nextValidId": lambda d, v: m.next_valid_id(d.draw(ids)),
    "currentTime": lambda d, v: m.current_time(NOW),
    "currentTimeInMillis": lambda d, v: m.current_time_millis(NOW),
    "openOrderEnd": lambda d, v: m.open_order_end(),
    "completedOrdersEnd": lambda d, v: m.completed_orders_end(),
    "execDetailsEnd": lambda d, v: m.execution_details_end(1),
    "contractDetails": lambda d, v: m.contract_details(v, 1, d.draw(instruments), "SMART", NOW),
    "contractDetailsEnd": lambda d, v: m.contract_details_end(1),
    "position": lambda d, v: m.position("DU1", d.draw(instruments), d.draw(sizes), d.draw(prices)),
    "positionEnd": lambda d, v: m.position_end(),
    "positionMulti": lambda d, v: m.position_multi(1, "DU1", "", d.draw(instruments), d.draw(sizes), 1.0),
    "positionMultiEnd": lambda d, v: m.position_multi_end(1),
    "accountSummary": lambda d, v: m.account_summary(1, "DU1", "Cushion", d.draw(texts), ""),
    "accountSummaryEnd": lambda d, v: m.account_summary_end(1),
    "updateAccountValue": lambda d, v: m.account_value("Cushion", d.draw(texts), "", "DU1"),
    "updateAccountTime": lambda d, v: m.account_update_time(NOW),
    "accountDownloadEnd": lambda d, v: m.account_download_end("DU1"),
    "accountUpdateMulti": lambda d, v: m.account_update_multi(1, "DU1", "", "Cushion", "1", ""),
    "accountUpdateMultiEnd": lambda d, v: m.account_update_multi_end(1),
    "updatePortfolio": lambda d, v: m.portfolio_value(
        d.draw(instruments), d.draw(sizes), 1.5, 1.5, 1.5, 1.5, 1.5, "DU1"
    ),
    "pnl": lambda d, v: m.profit_and_loss(1, d.draw(prices), 1.0, 2.0),
    "pnlSingle": lambda d, v: m.profit_and_loss_single(1, d.draw(sizes), 1.0, 2.0, 3.0, 4.0),
    "marketRule": lambda d, v: m.market_rule(26, d.draw(many(st.tuples(prices, prices)))),
    "smartComponents": lambda d, v: m.smart_components(1, d.draw(many(st.tuples(ids, words, words)))),
    "mktDepthExchanges": lambda d, v: m.depth_exchanges(d.draw(many(st.tuples(words, words, words, words, ids)))),
    "symbolSamples": lambda d, v: m.symbol_samples(v, 1, d.draw(many(st.tuples(instruments, many(words))))),
    "optionParameters": lambda d, v: m.option_parameters(1, "CBOE", 1, option(d), d.draw(many(words)), d.draw(many(prices))),
    "optionParametersEnd": lambda d, v: m.option_parameters_end(1),
    "softDollarTiers": lambda d, v: m.soft_dollar_tiers(1, d.draw(many(st.tuples(words, words, words)))),
    "familyCodes": lambda d, v: m.family_codes(d.draw(many(st.tuples(words, words)))),
    "userInfo": lambda d, v: m.user_info(1, d.draw(texts)),
    "displayGroupList": lambda d, v: m.display_groups(1, "1|2"),
    "displayGroupUpdated": lambda d, v: m.display_group_updated(1, "265598@SMART"),
    "receiveFA": lambda d, v: m.receive_fa(1, "<xml/>"),
    "fundamentalData": lambda d, v: m.fundamental_data(1, "<xml/>"),
    "replaceFAEnd": lambda d, v: m.replace_fa_end(1, "done"),
    "scannerParameters": lambda d, v: m.scanner_parameters("<xml/>"),
    "scannerData": lambda d, v: m.scanner_data(1, d.draw(many(instruments))),
    "newsProviders": lambda d, v: m.news_providers(d.draw(many(st.tuples(words, words)))),
    "newsArticle": lambda d, v: m.news_article(1, 0, d.draw(texts)),
    "historicalNews": lambda d, v: m.historical_news(1, "2026-04-15 18:00:00.0", "BRFG", "B$1", d.draw(texts)),
    "historicalNewsEnd": lambda d, v: m.historical_news_end(1, more=d.draw(st.booleans())),
    "updateNewsBulletin": lambda d, v: m.news_bulletin(1, 1, d.draw(texts), "NYSE"),
    "orderBound": lambda d, v: m.order_bound(d.draw(ids), 1, 2),
    "wshMetaData": lambda d, v: m.wsh_meta_data(1, "{}"),
    "wshEventData": lambda d, v: m.wsh_event_data(1, "{}"),
    "tickPrice": lambda d, v: t.tick_price(1, d.draw(st.integers(0, 90)), t.price_text(d.draw(prices)), b"7", 1),
    "tickSize": lambda d, v: t.tick_size(1, 0, t.size_text(v, d.draw(sizes), stock=d.draw(st.booleans()))),
    "tickString": lambda d, v: t.tick_string(1, 45, d.draw(texts)),
    "tickGeneric": lambda d, v: t.tick_generic(1, 49, d.draw(prices)),
    "tickOptionComputation": lambda d, v: t.tick_option(1, d.draw(st.sampled_from([10, 13, 83])), d.draw(computations)),
    "tickReqParams": lambda d, v: t.tick_request_params(1, d.draw(prices), "9c0001", 3),
    "marketDataType": lambda d, v: t.market_data_type(1, 3),
    "tickSnapshotEnd": lambda d, v: t.snapshot_end(1),
    "tickNews": lambda d, v: t.tick_news(1, NOW // 10**6, "BRFG", "B$1", d.draw(texts)),
    "updateMktDepth": lambda d, v: t.depth(1, 0, 1, 0, t.price_text(d.draw(prices)), b"100"),
    "updateMktDepthL2": lambda d, v: t.depth_smart(1, 0, b"NSDQ", 1, 0, t.price_text(d.draw(prices)), b"100", 1),
    "tickByTickLast": lambda d, v: t.by_tick_last(1, d.draw(st.sampled_from([1, 2])), 7, b"1.5", b"10", b"CME"),
    "tickByTickBidAsk": lambda d, v: t.by_tick_bid_ask(1, 7, b"1.5", b"1.6", b"10", b"20"),
    "tickByTickMidPoint": lambda d, v: t.by_tick_midpoint(1, 7, b"1.55"),
    "historicalData": lambda d, v: bars_answer(v, d.draw(instruments), d.draw(many(bars)), d.draw(spans)),
    "historicalDataUpdate": lambda d, v: h.historical_update(v, 1, d.draw(instruments), d.draw(bars), 60, 1),
    "historicalSchedule": lambda d, v: h.schedule(1, d.draw(instruments), d.draw(many(spans))),
    "headTimestamp": lambda d, v: h.head_timestamp(1, d.draw(instruments), NOW, d.draw(st.sampled_from([1, 2]))),
    "histogramData": lambda d, v: h.histogram(1, d.draw(many(st.tuples(prices, ids)))),
    "historicalTicks": lambda d, v: h.ticks_midpoint(1, d.draw(many(st.tuples(ids, prices)))),
    "historicalTicksBidAsk": lambda d, v: h.ticks_bid_ask(1, d.draw(many(st.tuples(ids, prices, prices, ids, ids)))),
    "historicalTicksLast": lambda d, v: h.ticks_last(1, d.draw(many(st.tuples(ids, prices, ids, words)))),
    "realtimeBar": lambda d, v: h.real_time_bar(v, 1, d.draw(instruments), d.draw(bars)),
}  # fmt: skip


def frames(data: bytes) -> list[list[bytes]]:
    found: list[list[bytes]] = []
    while data:
        size = int.from_bytes(data[:4], "big")
        payload, data = data[4 : 4 + size], data[4 + size :]
        assert payload.endswith(b"\0")
        found.append(payload.split(b"\0")[:-1])
    return found


@cache
def decoder_at(version: int) -> Decoder:
    return Decoder(EWrapper(), version)


def decode_completely(fields: list[bytes], version: int) -> None:
    """Runs IBKR's decoder over a message and asserts that it took every field."""
    decoder = decoder_at(version)
    info = decoder.msgId2handleInfo[int(fields[0])]
    rest = fields[1:]
    if info.wrapperMeth is not None:
        parameters = len(inspect.signature(info.wrapperMeth).parameters) - 1
        assert len(rest) - 1 == parameters, (version, fields)  # one more: the message's own version
        decoder.interpretWithSignature(rest, info)
        return
    assert info.processMeth is not None
    left = iter(rest)
    info.processMeth(decoder, left)
    assert not list(left), (version, fields)


class Replay:
    """Draws values the first time and gives the same ones again after `rewind`."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._values: list[Any] = []
        self._at = 0

    def draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        if self._at == len(self._values):
            self._values.append(self._data.draw(strategy))
        self._at += 1
        return self._values[self._at - 1]

    def rewind(self) -> None:
        self._at = 0


@pytest.mark.parametrize("name", EMITTERS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_ibkrs_decoder_takes_every_field(name: str, data: st.DataObject) -> None:
    replay = Replay(data)
    for version in VERSIONS:
        replay.rewind()
        for fields in frames(EMITTERS[name](replay, version)):
            decode_completely(fields, version)


def test_every_message_function_is_covered() -> None:
    """A new message cannot be forgotten here."""
    covered = "".join(inspect.getsource(emit) for emit in [*EMITTERS.values()])
    for module in (m, o, t, h):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_"):
                continue
            if inspect.signature(function).return_annotation == "bytes" or "bytes" in str(
                inspect.signature(function).return_annotation
            ):
                assert f".{name}(" in covered or name in ("handshake", "size_text", "price_text"), name


@settings(max_examples=50, deadline=None)
@given(orders=orders, version=st.sampled_from(VERSIONS))
def test_an_open_order_says_what_the_client_wrote(orders: Order, version: int) -> None:
    """The decoder's order has the ticket's values, at whatever version."""
    seen: list[Any] = []

    class Wrapper(EWrapper):
        def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:  # noqa: N802, N803
            seen.append((orderId, contract, order, orderState))

    instrument = CATALOGUE.get(265598)
    assert instrument is not None
    [fields] = frames(o.open_order(version, orders, instrument, 42, 7))
    decoder = Decoder(Wrapper(), version)
    decoder.processOpenOrder(iter(fields[1:]))
    [(order_id, contract, order, state)] = seen
    ticket = orders.ticket
    assert (order_id, contract.conId, order.clientId) == (42, 265598, 7)
    assert Decimal(str(order.totalQuantity)) == ticket.quantity
    assert (order.orderType, state.status) == (ticket.order_type, orders.status.value)
    assert [c.type() for c in order.conditions or []] == [c.kind for c in ticket.conditions]
    assert order.transmit is True
    assert order.allOrNone == ticket.all_or_none
    if version >= 198:
        assert order.submitter == ticket.account.encode("ascii", "backslashreplace").decode()


def test_structs_are_what_the_strategies_think() -> None:
    assert {f.name for f in msgspec.structs.fields(OrderTicket)} == set(TICKET_FIELDS)

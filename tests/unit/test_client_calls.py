"""Requests and the replies that belong to them."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from twsmq import RequestRefused, RequestTooLong, TwsmqError
from twsmq._sync.requests import SyncRequests
from twsmq.calls import Ask, Calls, result_of
from twsmq.ops import NewOrder, anything, cancel_order, orders, place_order
from twsmq_protocol.codec import decode_args, decode_request, encode_error, encode_reply
from twsmq_protocol.errors import ErrorCode, MalformedMessage, RequestError
from twsmq_protocol.reference_requests import ContractList, ContractRow
from twsmq_protocol.requests import GetOrders, PlaceOrder, PositionList

ASK = anything("status", "positions", None)


def test_a_request_is_plain_msgpack_with_an_id_used_once():
    calls = Calls()
    first, frame = calls.begin(ASK, 99)
    second, _ = calls.begin(ASK, None)
    assert msgpack.unpackb(frame) == {"v": 1, "id": first, "op": "positions", "args": {}, "valid_until": 99}
    assert first != second


def test_replies_find_their_request_in_any_order():
    calls = Calls()
    first, second = calls.begin(ASK, None)[0], calls.begin(ASK, None)[0]
    for call in (second, first):
        matched = calls.match(encode_reply(call, {"positions": []}))
        assert matched is not None
        assert (matched[0], matched[1].result) == (call, {"positions": []})


def test_a_reply_is_taken_once_and_not_after_it_was_given_up():
    calls = Calls()
    first, second = calls.begin(ASK, None)[0], calls.begin(ASK, None)[0]
    calls.give_up(first)
    assert calls.match(encode_reply(first, {})) is None
    assert calls.match(encode_reply(second, {})) is not None
    assert calls.match(encode_reply(second, {})) is None


def test_what_is_no_reply_of_ours_is_dropped():
    calls = Calls()
    call, _ = calls.begin(ASK, None)
    for frame in (b"", b"\xc1", encode_reply(None, {}), encode_reply("x", {}), encode_reply(True, {})):
        assert calls.match(frame) is None
    assert calls.match(encode_reply(call, {})) is not None


def test_a_request_too_long_is_not_sent():
    with pytest.raises(RequestTooLong, match="at most 262144 bytes"):
        Calls().begin(anything("orders", "get_orders", {"strategy": "x" * 300_000}), None)


def test_an_error_reply_is_raised_with_all_it_says():
    calls = Calls()
    ask = anything("reference", "contract_details", {"instrument": "X"})
    call, _ = calls.begin(ask, None)
    refusal = RequestError(ErrorCode.GATEWAY_REJECTED, "no such contract", field="instrument", tws_code=200)
    matched = calls.match(encode_error(call, refusal))
    assert matched is not None
    with pytest.raises(RequestRefused, match="gateway_rejected: no such contract") as raised:
        result_of(ask, matched[1])
    error = raised.value
    assert isinstance(error, TwsmqError)
    assert (error.process, error.op, error.code) == ("reference", "contract_details", "gateway_rejected")
    assert (error.message, error.field, error.tws_code) == ("no such contract", "instrument", 200)


def test_a_result_of_another_shape_is_the_peers_fault():
    ask = Ask("status", "positions", {}, PositionList)
    calls = Calls()
    call, _ = calls.begin(ask, None)
    matched = calls.match(encode_reply(call, {"positions": 5}))
    assert matched is not None
    with pytest.raises(MalformedMessage, match="positions from status"):
        result_of(ask, matched[1])


def test_asking_by_name_sends_what_the_op_understands():
    order = place_order(
        {
            "strategy": "alpha",
            "client_order_id": "a-1",
            "instrument": "STK:AAPL:SMART:USD",
            "side": "BUY",
            "quantity": 10,
            "order_type": "LMT",
            "limit_price": 187.5,
        }
    )
    assert (order.process, order.op) == ("orders", "place_order")
    request = decode_request(Calls().begin(order, None)[1])
    assert decode_args(request, PlaceOrder).limit_price == 187.5
    assert cancel_order({"strategy": "a", "client_order_id": "b"}).args == {
        "strategy": "a",
        "client_order_id": "b",
    }
    assert decode_args(decode_request(Calls().begin(orders({}), None)[1]), GetOrders) == GetOrders()


def test_orders_come_back_as_structs():
    row = {
        "client_order_id": "a-1",
        "strategy": "alpha",
        "instrument": "STK:AAPL:SMART:USD",
        "side": "BUY",
        "quantity": 1,
        "order_type": "MKT",
        "status": "filled",
    }
    ask = orders({})
    calls = Calls()
    call, _ = calls.begin(ask, None)
    matched = calls.match(msgpack.packb({"v": 1, "id": call, "ok": True, "result": {"orders": [row]}}))
    assert matched is not None
    (order,) = result_of(ask, matched[1]).orders
    assert (order.client_order_id, order.status) == ("a-1", "filled")


def test_arguments_may_be_given_as_a_struct():
    assert anything("orders", "get_orders", GetOrders(strategy="alpha")).args["strategy"] == "alpha"


def test_a_new_order_may_have_every_argument_of_place_order():
    assert NewOrder.__annotations__.keys() == set(PlaceOrder.__struct_fields__)


class Pages(SyncRequests):
    """Answers `contract_details` as the reference process does, two rows at a time."""

    def __init__(self, *con_ids: int) -> None:
        self._rows = [ContractRow(instrument="X", con_id=one, sec_type="OPT", symbol="X") for one in con_ids]

    def _ask(self, ask: Ask[Any], timeout: float, valid_until: int | None = None) -> Any:
        left = [row for row in self._rows if row.con_id > (ask.args["after"] or 0)]
        return ContractList(contracts=left[:2], next=left[1].con_id if len(left) > 2 else None)


def test_contracts_beyond_the_first_page_are_asked_for() -> None:
    """Of a chain of thousands the first two thousand were all that a program got, without a word."""
    assert [row.con_id for row in Pages(3, 5, 8, 9, 11).contract_details("X")] == [3, 5, 8, 9, 11]
    assert [row.con_id for row in Pages(3, 5).contract_details("X")] == [3, 5]

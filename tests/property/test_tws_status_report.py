"""An orderStatus read by hand is what ibapi makes of it, and an ordinary one is read by hand."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twsmq_nodes.tws.adapter import Codec
from twsmq_nodes.tws.status_report import order_status

ODD = (
    "", "0", "-1", "007", "2147483646", "2147483647", "9223372036854775807", "99999999999", "Infinity", "nan",
    "1.7976931348623157E308", "1e5", "1_000", "+5", " 5", "3.", ".5", "0.1234567890123456", "None", "Zürich",
    "a\\u0041", "PendingSubmit", "locate, child", "\u0661",
)  # fmt: skip
WHOLE = st.integers(0, 2**31).map(str)
AMOUNT = st.decimals(0, 10**8, places=4).map(str) | st.floats(0, 1e6).map(str)
ORDINARY = st.tuples(
    WHOLE,
    st.sampled_from(["Submitted", "PreSubmitted", "Filled", "Cancelled", "Inactive", "PendingCancel"]),
    AMOUNT, AMOUNT, AMOUNT, WHOLE, WHOLE, AMOUNT, WHOLE, st.sampled_from(["", "locate", "child", "trigger"]),
    AMOUNT,
)  # fmt: skip


def message(*fields: str) -> bytes:
    return "".join(f"{field}\0" for field in ("3", *fields)).encode()


@pytest.mark.parametrize("version", [157, 176, 192, 200])
@settings(deadline=None)
@given(fields=ORDINARY, odd=st.dictionaries(st.integers(0, 10), st.sampled_from(ODD), max_size=3))
@example(fields=("7", "Submitted", "0", "100", "0", "7", "0", "0", "101", "", "0"), odd={})
def test_it_is_what_ibapi_makes_of_it(version: int, fields: tuple[str, ...], odd: dict[int, str]) -> None:
    codec = Codec(version)
    frame = message(*(odd.get(at, field) for at, field in enumerate(fields)))
    assert codec.decode(frame) == codec._interpret(frame)  # pyright: ignore[reportPrivateUsage]


def test_a_damaged_one_is_left_to_ibapi() -> None:
    whole = message("7", "Submitted", "0", "100", "0", "7", "0", "0", "101", "", "0")
    assert order_status(whole) is not None
    for damaged in (whole[:-1], whole[:-3], whole[:2], b"", whole + b"1\0", b"x" + whole):
        assert order_status(damaged) is None


@given(fields=ORDINARY)
@example(("7", "Filled", "1", "0", "0.3333333333333333", "7", "0", "0.0001234567890123456", "1", "", "0"))
def test_an_ordinary_one_is_read_by_hand(fields: tuple[str, ...]) -> None:
    plain = all(int(fields[at]) < 2**31 - 1 for at in (0, 5, 6, 8)) and "e" not in "".join(fields[2:5])
    if plain and all("e" not in fields[at] for at in (7, 10)):
        assert order_status(message(*fields)) is not None

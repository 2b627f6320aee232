"""Whatever changes a gateway sends, whoever carries out what is published has the node's own book."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twsmq_nodes.marketdata.data.depth import DepthBook
from twsmq_protocol.market_events import DepthChange, DepthRow

changes: st.SearchStrategy[DepthChange] = st.tuples(
    st.sampled_from(["bid", "ask"]),
    st.sampled_from(["insert", "insert", "update", "delete"]),
    st.integers(0, 7),
    st.floats(1, 100),
    st.floats(0, 100),
    st.just(""),
)


class Reader:
    """Does what SPEC says of `depth_delta`, to the letter."""

    def __init__(self) -> None:
        self.rows: dict[str, list[DepthRow]] = {"bid": [], "ask": []}

    def carry_out(self, change: DepthChange) -> None:
        side, operation, position, price, size, market_maker = change
        rows, row = self.rows[side], (price, size, market_maker)
        if operation == "insert":
            assert position <= len(rows), "a hole in the book"
            rows.insert(position, row)
        elif operation == "update":
            rows[position] = row
        else:
            del rows[position]


@given(st.lists(changes, max_size=30))
def test_a_reader_that_carries_out_the_changes_has_the_nodes_book(sent: list[DepthChange]):
    book, reader = DepthBook(), Reader()
    for change in sent:
        published = book.apply(change)
        if published is not None:
            reader.carry_out(published)
    assert reader.rows == {"bid": book.bids, "ask": book.asks}

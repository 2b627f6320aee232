"""Who holds which client ID: no ID twice, never one of the cluster's, never 0."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twsmq_nodes.connection.client_ids import MOST_CLIENTS, MOST_KEPT, ClientIds
from twsmq_protocol.errors import ErrorCode, RequestError

OWN = {"connection": 100, "orders": 101, "marketdata-0": 110}
DAY = 86_400 * 10**9


def test_a_program_gets_one_and_the_same_again() -> None:
    ids = ClientIds(100, OWN)
    first = ids.claim("scanner", None, DAY, 0)
    assert first == 120
    assert ids.claim("hedger", None, DAY, 0) == 121
    assert ids.claim("scanner", None, DAY, 3 * DAY) == first, "though its time was over"
    again = ClientIds(100, OWN, ids.leases)
    assert again.claim("hedger", None, DAY, 3 * DAY) == 121, "and after a restart"


@pytest.mark.parametrize(
    ("wish", "code", "words"),
    [
        (0, ErrorCode.INVALID_ARGUMENT, "by hand"),
        (101, ErrorCode.CONFLICT, "orders"),
        (105, ErrorCode.CONFLICT, "the cluster itself"),
        (120, ErrorCode.CONFLICT, "scanner's"),
    ],
)
def test_what_would_hurt_is_refused_with_the_reason(wish: int, code: ErrorCode, words: str) -> None:
    ids = ClientIds(100, OWN)
    ids.claim("scanner", None, DAY, 0)
    with pytest.raises(RequestError, match=words) as refused:
        ids.claim("hedger", wish, DAY, 1)
    assert refused.value.code is code
    assert len(ids.leases) == 1


def test_what_is_over_may_be_given_to_another_and_is_not_shown() -> None:
    ids = ClientIds(100, OWN)
    ids.claim("scanner", 150, DAY, 0)
    assert [row.holder for row in ids.listed(2 * DAY).client_ids if row.kind == "program"] == []
    assert ids.claim("hedger", 150, DAY, 2 * DAY) == 150
    assert ids.claim("scanner", None, DAY, 2 * DAY) != 150
    ids.release("hedger")
    ids.release("nobody")
    assert ids.claim("third", 150, DAY, 2 * DAY) == 150


def test_what_another_base_has_made_the_clusters_own_is_given_up() -> None:
    before = ClientIds(100, OWN)
    assert before.claim("scanner", None, DAY, 0) == 120
    moved = {name: number + 20 for name, number in OWN.items()}
    after = ClientIds(120, moved, before.leases)
    assert after.claim("scanner", None, DAY, 1) == 140
    numbers = [row.client_id for row in after.listed(1).client_ids]
    assert len(numbers) == len(set(numbers))


def test_programs_that_come_once_are_forgotten() -> None:
    ids = ClientIds(100, OWN)
    for number in range(3 * MOST_KEPT):
        ids.claim(f"program-{number}", 1000 + number, DAY, 2 * DAY * number)
    assert len(ids.leases) <= MOST_KEPT + 1


def test_no_more_than_a_gateway_takes() -> None:
    ids = ClientIds(100, OWN)
    for number in range(MOST_CLIENTS - len(OWN)):
        ids.claim(f"program-{number}", None, DAY, 0)
    with pytest.raises(RequestError, match="32 clients"):
        ids.claim("one-more", None, DAY, 0)
    assert ids.claim("one-more", None, DAY, 2 * DAY) >= 120


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdef"),
            st.one_of(st.none(), st.integers(95, 130)),
            st.integers(0, 3),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_no_id_has_two_holders(steps: list[tuple[str, int | None, int, bool]]) -> None:
    ids, now = ClientIds(100, OWN), 0
    for program, wish, days, release in steps:
        now += days * DAY // 2
        if release:
            ids.release(program)
        else:
            try:
                given_id = ids.claim(program, wish, DAY, now)
            except RequestError:
                continue
            assert wish in (None, given_id)
            assert not 100 <= given_id < 120
        numbers = [lease.client_id for lease in ids.leases]
        assert len(numbers) == len(set(numbers))

"""Which mistake a failed handshake is, from what libzmq's monitor says."""

from __future__ import annotations

import pytest
from twsmq.admission import FAILURES, HANGS_S, Admission, Mistake


@pytest.mark.parametrize("keyed", [True, False])
def test_a_mismatch_of_mechanisms_tells_at_once(keyed: bool) -> None:
    link = Admission(keyed=keyed)
    link.connected(0.0)
    link.failed(mismatch=True)
    assert link.mistake(0.0) is (Mistake.KEYS_NOT_WANTED if keyed else Mistake.NO_KEYS)


def test_failures_without_a_detail_in_a_row_are_a_wrong_server_key_or_without_keys_their_lack() -> None:
    keyed, plain = Admission(keyed=True), Admission(keyed=False)
    for number in range(1, FAILURES + 1):
        for link in (keyed, plain):
            link.connected(float(number))
            link.failed(mismatch=False)
        assert keyed.mistake(number) is (Mistake.WRONG_SERVER_KEY if number == FAILURES else None)
        assert plain.mistake(number) is (Mistake.NO_KEYS if number == FAILURES else None)
    keyed.let_in()
    keyed.lost()
    keyed.failed(mismatch=False)
    assert keyed.mistake(100.0) is None, "they count anew once it was let in"


def test_who_was_let_in_without_keys_waits_for_whatever_closes_its_connections() -> None:
    """A forwarder accepts and closes them while the cluster behind it restarts."""
    plain = Admission(keyed=False)
    plain.let_in()
    plain.lost()
    for number in range(2 * FAILURES):
        plain.connected(float(number))
        plain.failed(mismatch=False)
        assert plain.mistake(number) is None
    plain.failed(mismatch=True)
    assert plain.mistake(99.0) is Mistake.NO_KEYS, "the cluster has got keys meanwhile"


def test_a_handshake_that_hangs_is_an_unknown_key_and_says_when_to_look() -> None:
    link = Admission(keyed=True)
    link.connected(10.0)
    assert link.mistake(10.0) is None
    assert link.due(10.0) == 10.0 + HANGS_S
    assert link.mistake(10.0 + HANGS_S) is Mistake.UNKNOWN_KEY
    assert link.due(10.0 + HANGS_S) is None, "nobody looks again and again"
    link.let_in()
    assert link.mistake(99.0) is None
    plain = Admission(keyed=False)
    plain.connected(10.0)
    assert (plain.mistake(99.0), plain.due(10.0)) == (None, None)


def test_what_was_let_in_is_up_until_it_is_lost_and_every_time_counts() -> None:
    link = Admission(keyed=True)
    for times in (1, 2):
        link.connected(0.0)
        link.let_in()
        assert (link.up, link.times_up, link.mistake(99.0)) == (True, times, None)
        link.lost()
        assert not link.up
    link.refused()
    assert link.mistake(0.0) is Mistake.REFUSED_KEY

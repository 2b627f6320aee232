"""Token buckets: what one key may use of a process."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twsmq_transport.allowance import Allowance


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 2)), max_size=200),
    st.floats(0.5, 20),
    st.integers(1, 20),
)
def test_never_more_than_the_burst_and_the_rate_and_never_fewer_for_another_s_sake(
    asked: list[tuple[str, float]], rate: float, burst: int
) -> None:
    together, alone = Allowance(rate, burst), {name: Allowance(rate, burst) for name in "ab"}
    now = 0.0
    taken = {"a": 0, "b": 0}
    first: dict[str, float] = {}
    for name, pause in asked:
        now += pause
        first.setdefault(name, now)
        allowed = together.take(name, now)
        assert allowed == alone[name].take(name, now), "the other one counts for itself"
        taken[name] += allowed
        assert taken[name] <= burst + (now - first[name]) * rate + 1e-6
    for name in first:
        assert taken[name] >= 1


def test_who_waits_gets_what_has_been_gained() -> None:
    bucket = Allowance(2.0, 3)
    assert [bucket.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take("a", 1.0) for _ in range(3)] == [True, True, False]
    assert [bucket.take("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_the_cluster_s_own_are_not_counted() -> None:
    bucket = Allowance(1.0, 1)
    assert all(bucket.take(name, 0.0) for name in ("node/status", "local") for _ in range(10))

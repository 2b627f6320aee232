"""Shards that share the lines of one user: never more in sum than there are, and nobody's are taken while it
is away for a moment."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twsmq_nodes.marketdata.shared_lines import LINGER_S, STALE_S, SharedLines, Statement

POOL = "market_data"
SHARDS = 3
which = st.integers(0, SHARDS - 1)


class Shards(RuleBasedStateMachine):
    """Each look and statement is one step, as under the record's lock."""

    @initialize(total=st.integers(1, 12))
    def begin(self, total: int) -> None:
        self.now = 100.0
        self.total = total
        self.lines = [self.fresh(shard) for shard in range(SHARDS)]
        self.held = [0] * SHARDS
        self.up = [True] * SHARDS
        self.alive = [True] * SHARDS
        self.rows: dict[int, Statement] = {}
        self.late: list[tuple[int, int, float]] = []  # of whom so many are still counted, and until when
        self.due_back: dict[int, tuple[int, float]] = {}
        for shard in range(SHARDS):
            self.lines[shard].session_up(0.0)

    def fresh(self, shard: int) -> SharedLines:
        return SharedLines({POOL: self.total}, shard, SHARDS)

    def look(self, shard: int) -> SharedLines:
        lines = self.lines[shard]
        lines.learn(self.rows.values(), self.now)
        return lines

    def state(self, shard: int) -> None:
        self.rows[shard] = self.lines[shard].state({POOL: self.held[shard]}, {}, self.now)

    def allowed(self, shard: int) -> int:
        return self.look(shard).allowed(POOL, self.held[shard], None, self.now)

    def ended(self, shard: int) -> None:
        """With the session the gateway ends its lines."""
        self.late = [one for one in self.late if one[0] != shard]

    @rule(shard=which, wanted=st.integers(1, 12))
    def somebody_listens(self, shard: int, wanted: int) -> None:
        if not self.alive[shard]:
            return
        while self.up[shard] and wanted and self.held[shard] < self.allowed(shard):
            self.held[shard] += 1
            wanted -= 1
        self.state(shard)

    @rule(shard=which, many=st.integers(1, 12))
    def nobody_listens(self, shard: int, many: int) -> None:
        if self.alive[shard]:
            self.look(shard)
            back = min(many, self.held[shard])
            self.late.append((shard, self.held[shard], self.now + LINGER_S / 2))
            self.held[shard] -= back
            self.state(shard)

    @rule(seconds=st.floats(0.1, 2.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.late = [one for one in self.late if one[2] > self.now]
        for shard in range(SHARDS):
            if self.alive[shard]:
                self.look(shard)
                self.state(shard)

    @rule(shard=which)
    def its_session_is_lost(self, shard: int) -> None:
        if self.alive[shard] and self.up[shard]:
            self.lines[shard].session_lost({POOL: self.held[shard]})
            self.due_back.setdefault(shard, (self.held[shard], self.now))
            self.up[shard], self.held[shard] = False, 0
            self.ended(shard)
            self.look(shard)
            self.state(shard)

    @rule(shard=which)
    def it_is_killed(self, shard: int) -> None:
        if self.alive[shard]:
            self.due_back.setdefault(shard, (self.held[shard], self.now))
            self.alive[shard] = self.up[shard] = False
            self.held[shard] = 0
            self.ended(shard)

    @rule(shard=which)
    def it_is_started_again(self, shard: int) -> None:
        if not self.alive[shard]:
            self.lines[shard] = self.fresh(shard)
            self.alive[shard] = True
            earlier = self.rows.get(shard)
            if earlier is not None:
                self.lines[shard].remember(earlier, self.now)
            self.look(shard)
            self.state(shard)

    @rule(shard=which)
    def its_session_is_up(self, shard: int) -> None:
        if self.alive[shard] and not self.up[shard]:
            self.up[shard] = True
            self.lines[shard].session_up(self.now)
            before, since = self.due_back.pop(shard)
            if self.now - since < STALE_S:
                assert self.allowed(shard) >= before, "its lines were taken while it was away"

    @invariant()
    def never_more_than_there_are(self) -> None:
        counted = [
            max([held, *(count for of, count, _ in self.late if of == shard)])
            for shard, held in enumerate(self.held)
        ]
        assert sum(counted) <= self.total


TestShards = Shards.TestCase


def test_one_shard_has_all_that_another_leaves_and_no_more() -> None:
    one, two = (SharedLines({POOL: 100}, shard, 2) for shard in (0, 1))
    one.learn((), 0.0)
    assert one.allowed(POOL, 0, None, 0.0) == 100
    two.learn([one.state({POOL: 90}, {}, 0.0)], 0.0)
    assert two.allowed(POOL, 0, None, 0.0) == 10
    two.learn([one.state({POOL: 20}, {}, 0.5)], 0.5)
    assert two.allowed(POOL, 0, None, 0.5) == 10, "the cancels are on their way"
    two.learn([one.state({POOL: 20}, {}, 0.5 + LINGER_S)], 0.5 + LINGER_S)
    assert two.allowed(POOL, 0, None, 0.5 + LINGER_S) == 80


def test_what_the_gateway_lets_one_know_all_know() -> None:
    one, two = (SharedLines({POOL: 100}, shard, 2) for shard in (0, 1))
    two.learn([one.state({POOL: 30}, {POOL: 50}, 0.0)], 0.0)
    assert two.allowed(POOL, 0, None, 0.0) == 20
    assert two.total(POOL, None, 0.0) == 50


def test_whose_statements_cannot_be_read_keeps_to_its_part() -> None:
    parts = [SharedLines({POOL: 3}, shard, 2) for shard in (0, 1)]
    assert [part.allowed(POOL, 0, None, 0.0) for part in parts] == [2, 1]
    parts[0].learn((), 0.0)
    parts[0].forget_others()
    assert parts[0].allowed(POOL, 0, None, 0.0) == 2
    assert SharedLines({POOL: 3}).allowed(POOL, 0, None, 0.0) == 3


def test_the_statement_of_a_process_that_is_gone_counts_no_more() -> None:
    one, two = (SharedLines({POOL: 10}, shard, 2) for shard in (0, 1))
    two.learn([one.state({POOL: 10}, {}, 0.0)], 0.0)
    assert not two.gave_way({}, 1.0)
    assert two.allowed(POOL, 0, None, 1.0) == 0
    assert two.gave_way({}, STALE_S + 1.0)
    assert two.allowed(POOL, 0, None, STALE_S + 1.0) == 10

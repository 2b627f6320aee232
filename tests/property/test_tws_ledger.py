"""The pacing ledger: whatever is asked, by however many processes, no window of the gateway's is overfull."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from twsmq_nodes.runtime import pacing_record
from twsmq_nodes.runtime.pacing_record import PacingRecord
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.ledger import MOST_KEYS, Limits, PacingLedger
from twsmq_nodes.tws.reference_requests import ReqHeadTimestamp, ReqHistoricalData, ReqHistoricalTicks
from twsmq_nodes.tws.requests import Request
from twsmq_nodes.tws.stream_requests import ReqMktData, ReqRealTimeBars, ReqTickByTick

contracts = st.builds(Contract, con_id=st.integers(1, 2), exchange=st.sampled_from(["SMART", "NYSE"]))
kinds = st.sampled_from(["TRADES", "BID_ASK"])


def bars(contract: Contract, what: str, size: str, number: int, keep: bool = False) -> ReqHistoricalData:
    end = "" if keep else f"2026112{number}-00:00:00"
    return ReqHistoricalData(0, contract, end, "1 D", size, what, keep_up_to_date=keep)


def ticks(contract: Contract, what: str, number: int) -> ReqHistoricalTicks:
    return ReqHistoricalTicks(0, contract, f"2026112{number}-00:00:00", "", 1000, what)


def head(contract: Contract, what: str) -> ReqHeadTimestamp:
    return ReqHeadTimestamp(0, contract, what)


def by_tick(contract: Contract) -> ReqTickByTick:
    return ReqTickByTick(0, contract, "Last", 0, ignore_size=False)


def live_bars(contract: Contract) -> ReqRealTimeBars:
    return ReqRealTimeBars(0, contract, 5, "TRADES", use_rth=False)


def snapshot(contract: Contract, paid: bool) -> ReqMktData:
    return ReqMktData(0, contract, "", not paid, paid)


sizes = st.sampled_from(["5 secs", "30 secs", "1 min"])
requests = st.one_of(
    st.builds(bars, contracts, kinds, sizes, st.integers(1, 9), st.booleans()),
    st.builds(ticks, contracts, kinds, st.integers(1, 9)),
    st.builds(head, contracts, kinds),
    st.builds(by_tick, contracts),
    st.builds(live_bars, contracts),
    st.builds(snapshot, contracts, st.booleans()),
)
steps = st.lists(
    st.tuples(
        requests,
        st.sampled_from([0.0, 0.0, 0.1, 1.0, 20.0]),
        st.sampled_from([0.0, 0.0, 0.3]),
        st.integers(0, 9),
    ),
    max_size=120,
)
Written = dict[tuple[float, float, Hashable], list[tuple[float, int]]]


def keys(request: Request) -> list[tuple[float, float, Hashable, int]]:
    """The rules as they are documented: (most, seconds, what counts together, how often it counts)."""
    match request:
        case ReqTickByTick(contract=contract):
            return [(1, 15.0, ("t", contract.con_id), 1)]
        case ReqMktData(regulatory_snapshot=paid):
            return [(1 if paid else 100, 1.0, ("s", paid), 1)]
        case ReqRealTimeBars():
            return [(60, 600.0, "live", 1)]
        case ReqHistoricalData(bar_size="1 min"):
            return [(1, 15.0, request, 1)] if request.keep_up_to_date else []
        case (
            ReqHistoricalData(contract=contract, what_to_show=what)
            | ReqHistoricalTicks(contract=contract, what_to_show=what)
            | ReqHeadTimestamp(contract=contract, what_to_show=what)
        ):
            twice = 2 if what == "BID_ASK" else 1
            return [
                (60, 600.0, "small", twice),
                (1, 15.0, request, 1),
                (5, 2.0, ("alike", contract, what), twice),
            ]
        case _:
            raise AssertionError(request)


def check(written: Written, request: Request, at: float) -> None:
    """No rule is broken by writing it now, and none will be by what was written before."""
    for most, seconds, what, weight in keys(request):
        recent = [w for t, w in written[most, seconds, what] if t > at - seconds + 1e-9]
        assert sum(recent) + weight <= most, (request, most, seconds)
        written[most, seconds, what].append((at, weight))


@settings(max_examples=100, deadline=None)
@given(steps)
def test_no_window_is_ever_overfull_and_no_request_waits_longer_than_it_must(
    story: list[tuple[Request, float, float, int]],
) -> None:
    ledger, now = PacingLedger(), 0.0
    written: Written = defaultdict(list)
    for number, (request, later, queued_s, fate) in enumerate(story, 1):
        now += later
        if fate == 0:
            ledger.session_lost()
        at, rule = ledger.earliest(request, now)
        assert at >= now
        assert bool(rule) == (at > now)
        if at > now:  # a moment sooner, some rule would have been broken
            event("it waits")
            sooner = at - 1e-6
            assert any(
                sum(w for t, w in written[most, seconds, what] if t > sooner - seconds) + weight > most
                for most, seconds, what, weight in keys(request)
            )
        now = at
        ledger.note(number, request, now)
        if fate == 1:
            ledger.withdrawn(number)  # it was never written
            continue
        now += queued_s
        ledger.written(number, now)
        check(written, request, now)
        if fate > 2:
            ledger.withdrawn(number)  # it is over; what was asked still counts


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), requests, st.sampled_from([0.0, 0.0, 0.1, 1.0, 20.0]), st.integers(0, 19)
        ),
        max_size=100,
    ),
    st.sampled_from([500, 1_000_000]),
)
def test_processes_that_share_a_record_keep_the_rules_together_even_if_they_are_killed(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[int, Request, float, int]], most_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("cluster")
    now, lives = 0.0, 0

    def live() -> tuple[PacingLedger, PacingRecord]:
        nonlocal lives
        lives += 1
        ledger = PacingLedger(owner=f"life-{lives}")
        return ledger, PacingRecord(folder, ledger, lambda: now)

    processes = [live() for _ in range(3)]
    written: Written = defaultdict(list)
    for number, (who, request, later, fate) in enumerate(story, 1):
        now += later
        if fate == 0:
            event("one is killed")
            processes[who][1].close()
            processes[who] = live()
        ledger, record = processes[who]
        with record.shared():
            at, _ = ledger.earliest(request, now)
            if at > now:
                event("it waits for what another asked" if fate else "a new life waits")
                continue
            ledger.note(number, request, now)
            ledger.written(number, now)
        check(written, request, now)
    for _, record in processes:
        record.close()


def test_an_outage_frees_what_was_open_but_not_what_was_asked() -> None:
    ledger, apple = PacingLedger(Limits(open_histories=1)), Contract(1, exchange="SMART")
    line = bars(apple, "TRADES", "5 secs", 1, keep=True)
    ledger.note(1, line, 0.0)
    ledger.written(1, 0.0)
    assert not ledger.has_room
    ledger.session_lost()
    assert ledger.has_room
    assert ledger.earliest(line, 1.0)[0] == 15.0


def test_what_is_over_is_open_no_more_but_counts_as_asked() -> None:
    ledger, apple = PacingLedger(Limits(open_histories=2)), Contract(1, exchange="SMART")
    for number in (1, 2):
        ledger.note(number, ReqHeadTimestamp(number, apple, f"KIND{number}"), 0.0)
        ledger.written(number, 0.0)
    assert (ledger.open_histories, ledger.has_room) == (2, False)
    ledger.withdrawn(2)
    assert ledger.has_room
    assert ledger.earliest(ReqHeadTimestamp(3, apple, "KIND2"), 1.0)[0] == 15.0


def test_a_record_that_cannot_be_used_costs_only_what_others_asked(tmp_path: Path) -> None:
    (tmp_path / pacing_record.NAME).mkdir()
    ledger = PacingLedger(owner="one")
    record = PacingRecord(tmp_path, ledger, lambda: 0.0)
    request = by_tick(Contract(1))
    with record.shared():
        ledger.note(1, request, 0.0)
    with record.shared():
        assert ledger.earliest(request, 1.0)[0] > 1.0


def test_lines_that_cannot_be_read_and_notes_of_another_boot_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / pacing_record.NAME
    rule = "one tick-by-tick request of an instrument in 15 s"
    path.write_bytes(
        f'no json\n["x:1"]\n["x:2","{rule}","1",1.0,1e18]\n["x:3","none",[],1,2]\n'.encode()
        + f'["x:4","{rule}","2",1.0,90.0]\n["x:5","no such rule","2@SMART",1.0,99.0]\n["cut'.encode()
    )
    ledger = PacingLedger(owner="one")
    record = PacingRecord(tmp_path, ledger, lambda: 100.0)
    with record.shared():
        pass
    for con_id, at in ((1, 100.0), (2, 105.0)):
        request = by_tick(Contract(con_id, exchange="SMART"))
        assert ledger.earliest(request, 100.0)[0] == at
    record.close()


def test_months_of_requests_that_are_like_no_other_leave_nothing_behind() -> None:
    """Each request for ticks of the past is a key of its own: a download of them asks for 8,640 a day."""
    ledger, reader, apple = PacingLedger(owner="a"), PacingLedger(owner="b"), Contract(1, exchange="SMART")
    now = 0.0
    for number in range(1, 20_001):
        now = number * 10.0
        request = ReqHistoricalTicks(number, apple, f"{number}", "", 1000, "TRADES")
        assert ledger.earliest(request, now)[0] == now
        ledger.note(number, request, now)
        ledger.written(number, now)
        ledger.closed(number)
        reader.learn(ledger.take_news(), now)
    assert ledger.keys <= MOST_KEYS + 1
    assert reader.keys <= MOST_KEYS + 1
    again = ReqHistoricalTicks(0, apple, "20000", "", 1000, "TRADES")
    assert ledger.earliest(again, now + 1)[0] == reader.earliest(again, now + 1)[0] == now + 15


def test_what_waits_to_be_written_is_not_forgotten_however_long_it_waits() -> None:
    ledger, apple = PacingLedger(), Contract(1, exchange="SMART")
    waiting = ReqHistoricalTicks(1, apple, "first", "", 1000, "TRADES")
    ledger.note(1, waiting, 0.0)
    for number in range(2, 3 * MOST_KEYS):
        ledger.note(number, by_tick(Contract(number)), 1000.0 + number)
        ledger.written(number, 1000.0 + number)
    ledger.written(1, 9000.0)
    assert ledger.earliest(waiting, 9001.0)[0] == 9015.0

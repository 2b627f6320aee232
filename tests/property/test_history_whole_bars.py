"""Whatever range of whatever size is asked for, each bar of it comes whole and once, from a gateway that cuts
what its requests cut.

The gateway trades round the clock, one unit a minute, in a zone of its own: New York's, a future's whose day
begins in the evening before, India's, Tokyo's. So a bar's volume shows whether it is whole. It dates a bar
that its window begins in by the window.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from support.history_desk import MONDAY, NOW, Desk, ends_at
from twsmq_nodes.history.plan import DAY_S, NS, SIZES_S, Spans, most_bars
from twsmq_nodes.tws import bounds
from twsmq_nodes.tws.reference_events import Bar, HistoricalBars, HistoricalBarsEnd
from twsmq_nodes.tws.reference_requests import ReqHistoricalData
from twsmq_protocol.history_requests import HISTORY_SIZES

MINUTE, DAY = 60 * NS, DAY_S * NS
ZONES = [5 * 3_600 * NS, -1 * 3_600 * NS, -19_800 * NS, -9 * 3_600 * NS, 0]
"""How much later than UTC's a day begins."""
STEPS = {"1m": 60, "2m": 120, "5m": 300, "10m": 600, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400,
         "8h": 28_800, "1d": DAY_S, "1w": 7 * DAY_S}  # fmt: skip
LONG_AGO = MONDAY - 520 * 7 * DAY
UNITS_S = {"S": 1, "W": 7 * DAY_S, "Y": 365 * DAY_S}


def local_day(at: int, west: int) -> int:
    return (at - west) // DAY * DAY + west


def bars_between(step: int, begin: int, end: int, west: int) -> list[tuple[int, int, int]]:
    """When each begins and ends, and its volume, cut to the window."""
    found: list[tuple[int, int, int]] = []
    first_monday = LONG_AGO + west
    start = first_monday + (begin - first_monday) // step * step
    while start < end:
        first, last = max(start, begin), min(start + step, end)
        if last - first >= MINUTE:
            found.append((first, last, (last - first) // MINUTE))
        start += step
    return found


def answer(request: ReqHistoricalData, west: int) -> list[Bar]:
    step = next(s for size, s in STEPS.items() if HISTORY_SIZES[size] == request.bar_size) * NS
    end = min(ends_at(request.end), NOW)
    match = re.fullmatch(r"(\d+) (\w)", request.duration)
    assert match is not None
    count, unit = int(match[1]), match[2]
    begin = local_day(end - 1, west) - (count - 1) * DAY if unit == "D" else end - count * UNITS_S[unit] * NS

    def dated(start: int, last: int) -> str:
        """A week by its last day."""
        if step < DAY:
            return str(start // NS)
        day = start if step == DAY else last - 1
        return f"{datetime.fromtimestamp((day - west) // NS, UTC):%Y%m%d}"

    found = bars_between(step, begin, end, west)
    return [
        Bar(dated(start, last), 1.0, 1.0, 1.0, 1.0, float(volume), 1.0, 1) for start, last, volume in found
    ]


@settings(max_examples=50, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    size=st.sampled_from(sorted(STEPS)),
    back=st.integers(0, 400),
    shifted_s=st.integers(0, DAY_S),
    length=st.floats(0.01, 40),
    shrunk=st.integers(0, 6),
    west=st.sampled_from(ZONES),
)
@example(size="4h", back=300, shifted_s=0, length=20, shrunk=0, west=ZONES[0])
@example(size="1w", back=60, shifted_s=0, length=5, shrunk=0, west=ZONES[0])
@example(size="1d", back=331, shifted_s=65_537, length=4.77, shrunk=5, west=ZONES[0])
@example(size="1m", back=5, shifted_s=17, length=9, shrunk=2, west=ZONES[0])
def test_each_bar_of_a_range_comes_whole_and_once(
    size: str, back: int, shifted_s: int, length: float, shrunk: int, west: int
) -> None:
    desk, spans, step = Desk(), Spans(), STEPS[size] * NS
    for _ in range(shrunk):
        spans.silent(size, spans.seconds(size))
    span = spans.seconds(size) * NS
    begin = NOW - back * DAY if step >= DAY or back < 60 else NOW - back % 60 * DAY
    begin -= shifted_s * NS
    end = min(NOW, begin + min(int(length * step), 3 * span, 20_000 * MINUTE if step < DAY else 10**18))
    end = max(end // NS * NS, begin + NS)
    call = desk.bars(begin, end, size, spans=spans)
    for _ in range(300):
        if call in desk.answers:
            break
        request = desk.sent[-1].request
        assert isinstance(request, ReqHistoricalData)
        desk.feed(HistoricalBars(request.req_id, tuple(answer(request, west))))
        desk.feed(HistoricalBarsEnd(request.req_id, "", ""))
    late = 6 * 3_600 * NS if step >= DAY else 0
    earliest = LONG_AGO + west + ((begin - LONG_AGO - west) // step - 1) * step
    wanted = [
        (time, step // MINUTE)
        for start, _, _ in bars_between(step, earliest, min(NOW, end + 3 * step), west)
        if begin <= (time := start - west if step >= DAY else start) < end and time + step + late <= NOW
    ]
    assert [(row.time, row.volume) for row in desk.page(call).bars] == wanted


def test_no_answer_is_larger_than_a_message_may_be() -> None:
    """Of whatever trades round the clock, however much the node has learned to ask for."""
    for size in SIZES_S:
        spans = Spans()
        for _ in range(30):
            spans.answered(size, spans.seconds(size), 1.0)
        for shift in (0, 7, 1_799):
            desk = Desk()
            begin = shift * NS
            desk.bars(begin, begin + spans.seconds(size) * NS, size, spans=spans)
            request = desk.sent[-1].request
            assert isinstance(request, ReqHistoricalData)
            fields = 8 * most_bars(size, request.duration) + 10
            frame = b"17\0" + b"\0" * int(fields)
            assert bounds.too_many_fields(frame) is None, (size, request.duration)

"""Small plots of a day as SVG: a curve over time, points over time. Unknown values are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from ..board_text import text_of

WIDTH, HEIGHT, LEFT, BOTTOM = 1000.0, 190.0, 90.0, 22.0
MOST_POINTS = 2000
APART_S = 150.0
"""A point comes every minute."""

Value = float | None


def lines(title: str, times: Sequence[float], values: Sequence[Value]) -> str:
    """`title` as HTML; `times` in seconds since the epoch."""
    placed = _Placed(times, values)
    if len(placed.known) < 2:
        return ""
    curves = [" ".join(f"{placed.x(t):.1f},{placed.y(v):.1f}" for t, v in run) for run in _runs(placed.known)]
    return _figure(title, placed, "".join(f'<polyline class="curve" points="{each}"/>' for each in curves))


def points(title: str, times: Sequence[float], values: Sequence[Value]) -> str:
    placed = _Placed(times, values)
    if not placed.known:
        return ""
    dots = "".join(
        f'<circle class="dot" r="2.5" cx="{placed.x(t):.1f}" cy="{placed.y(v):.1f}"/>'
        for t, v in _thinned(placed.known)
    )
    return _figure(title, placed, dots)


class _Placed:
    """Where a time and a value stand."""

    def __init__(self, times: Sequence[float], values: Sequence[Value]) -> None:
        self.known = [(t, v) for t, v in zip(times, values, strict=True) if v is not None]
        self._t0 = min((t for t, _ in self.known), default=0.0)
        self._t1 = max((t for t, _ in self.known), default=1.0)
        low = min((v for _, v in self.known), default=0.0)
        high = max((v for _, v in self.known), default=1.0)
        margin = (high - low) * 0.05 or abs(high) * 0.01 or 1.0
        self.low, self.high = low - margin, high + margin

    def x(self, t: float) -> float:
        span = self._t1 - self._t0
        return LEFT + (WIDTH - LEFT - 5) * ((t - self._t0) / span if span else 0.5)

    def y(self, v: float) -> float:
        return 5 + (HEIGHT - BOTTOM - 5) * (self.high - v) / (self.high - self.low)

    @property
    def moments(self) -> list[float]:
        return [self._t0 + (self._t1 - self._t0) * part / 4 for part in range(5)]


def _figure(title: str, placed: _Placed, inner: str) -> str:
    grid = ""
    for part in range(4):
        value = placed.low + (placed.high - placed.low) * part / 3
        y = placed.y(value)
        grid += f'<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
        grid += f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text_of("price", value, 0)}</text>'
    for moment in placed.moments:
        clock = datetime.fromtimestamp(moment, UTC).strftime("%H:%M")
        grid += f'<text x="{placed.x(moment):.1f}" y="{HEIGHT - 5}" text-anchor="middle">{clock}</text>'
    return (
        f'<figure><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img"'
        f' aria-label="{title}">{grid}{inner}</svg></figure>'
    )


def _runs(known: Sequence[tuple[float, float]]) -> Iterator[Sequence[tuple[float, float]]]:
    """Where no point came the line is broken, as on the page: nobody knows what was between."""
    begin = 0
    for end in range(1, len(known) + 1):
        if end == len(known) or known[end][0] - known[end - 1][0] > APART_S:
            yield _thinned(known[begin:end])
            begin = end


def _thinned(known: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    return known[:: len(known) // MOST_POINTS + 1]

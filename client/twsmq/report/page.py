"""The report as one HTML page that needs nothing else: styles and plots are in it, and no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from ..board_text import ABSENT, NUMERIC, text_of
from ..cli.terminal import printable
from .day import DayReport
from .plots import lines, points

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --back: #fff; --line: #d5dae0; --dim: #5d6670;
  --accent: #0b62c4; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --text: #e3e7eb; --back: #14181d; --line: #343b43;
  --dim: #9aa4ae; --accent: #6fb0ff; --bad: #ff8a80; } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 1100px;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } .scroll { overflow-x: auto; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
.number { text-align: right; } .dim { color: var(--dim); } .bad { color: var(--bad); }
svg { width: 100%; height: 190px; } svg .grid { stroke: var(--line); }
svg text { fill: var(--dim); font-size: 11px; }
svg .curve { fill: none; stroke: var(--accent); stroke-width: 1.5; } svg .dot { fill: var(--accent); }
"""

Columns = Sequence[tuple[str, str, Any]]
"""Title, attribute, kind of each column."""

_ACCOUNTS: Columns = (
    ("account", "account", "text"), ("in", "currency", "text"), ("first", "first", "money"),
    ("last", "last", "money"), ("low", "low", "money"), ("high", "high", "money"), ("day", "daily", "money"),
    ("realized", "realized", "money"), ("unrealized", "unrealized", "money"),
)  # fmt: skip
_STRATEGIES: Columns = (
    ("strategy", "strategy", "text"), ("orders", "orders", "integer"), ("as they stood", "states", "text"),
    ("fills", "fills", "integer"), ("commission", "commission", "money"), ("realized", "realized", "money"),
    ("in", "currency", "text"),
    ("slippage, bps", "slippage_bps", "price"), ("fill latency", "latency_s", "seconds"),
)  # fmt: skip
_FILLS: Columns = (
    ("time", "time_ns", "time"), ("strategy", "strategy", "text"), ("order", "order", "text"),
    ("instrument", "instrument", "text"), ("side", "side", "text"), ("quantity", "quantity", "quantity"),
    ("price", "price", "price"), ("mid at placing", "mid", "price"), ("slippage", "slippage", "price"),
    ("bps", "slippage_bps", "price"), ("latency", "latency_s", "seconds"),
    ("commission", "commission", "money"), ("realized", "realized_pnl", "money"), ("in", "currency", "text"),
)  # fmt: skip
MOST_FILLS = 2000


def page(report: DayReport, made_ns: int) -> str:
    """The whole page. `made_ns`: now, ns since the epoch."""
    made = datetime.fromtimestamp(made_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts = [
        f"<h1>twsmq: {report.day.isoformat()} (UTC)</h1>",
        f'<p class="dim">made {made}. A dash is unknown, never zero.</p>',
        *(f'<p class="bad">{_text(problem)}</p>' for problem in report.problems),
        "<h2>Accounts</h2>",
        _table(_ACCOUNTS, report.accounts, made_ns, "no equity was recorded on this day"),
        *_equity(report),
        "<h2>Strategies</h2>",
        _table(_STRATEGIES, report.strategies, made_ns, "no strategy did anything"),
        *_costs(report),
        f"<h2>Fills ({len(report.fills)})</h2>",
        _table(_FILLS, report.fills[:MOST_FILLS], made_ns, "no fills"),
        *([f"<p>The first {MOST_FILLS}; the table as CSV has all.</p>"] * (len(report.fills) > MOST_FILLS)),
        "<h2>Gaps of market data</h2>",
        _gaps(report),
    ]
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>twsmq {report.day}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _equity(report: DayReport) -> Iterable[str]:
    for account, series in report.series.items():
        for title, values in (
            ("net liquidation", series.net_liquidation),
            ("result of the day", series.daily),
        ):
            unit = f", {_text(series.currency)}" if series.currency else ""
            yield lines(f"{_text(account)}: {title}{unit}", series.minute, values)


def _costs(report: DayReport) -> Iterable[str]:
    times = [fill.time_ns / 1e9 for fill in report.fills]
    yield points("slippage to the mid at placing, bps", times, [fill.slippage_bps for fill in report.fills])
    yield points("from placing to fill, seconds", times, [fill.latency_s for fill in report.fills])


def _gaps(report: DayReport) -> str:
    if not report.gaps:
        return '<p class="dim">none was announced</p>'
    rows = "".join(f'<tr><td>{_text(topic)}</td><td class="number">{n}</td></tr>' for topic, n in report.gaps)
    return f'<div class="scroll"><table><tr><th>topic</th><th>gaps</th></tr>{rows}</table></div>'


def _table(columns: Columns, rows: Sequence[Any], now_ns: int, empty: str) -> str:
    if not rows:
        return f'<p class="dim">{empty}</p>'
    head = "".join(f"<th>{title}</th>" for title, _, _ in columns)
    body = "".join(
        "<tr>" + "".join(_cell(kind, getattr(row, name), now_ns) for _, name, kind in columns) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _cell(kind: Any, value: Any, now_ns: int) -> str:
    if kind == "time" and value is not None:
        text = datetime.fromtimestamp(value / 1e9, UTC).strftime("%H:%M:%S.%f")[:-3]
    else:
        text = text_of(kind, value, now_ns)
    classes = " ".join((["number"] if kind in NUMERIC else []) + (["dim"] if text == ABSENT else []))
    return f'<td class="{classes}">{_text(text)}</td>' if classes else f"<td>{_text(text)}</td>"


def _text(text: str) -> str:
    return escape(printable(text))

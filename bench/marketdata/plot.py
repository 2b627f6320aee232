"""A bar chart as SVG, without a plotting library."""

from __future__ import annotations

from html import escape

WIDTH, ROW, LEFT, RIGHT = 720, 32, 130, 110


def bars(title: str, series: list[tuple[str, float]]) -> str:
    """One horizontal bar for each (name, value)."""
    largest = max((value for _, value in series), default=1.0) or 1.0
    rows = [f'<text x="10" y="24" font-size="15">{escape(title)}</text>']
    for at, (name, value) in enumerate(series):
        y = 44 + at * ROW
        length = (WIDTH - LEFT - RIGHT) * value / largest
        fill = "#1f77b4" if name == "twsmq" else "#b0b0b0"
        rows += [
            f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{ROW - 10}" fill="{fill}"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 16}">{value:,.0f}</text>',
        ]
    height = 60 + len(series) * ROW
    style = 'xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="13"'
    return f'<svg {style} width="{WIDTH}" height="{height}">\n' + "\n".join(rows) + "\n</svg>\n"

"""The table of verdicts in simulator/README.md, between two comments that mark its place."""

from __future__ import annotations

import re
from pathlib import Path

from .catalogue import SCENARIOS
from .clients import CLIENTS
from .judge import Verdict

Results = dict[str, dict[str, Verdict]]  # package -> scenario -> verdict
README = Path(__file__).resolve().parents[2] / "simulator" / "README.md"
PLACE = re.compile(r"(<!-- conformance -->\n).*(<!-- /conformance -->)", re.DOTALL)
CELLS = {"pass": "✓", "fail": "✗", "unsupported": "–"}


def write(results: Results) -> None:
    text = README.read_text()
    made, places = PLACE.subn(lambda found: found[1] + markdown(results) + found[2], text)
    assert places == 1, f"{README} has no place for the table"
    README.write_text(made)


def markdown(results: Results) -> str:
    """Scenarios down, clients across, one numbered remark for each thing that is not a plain pass."""
    remarks: list[str] = []
    lines = [
        "| scenario | " + " | ".join(f"`{package}`" for package in results) + " |",
        "|---" + "|:-:" * len(results) + "|",
    ]
    for name in SCENARIOS:
        cells = [_cell(results[package][name], remarks) for package in results]
        lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    versions = [str(CLIENTS[package].negotiates) for package in results]
    lines.append("| *server version* | " + " | ".join(versions) + " |")
    legend = "✓ observed as expected, ✗ not, – the client has no such request."
    numbered = [f"{nth}. {remark}" for nth, remark in enumerate(remarks, 1)]
    return "\n".join(["", *lines, "", legend, "", *numbered, ""])


def _cell(verdict: Verdict, remarks: list[str]) -> str:
    said = list(verdict.notes) if verdict.outcome == "pass" else [verdict.detail, *verdict.notes]
    numbers: list[str] = []
    for text in said:
        remark = " ".join(text.split())[:300]
        if remark not in remarks:
            remarks.append(remark)
        numbers.append(str(remarks.index(remark) + 1))
    return " ".join([CELLS[verdict.outcome], *(f"({number})" for number in numbers)])

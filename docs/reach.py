"""docs/reach.md from docs/reach.toml: `python docs/reach.py`, or `make reach`."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_suffix(".toml")
PAGE = Path(__file__).with_suffix(".md")

_SECTIONS = {
    "requests": ("Requests", "Every request of ibapi's `EClient`."),
    "callbacks": ("Callbacks", "Every callback of ibapi's `EWrapper`."),
    "order": ("Attributes of an order", "As arguments of `place_order`; `order` is what comes back."),
    "contract": (
        "Attributes of a contract",
        "As parts of an instrument's spelling, and in `contract_details`.",
    ),
    "contract_details": ("Attributes of contract details", "As fields of a row of `contract_details`."),
}
SECTIONS = tuple(_SECTIONS)

_INTRODUCTION = """# Reach

What of the TWS API is carried, and under which name; what is not, and why. The table behind this page is kept by hand
and held by a test to the installed `ibapi` and to the code: what a new release adds fails it by name, and so does a
claim that the code does not keep.

*carried*: by an op, a topic, an event or a field of ours. *inside*: a process of ours uses it, and clients have what it
is for. *not yet*: nothing gives it. *never*: it is not wanted.
"""


def read() -> dict[str, dict[str, Any]]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def state_of(entry: dict[str, Any]) -> str:
    """carried, inside, not yet or never. Raises ValueError for an entry that says none, or two, of them."""
    carried = any(name in entry for name in ("ops", "topics", "events", "field", "extra", "instrument"))
    states = [
        word
        for word, holds in (
            ("carried", carried),
            ("inside", "inside" in entry),
            ("not yet", "not_yet" in entry),
            ("never", "never" in entry),
        )
        if holds
    ]
    if len(states) != 1:
        raise ValueError(f"an entry has one state: {entry}")
    return states[0]


def page(table: dict[str, dict[str, Any]]) -> str:
    parts = [_INTRODUCTION, *_counts(table)]
    for name, (heading, what) in _SECTIONS.items():
        parts += ["", f"## {heading}", "", what, "", "| ibapi | state | here |", "|---|---|---|"]
        parts += [
            f"| `{one}` | {state_of(entry)} | {_here(one, entry)} |" for one, entry in table[name].items()
        ]
    parts += [
        "",
        "## Not counted",
        "",
        "ibapi's requests and callbacks in protobuf are those above in another form. Sessions have a socket and a loop "
        "of their own instead of " + ", ".join(f"`{name}`" for name in table["machinery"]["names"]) + ".",
        "",
    ]
    return "\n".join(parts)


def _counts(table: dict[str, dict[str, Any]]) -> Iterator[str]:
    states = ("carried", "inside", "not yet", "never")
    yield "| | " + " | ".join(states) + " |"
    yield "|---|" + "---:|" * len(states)
    for name, (heading, _) in _SECTIONS.items():
        found = [state_of(entry) for entry in table[name].values()]
        yield f"| {heading} | " + " | ".join(str(found.count(state)) for state in states) + " |"


def _here(name: str, entry: dict[str, Any]) -> str:
    words = [f"op `{op}`" for op in entry.get("ops", ())]
    words += [f"topic `{topic}/`" for topic in entry.get("topics", ())]
    words += [f"event `{event}`" for event in entry.get("events", ())]
    words += [f"spelling: `{entry['instrument']}`"] if "instrument" in entry else []
    words += [f"`{entry['field']}`"] if "field" in entry else []
    words += [f"`extra.{name}`"] if "extra" in entry else []
    if "needs" in entry:
        words.append("with " + ", ".join(f"`extra.{one}`" for one in entry["needs"]))
    if "order_type" in entry:
        words.append(f"of {entry['order_type']} orders")
    if "from_version" in entry:
        words.append(f"from server version {entry['from_version']} on, refused below")
    words += [entry[key] for key in ("note", "inside", "not_yet", "never") if key in entry]
    return ", ".join(words).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(read()), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")

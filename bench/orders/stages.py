"""Where the time of an order goes, and the processor's: the stages, and the tables that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from measured import Way, Work, median

SENT, ARRIVED = "sent", "arrived"

STAGES = {
    "received": "client: encode, hand to ZeroMQ; its threads on both sides, TCP; the reader wakes",
    "decoded": "whose turn; envelope and arguments read and checked, also for keys given twice",
    "decided": "key, halts, limits, budget; id; the gateway's bytes; the event and what the order is now",
    "taken": "rows made; the journal's thread wakes and gets the interpreter: a disk that stalls must not "
    "stall cancels, reports and heartbeats",
    "committed": "the commit; ours has an index more and the event beside the request",
    "written": "the journal's files are looked at; the bytes are handed to the socket",
    ARRIVED: "TCP; the gateway wakes and reads",
}
"""What happens until an order is, in the order of its way."""

WORK = {
    "receive": "requests taken from ZeroMQ",
    "decode": "envelope and arguments read and checked; the call",
    "core": "requests decided: duplicates, limits, ids, events",
    "encode": "the gateway's bytes made",
    "rows": "journal rows made",
    "commit": "rows inserted and committed (thread of the journal)",
    "in place": "that the journal's files are where they were (likewise)",
    "write": "bytes written to the gateway (likewise)",
    "mark": "the watermark written (likewise)",
    "durable": "what waited for the disk: events, answers",
    "reply": "answers encoded and sent",
    "cut": "the gateway's bytes cut into messages",
    "reports": "openOrder and orderStatus read",
    "received": "what they do to the order",
    "publish": "events stamped, encoded and sent",
}
"""What the processor does for an order."""
THREADS = frozenset(("commit", "in place", "write", "mark"))


def ways(stamps: Mapping[str, Sequence[int]], counted: slice) -> dict[str, list[float]]:
    """µs of each order that counts between the ends of the stages that have stamps."""
    there = [name for name in (SENT, *STAGES) if name in stamps]
    assert len({len(stamps[name]) for name in there}) == 1, {name: len(stamps[name]) for name in there}
    return {
        later: [(b - a) / 1e3 for a, b in zip(stamps[earlier], stamps[later], strict=True)][counted]
        for earlier, later in pairwise(there)
    }


SIDES = {
    "twsmq": "twsmq",
    "relay": "the bare relay",
    "process": 'durability = "process"',
    "unsaved": "the relay without its commit",
}


def way_table(ways: Sequence[Way]) -> list[str]:
    lines = [
        "## Where the time goes",
        "",
        f"| until it is | what happens | {' | '.join(SIDES.values())} |",
        f"|{'---|' * (len(SIDES) + 2)}",
    ]
    for stage, text in STAGES.items():
        shown = [_middle([way for way in ways if way.side == side], stage) for side in SIDES]
        lines.append(f"| {stage} | {text} | {' | '.join(shown)} |")
    return [*lines, "", NOTE]


NOTE = """\
Medians of each stage by itself in µs, at the first delay, of runs of their own with a clock at the end of all
(`staged_node.py`). They add up only roughly to the medians above. What ours has more:

- Before its bytes are made an order is checked, numbered and recorded, in Python whose code and data have
  left the caches since the order before it: at this rate all of it takes two to three times as long as in a
  node that is busy.
- The journal has a thread of its own, and an order waits until that wakes: a disk that stalls must not stall
  cancels, reports and heartbeats. The relay waits for its disk and does nothing else meanwhile.
- A journal that can be read by strategy, by event and after years has more pages to write in each commit, and
  that its files are still where they were is seen before each order: nothing that is written into a file that
  was removed would be found after a crash.
- The answers to earlier orders come in between, each with a commit and events of its own."""


def _middle(ways: Sequence[Way], stage: str) -> str:
    values = [way.p50[stage] for way in ways if stage in way.p50]
    return f"{median(values):,.0f}" if values else "–"


def work_table(works: Sequence[Work]) -> list[str]:
    lines = [
        "## Where the node's processor time goes",
        "",
        "| | µs for an order |",
        "|---|---|",
    ]
    spent = {name: median([work.spent.get(name, 0.0) for work in works]) for name in WORK}
    loop = median([work.loop for work in works])
    others = median([work.process - work.loop for work in works])
    rest_loop = loop - sum(took for name, took in spent.items() if name not in THREADS)
    rest_others = others - sum(spent[name] for name in THREADS)
    lines += [f"| {text} | {spent[name]:.1f} |" for name, text in WORK.items()]
    lines.append(f"| the loop's rest: its own turns, what goes from hand to hand, clocks | {rest_loop:.1f} |")
    lines.append(f"| the other threads' rest: ZeroMQ's, checkpoints, journal | {rest_others:.1f} |")
    lines.append(f"| together, with the clocks that measure it | {loop + others:.1f} |")
    return lines

"""What a cluster writes into its data folder, as far as more than one package knows it: who owns a file
writes it, commands read it while the cluster is up or down, and all of it is kept private.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

from .processes import PROCESSES, SIMULATOR

ORDERS_JOURNAL = "orders.journal"
ORDERS_MARK = "orders.mark"
"""Which journal was written here (`orders/journal/watermark.py`)."""
STATUS_RECORDS = Path("status") / "records.sqlite"
"""Equity, costs of fills, gaps: what `twsmq report` reads."""
HISTORY_STORE = "history.store"
GATEWAY_LIFE = "gateway_life.json"
CLIENT_IDS = "client_ids.json"

WRITTEN = (
    "*.journal*", "*.mark", "*.lock", "*.jsonl", "*.db*", f"{HISTORY_STORE}*", GATEWAY_LIFE, CLIENT_IDS,
    "logs", SIMULATOR, *(process.name for process in PROCESSES),
)  # fmt: skip
"""Patterns of files and folders in it. Not `keys`: a secret that others could read is none any more, so it is
refused, not mended in silence."""


def is_the_clusters(file: Path, data_dir: Path) -> bool:
    """Whether it is a file that the cluster lives by: no command writes anything else over it."""
    try:
        inside = file.resolve().relative_to(data_dir.resolve())
    except ValueError:
        return False
    patterns = ("keys", *(each for each in WRITTEN if each != "*.jsonl"))
    return any(fnmatchcase(inside.parts[0], each) for each in patterns) if inside.parts else False

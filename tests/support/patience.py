"""How long a test waits for what must come.

A test states what it takes on an idle machine; a busy one may stand still for half a minute (a disk, a
neighbour, twenty processes that import at once). Waiting longer costs nothing where the awaited comes, so
every wait for an event is multiplied here, once. A wait for something that must *not* happen, and a time that
is itself the claim, are not multiplied.
"""

from __future__ import annotations

SLACK = 4


def patient(seconds: float) -> float:
    """The limit, in seconds, of a wait for something that must come."""
    return seconds * SLACK

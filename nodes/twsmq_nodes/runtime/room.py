"""How many may wait in a line that several share, so that whoever fills it shuts no other out. Pure."""

from __future__ import annotations


def has_room(waiting: int, own: int, parties: int, most: int) -> bool:
    """Whether one more may wait, of a party that has `own` of all that wait. `parties` wait, with this one.

    Beyond `most` in all there is room for a party with fewer than an even part, up to twice as many in all.
    """
    return waiting < most or (waiting < 2 * most and own < most // max(1, parties))

"""What a core receives at the moment that it named as `wake_at`. Pure: cores import it."""

from __future__ import annotations

from msgspec import Struct


class TimerFired(Struct, frozen=True):
    """It may come a little early: a core looks at `now`, not at the fact that it was woken."""

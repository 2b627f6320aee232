"""The three descriptors that every program is given. They may be closed, on a full disk, or read by nobody:
that ends no process, and nothing that is meant for them gets into a file of ours.
"""

from __future__ import annotations

import io
import os
from contextlib import suppress


def fill() -> None:
    """Nothing in the place of those that are closed. What is opened next would have their numbers else, and
    be written to by whatever library has something to say."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free


class Unbroken(io.TextIOBase):
    """For the lines of a log. What cannot be written is lost."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            os.write(self._descriptor, text.encode("utf-8", "backslashreplace"))
        return len(text)

"""Who listens on a port, and a way to keep newcomers out for a while.

Theory: libzmq accepts whoever comes. A connection that is ended right after costs it a walk through all that
is subscribed to, and whoever was ended comes back ten times a second, so that the loop would be kept inside
libzmq for as long as they do. A filter on the listening descriptor that takes no packet leaves newcomers
outside: their systems knock again by themselves, a second later and then ever more seldom. Who is connected
already notices nothing, for the filter is not theirs.

Linux only. Elsewhere, and where the system refuses it, newcomers are accepted and ended.

Invariant: it begins open; whoever shuts it opens it again, see `Connections`.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

_ATTACH_FILTER, _DETACH_FILTER = 26, 27
"""Of asm-generic/socket.h."""
_TAKE_NOTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""linux/filter.h: the program that returns 0, how much of a packet is taken."""


class Listener:
    """Of whoever listens on `port` in this process."""

    def __init__(self, port: int) -> None:
        self._fds = _listening(port) if port and sys.platform == "linux" else ()
        self.open = True

    def set_open(self, wanted: bool) -> None:
        """Costs nothing where nothing changes. Not to be called once its socket is being closed."""
        if wanted == self.open:
            return
        self.open = wanted
        program = ctypes.create_string_buffer(_TAKE_NOTHING)
        taking_nothing = struct.pack("@HP", 1, ctypes.addressof(program))
        for fd in self._fds:
            with suppress(OSError), borrowed(fd) as listening:
                if wanted:
                    listening.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
                else:
                    listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, taking_nothing)


def _listening(port: int) -> tuple[int, ...]:
    with suppress(OSError):
        return tuple(fd for fd in map(int, os.listdir("/proc/self/fd")) if _listens(fd, port))  # noqa: PTH208 - numbers
    return ()


def _listens(fd: int, port: int) -> bool:
    with suppress(OSError, IndexError), borrowed(fd) as one:
        listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return bool(listens) and one.getsockname()[1] == port
    return False


@contextmanager
def borrowed(fd: int) -> Generator[socket.socket]:
    """libzmq's socket: not a copy, for which there may be no descriptor left, and not closed after use."""
    # Where all four are given, no system call asks for one.
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, fd)
    try:
        yield connection
    finally:
        connection.detach()

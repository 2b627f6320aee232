"""The supervisor's end of the link to its front: the newest state out, life and wishes in.

Invariants: nothing here blocks, and nothing grows: a state that the front has not taken is replaced by the
next one. A link belongs to one run of the front; what a run before still had to say is lost with it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import msgspec
import structlog

from .front_messages import FromFront, Splitter, State, pack

log = structlog.stdlib.get_logger()


class FrontLink:
    """`on_message` is called with what the front says; `state` gives the newest state to send."""

    def __init__(self, state: Callable[[], State], on_message: Callable[[FromFront], None]) -> None:
        self._state = state
        self._on_message = on_message
        self._decoder = msgspec.msgpack.Decoder(FromFront)
        self._loop = asyncio.get_running_loop()
        self._ours: socket.socket | None = None
        self._splitter = Splitter()
        self._left = b""  # of a message that was taken in part
        self._changed = False
        self._waiting = False

    def open(self) -> socket.socket:
        """The end that a new run of the front is to inherit; close it once it has."""
        self.close()
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._splitter, self._left = Splitter(), b""
        self._loop.add_reader(self._ours.fileno(), self._readable)
        self.send()
        return theirs

    def send(self) -> None:
        """Send the present state as soon as the front takes it."""
        self._changed = True
        if self._ours is not None and not self._waiting:
            self._flush()

    def close(self) -> None:
        if self._ours is not None:
            self._loop.remove_reader(self._ours.fileno())
            if self._waiting:
                self._loop.remove_writer(self._ours.fileno())
            self._ours.close()
            self._ours, self._waiting = None, False

    def _flush(self) -> None:
        ours = self._ours
        if ours is None:
            return
        try:
            while self._left or self._changed:
                if not self._left:
                    self._changed, self._left = False, pack(self._state())
                self._left = self._left[ours.send(self._left) :]
        except BlockingIOError:
            if not self._waiting:
                self._waiting = True
                self._loop.add_writer(ours.fileno(), self._flush)
            return
        except OSError:  # it has ended; its next run gets a link of its own
            self.close()
            return
        if self._waiting:
            self._waiting = False
            self._loop.remove_writer(ours.fileno())

    def _readable(self) -> None:
        assert self._ours is not None
        try:
            data = self._ours.recv(65536)
            messages = [self._decoder.decode(body) for body in self._splitter.feed(data)]
        except BlockingIOError:
            return
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            log.warning("the link to the front is closed", problem=str(error))
            self.close()
            return
        if not data:
            self.close()
        for message in messages:
            self._on_message(message)

"""Replies on their way out of a ROUTER: in order for each peer, and bounded for one that does not read.

libzmq takes `REPLIES_PER_PEER` for each peer, as long as they are no more bytes than `outstanding` allows;
those beyond wait here and are tried again. A client that never reads costs `PEER_BYTES` twice, then loses
replies, which is logged once a minute for it; what its requests did shows in the events. Nobody else waits.
"""

from __future__ import annotations

import asyncio
from collections import deque

import structlog
import zmq

from .outstanding import Outstanding
from .peers import wire_size
from .servers import FairSocket

PEER_BYTES = 4 * 1024 * 1024
ALL_BYTES = 32 * 1024 * 1024
RETRY_S, RETRY_MAX_S = 0.001, 0.1
NAMED_AGAIN_S = 60.0
MOST_NAMED = 1024

log = structlog.stdlib.get_logger()


class Backlog:
    """What waits for one peer. `lost`: replies that were dropped, since it last took one."""

    __slots__ = ("lost", "size", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[list[bytes]] = deque()
        self.size = 0
        self.lost = 0


class Replies:
    """Sends on `socket`, a ROUTER with ROUTER_MANDATORY."""

    def __init__(self, socket: FairSocket, wanted_by: str) -> None:
        self._socket = socket
        self._outstanding = Outstanding(socket.taken_by)
        self._name = wanted_by
        self._loop = asyncio.get_running_loop()
        self._backlogs: dict[bytes, Backlog] = {}
        self._size = 0
        self._named: dict[bytes, float] = {}  # when; the latest at the end
        self._retry: asyncio.TimerHandle | None = None
        self._retry_s = RETRY_S

    def send(self, frames: list[bytes]) -> None:
        """`frames[0]` names the peer."""
        backlog = self._backlogs.get(frames[0]) if self._backlogs else None
        if backlog is not None or not self._sent(frames):
            self._keep(frames, backlog or Backlog())
        self._socket.sent()

    def close(self) -> None:
        if self._retry is not None:
            self._retry.cancel()

    def _sent(self, frames: list[bytes]) -> bool:
        """Whether there is nothing more to do about it."""
        peer, size = frames[0], wire_size(frames[1:], encrypted=False)
        if not self._outstanding.room(peer, size):
            return False
        try:
            self._socket.send_frames(frames)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:  # the client is gone: its outcome is in the events
            log.debug("reply dropped", of=self._name, error=str(error))
            return True
        for one in self._outstanding.handed(peer, size):
            self._socket.drop(one, "it does not read its replies, and they take too much memory")
        return True

    def _keep(self, frames: list[bytes], backlog: Backlog) -> None:
        self._backlogs[frames[0]] = backlog
        size = sum(map(len, frames))
        if backlog.waiting and (backlog.size + size > PEER_BYTES or self._size + size > ALL_BYTES):
            if not backlog.lost and not self._named_lately(frames[0]):
                log.warning(
                    "a client does not read its replies: they are dropped until it does",
                    of=self._name,
                    peer=frames[0].hex(),
                    kept_bytes=backlog.size,
                )
            backlog.lost += 1
            return
        backlog.waiting.append(frames)
        backlog.size += size
        self._size += size
        if self._retry is None:
            self._retry = self._loop.call_later(self._retry_s, self._try_again)

    def _named_lately(self, peer: bytes) -> bool:
        """If not, it is now. One that takes a little now and then is still the same."""
        now = self._loop.time()
        before = self._named.get(peer)
        if before is not None and now - before < NAMED_AGAIN_S:
            return True
        self._named.pop(peer, None)
        self._named[peer] = now
        if len(self._named) > MOST_NAMED:
            del self._named[next(iter(self._named))]
        return False

    def _try_again(self) -> None:
        self._retry = None
        moved = False
        for peer, backlog in list(self._backlogs.items()):
            while backlog.waiting and self._sent(backlog.waiting[0]):
                moved = True
                size = sum(map(len, backlog.waiting.popleft()))
                backlog.size -= size
                self._size -= size
            if not backlog.waiting:
                del self._backlogs[peer]
        self._retry_s = RETRY_S if moved else min(2 * self._retry_s, RETRY_MAX_S)
        if self._backlogs:
            self._retry = self._loop.call_later(self._retry_s, self._try_again)
        self._socket.sent()

"""The API socket's framing: a 4-byte big-endian length, then that many bytes.

Invariant: however the stream is cut into chunks, the same frames come out in the same order. A length
above the limit, or a frame that is too much for its kind (`bounds`), means the stream is not this protocol
any more: the frames before it are still delivered, then `broken` is set and nothing else ever comes out. The
splitter never raises.
"""

from __future__ import annotations

from struct import Struct

from twsmq_nodes.tws.bounds import HEAD, UNSUSPECTED, too_long, too_many_fields

# ibapi refuses longer ones (MAX_MSG_LEN); the largest real frame, scanner parameters, is about 2 MB.
MAX_FRAME_BYTES = 0xFFFFFF

MIN_SERVER_VERSION = 157
"""What ibapi 9.81.1 speaks at most, and ib_async asks for at least: below it nothing has been tried."""

_LENGTH = Struct("!I")
_LARGE_READ = 16_384


def frame(payload: bytes) -> bytes:
    """`payload` with its length in front."""
    return _LENGTH.pack(len(payload)) + payload


def handshake(lowest: int, highest: int) -> bytes:
    """The first bytes of a connection: the server versions we speak."""
    return b"API\0" + frame(b"v%d..%d" % (lowest, highest))


class FrameSplitter:
    """Cuts received bytes into frames; whole frames never pass through an intermediate buffer."""

    __slots__ = ("_held", "_limit", "_need", "_pending", "_unsuspected", "broken", "raw_ids")

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self._limit = limit
        self._unsuspected = min(limit, UNSUSPECTED)
        self._pending: list[bytes | bytearray] = []
        self._held = 0
        self._need = 4
        self.broken: str | None = None
        self.raw_ids = False  # from server version 201 on, which is known only after the first frame

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, in order, without their length."""
        if self.broken is not None:
            return []
        if self._pending:
            self._hold(data)
            if self._held < self._need:
                return []
            data = b"".join(self._pending)
            self._pending, self._held = [], 0
        frames: list[bytes] = []
        at, end, length_at = 0, len(data), _LENGTH.unpack_from
        need, unsuspected = 4, self._unsuspected
        while end - at >= 4:
            length: int = length_at(data, at)[0]
            stop = at + 4 + length
            if length > unsuspected:
                if length > self._limit:
                    self.broken = (
                        f"a frame of {length} bytes is announced, more than the {self._limit} allowed"
                    )
                    return frames
                if end - at < 4 + HEAD:
                    need = 4 + HEAD
                    break
                self.broken = too_long(data[at + 4 : at + 4 + HEAD], length, raw_ids=self.raw_ids) or (
                    too_many_fields(data[at + 4 : stop], raw_ids=self.raw_ids) if stop <= end else None
                )
                if self.broken is not None:
                    return frames
            if stop > end:
                need = 4 + length
                break
            frames.append(data[at + 4 : stop])
            at = stop
        if at < end:
            self._hold(data[at:])
        self._need = need
        return frames

    def _hold(self, data: bytes) -> None:
        """Until the frame is whole. A large one is put together once, small reads as they come."""
        self._held += len(data)
        if len(data) >= _LARGE_READ:
            self._pending.append(data)
            return
        last = self._pending[-1] if self._pending else None
        if isinstance(last, bytearray) and len(last) < _LARGE_READ:
            last += data
        else:
            self._pending.append(bytearray(data))

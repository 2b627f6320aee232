"""Bytes from a client's socket, cut into the handshake and then into request frames.

A client opens with `API\\0`, then one frame `v<min>..<max>[ <options>]`; after that every frame is a 4-byte
big-endian length and the payload. Pieces may arrive in any size. What cannot be a client of this protocol is
a `MalformedRequest`, and the connection is reset, as a real gateway does with a malformed version string.
"""

import re
from typing import Final

import msgspec

from twsmq_simulator.errors import MalformedRequest

PREFIX: Final = b"API\0"
MAX_FRAME: Final = 0xFFFFFF  # IBKR's client refuses longer ones (MAX_MSG_LEN)
_VERSIONS = re.compile(rb"v(\d{1,6})(?:\.\.(\d{1,6}))?(?: (.*))?", re.DOTALL)


class VersionRange(msgspec.Struct, frozen=True):
    """What the client offers to speak."""

    lowest: int
    highest: int
    options: str


class FrameSplitter:
    """Feed bytes, take out the version range once and then payloads, in order."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def version_range(self) -> VersionRange | None:
        """The client's opening, or None while it is incomplete. Raises MalformedRequest."""
        start = bytes(self._buffer[: len(PREFIX)])
        if not PREFIX.startswith(start) and start != PREFIX:
            raise MalformedRequest("no API prefix")
        if len(start) < len(PREFIX):
            return None
        if not self._greeted:
            del self._buffer[: len(PREFIX)]
            self._greeted = True
        payload = self.payload()
        if payload is None:
            self._buffer[:0] = PREFIX
            self._greeted = False
            return None
        matched = _VERSIONS.fullmatch(payload.rstrip(b"\0"))
        if matched is None:
            raise MalformedRequest("the version string is malformed")
        lowest = int(matched[1])
        return VersionRange(lowest, int(matched[2] or lowest), (matched[3] or b"").decode("ascii", "replace"))

    def payload(self) -> bytes | None:
        """The next complete frame's payload, or None. Raises MalformedRequest on an impossible length."""
        if len(self._buffer) < 4:
            return None
        size = int.from_bytes(self._buffer[:4], "big")
        if size > MAX_FRAME:
            raise MalformedRequest(f"a frame of {size} bytes")
        if len(self._buffer) < 4 + size:
            return None
        payload = bytes(self._buffer[4 : 4 + size])
        del self._buffer[: 4 + size]
        return payload

"""What can go wrong before a cluster runs. After that nothing is an error: the policy deals with it."""

from __future__ import annotations

from twsmq_protocol.errors import LocalError


class StartRefused(LocalError):
    """The cluster cannot start here. `str()` is one line that names what is in the way and the cure."""


class DataDirInUse(StartRefused):
    """Another supervisor holds the lock of this data folder."""


class PortTaken(StartRefused):
    """`port` is bound by somebody else; `wanted_by` says which process of ours needs it."""

    def __init__(self, message: str, *, port: int, wanted_by: str) -> None:
        self.port = port
        self.wanted_by = wanted_by
        super().__init__(message)

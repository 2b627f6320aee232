"""Whether a process lets this client in, and if not, which mistake it is. Pure: events of a socket's monitor
in, a verdict out; `now` is passed in.

What libzmq's monitor reports (tried with 4.3.5): HANDSHAKE_FAILED_AUTH is a refusal for good. An unknown
key gets no answer at all, so the handshake hangs until the other side gives up and both try again. A wrong
server key fails at once, without a detail, some 20 times a second. No keys where some are wanted, and keys
where none are, end in a mismatch of mechanisms, or, where the other side reads first, without a detail: on
some machines nearly every time. So a client without keys that fails so again and again lacks them, unless it
was let in before: then it is a forwarder that closes what it accepts while the cluster behind it restarts.

Invariant: who was let in is not refused before the connection was lost and the next handshake failed.
"""

from __future__ import annotations

from enum import Enum

HANGS_S = 1.0
"""A handshake takes milliseconds; one that takes this long is being left without an answer."""
FAILURES = 5
"""That many in a row without a detail are no accident, such as a process that ended in the midst of one."""


class Mistake(Enum):
    """Its value names what is wrong, `cure` what to do."""

    REFUSED_KEY = "refused key"
    UNKNOWN_KEY = "unknown key"
    WRONG_SERVER_KEY = "wrong server key"
    NO_KEYS = "no keys"
    KEYS_NOT_WANTED = "keys not wanted"

    @property
    def cure(self) -> str:
        return _CURES[self]


_CURES = {
    Mistake.REFUSED_KEY: "the operator has revoked it: ask for another, made with 'twsmq keys add'",
    Mistake.UNKNOWN_KEY: "it waits to be let in: there, 'twsmq keys pending' shows it and "
    "'twsmq keys accept' lets it in (or the process stands still)",
    Mistake.WRONG_SERVER_KEY: "this key file is another cluster's, or older than its keys: have it "
    "written again with 'twsmq keys add'",
    Mistake.NO_KEYS: "this cluster wants keys: give the file that 'twsmq keys add' wrote",
    Mistake.KEYS_NOT_WANTED: 'this cluster runs without keys: connect without, or set keys = "on" there',
}


class Admission:
    """Of one connection. `keyed`: whether this client shows keys."""

    def __init__(self, *, keyed: bool) -> None:
        self._keyed = keyed
        self._failures = 0
        self._mistake: Mistake | None = None
        self._began: float | None = None  # a handshake that has not ended
        self.up = False
        self.times_up = 0
        """How often a handshake has succeeded: what was sent since the last time may have arrived."""

    def connected(self, now: float) -> None:
        self._began = now

    def let_in(self) -> None:
        self.up, self._began, self._failures, self._mistake = True, None, 0, None
        self.times_up += 1

    def lost(self) -> None:
        self.up, self._began = False, None

    def refused(self) -> None:
        """The gatekeeper has refused the key; libzmq does not try again."""
        self.up, self._began, self._mistake = False, None, Mistake.REFUSED_KEY

    def failed(self, *, mismatch: bool) -> None:
        """A handshake failed; `mismatch`: one side wants keys, the other has none."""
        self.up, self._began = False, None
        self._failures += 1
        if mismatch:
            self._mistake = Mistake.KEYS_NOT_WANTED if self._keyed else Mistake.NO_KEYS
        elif self._failures >= FAILURES and self._mistake is None and (self._keyed or not self.times_up):
            self._mistake = Mistake.WRONG_SERVER_KEY if self._keyed else Mistake.NO_KEYS

    def mistake(self, now: float) -> Mistake | None:
        """What is wrong, None while nothing is known to be."""
        hangs = self._began is not None and now >= self._began + HANGS_S
        if hangs and self._keyed and self._mistake is None:
            return Mistake.UNKNOWN_KEY
        return self._mistake

    def due(self, now: float) -> float | None:
        """When `mistake` will change though nothing happens."""
        if self._began is None or not self._keyed or now >= self._began + HANGS_S:
            return None
        return self._began + HANGS_S

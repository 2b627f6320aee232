"""What a client of twsmq can run into, beside `ConfigError` for a configuration that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twsmq_protocol.errors import LocalError, PeerError, gateway_error

from .admission import Mistake

if TYPE_CHECKING:
    from twsmq_protocol.reference_requests import ListedContract


class RequestRefused(PeerError):
    """A process answered with an error.

    `code` is one of SPEC's error codes (or a later one), `field` the argument at fault, `tws_code` the
    gateway's own number where the refusal came from there.
    """

    def __init__(
        self, process: str, op: str, code: str, message: str, field: str | None, tws_code: int | None
    ) -> None:
        self.process = process
        self.op = op
        self.code = code
        self.message = message
        self.field = field
        self.tws_code = tws_code
        super().__init__(f"{process} refused {op}: {code}: {message}")


class OutcomeUnknown(PeerError):
    """No reply came in time. The request may have taken effect or not.

    Past its `valid_until`, which is when this is raised unless set otherwise, it can no longer take effect.
    `absent` is the endpoint where nobody listens any more (or ever did), None when somebody does.
    """

    def __init__(self, process: str, op: str, timeout: float, absent: str | None = None) -> None:
        self.process = process
        self.op = op
        self.timeout = timeout
        self.absent = absent
        nobody = (
            f" (nobody listens at {absent}: is the cluster running, and is this its port_base?)"
            if absent
            else ""
        )
        super().__init__(
            f"no reply from {process} to {op} within {timeout:g} s{nobody}: its outcome is unknown; "
            "repeating it with the same arguments (an order: the same client_order_id) is safe"
        )


class ConnectionRefused(PeerError):
    """A process does not let this client in; nothing was sent to it, so nothing has had an effect.

    `mistake` is the reason, its `cure` what to do. `process` is empty where events were waited for.
    """

    def __init__(self, process: str, endpoint: str, mistake: Mistake) -> None:
        self.process = process
        self.endpoint = endpoint
        self.mistake = mistake
        who = f"{process} at {endpoint}" if process else endpoint
        super().__init__(f"{who} does not let this client in: {mistake.value}: {mistake.cure}")


class StreamRefused(PeerError):
    """There are no data of a topic, and asking again would not change that.

    `text` is the gateway's or the node's own, `tws_code` the gateway's number where it came from there.
    """

    def __init__(self, topic: str, text: str, tws_code: int | None) -> None:
        self.topic = topic
        self.text = text
        self.tws_code = tws_code
        super().__init__(f"{topic}: {text}{gateway_error(tws_code)}")


class ClientClosed(LocalError):
    """The client was closed; make a new one."""

    def __init__(self) -> None:
        super().__init__("this client is closed; make a new one")


class RequestTooLong(LocalError):
    """The request would be refused as `malformed`; it was not sent."""

    def __init__(self, op: str, size: int, limit: int) -> None:
        self.op = op
        self.size = size
        super().__init__(f"{op}: {size} bytes, and a request is at most {limit} bytes; send less at once")


class NotInstalled(LocalError):
    """A library is missing that comes with an extra."""

    def __init__(self, library: str, extra: str) -> None:
        self.library = library
        super().__init__(f"{library} is not installed: pip install 'twsmq[{extra}]'")


class AmbiguousContract(PeerError):
    """Several contracts match. `candidates` are the first of them, `told_apart_by` the fields to name."""

    def __init__(self, instrument: str, candidates: list[ListedContract], told_apart_by: list[str]) -> None:
        self.instrument = instrument
        self.candidates = candidates
        self.told_apart_by = told_apart_by
        first = ", ".join(one.instrument for one in candidates[:3])
        names = " and ".join(told_apart_by)
        super().__init__(f"{instrument} may be {first} …: name its {names}, or give CONID:<conId>")

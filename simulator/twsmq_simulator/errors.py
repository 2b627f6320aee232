"""Errors of the simulated gateway: ours (bad settings, damaged store) apart from the peer's (a bad request).

A `RequestRefused` is not a failure of the simulator: it is how a handler chooses the error message that the
client gets, with the code and text a real gateway uses.
"""


class SimulatorError(Exception):
    """Base of everything this package raises on purpose."""


class BadSettings(SimulatorError):
    """Our own operator's mistake; the text names the setting and the cure."""


class StoreFailed(SimulatorError):
    """What must be on disk before it is reported cannot be written, or what is there cannot be read."""


class MalformedRequest(SimulatorError):
    """The peer sent bytes that are no request; answered with code 320."""


class RequestRefused(SimulatorError):
    """The request is understood and refused: `code` and `text` go to the client under `request_id`."""

    def __init__(self, code: int, text: str, request_id: int = -1) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text
        self.request_id = request_id

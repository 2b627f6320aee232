"""The Python client of twsmq. Its asyncio twin is in `twsmq.aio`, the command line in `twsmq.cli`.

with Client(port_base=5500) as client:
    client.subscribe("quote/STK:AAPL:SMART:USD/")
    for topic, event, lost in client.events(within=10):
        print(topic, event, lost)

Names are loaded when they are first used: `import twsmq` alone costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twsmq_protocol.errors import TwsmqError

    from .client import Client
    from .errors import (
        AmbiguousContract,
        ClientClosed,
        ConnectionRefused,
        NotInstalled,
        OutcomeUnknown,
        RequestRefused,
        RequestTooLong,
        StreamRefused,
    )
    from .inbox import Received
    from .loss import Loss, NumberLine, TopicLoss
    from .table import Table

__all__ = [
    "AmbiguousContract",
    "Client",
    "ClientClosed",
    "ConnectionRefused",
    "Loss",
    "NotInstalled",
    "NumberLine",
    "OutcomeUnknown",
    "Received",
    "RequestRefused",
    "RequestTooLong",
    "StreamRefused",
    "Table",
    "TopicLoss",
    "TwsmqError",
]

_HOMES = {
    "TwsmqError": "twsmq_protocol.errors",
    "Client": ".client",
    "Received": ".inbox",
    "Table": ".table",
} | dict.fromkeys(("Loss", "NumberLine", "TopicLoss"), ".loss")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, ".errors"), __name__), name)

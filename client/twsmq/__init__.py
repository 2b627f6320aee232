"""The Python client of twsmq. Its asyncio twin is in `twsmq.aio`, the command line in `twsmq.cli`.

with Client(port_base=5500) as client:
    client.subscribe("quote/STK:AAPL:SMART:USD/")
    for topic, event, lost in client.events(within=10):
        print(topic, event, lost)
"""

from twsmq_protocol.errors import TwsmqError

from .client import Client
from .errors import ClientClosed, OutcomeUnknown, RequestRefused, RequestTooLong
from .inbox import Received
from .loss import Loss, NumberLine, TopicLoss

__all__ = [
    "Client",
    "ClientClosed",
    "Loss",
    "NumberLine",
    "OutcomeUnknown",
    "Received",
    "RequestRefused",
    "RequestTooLong",
    "TopicLoss",
    "TwsmqError",
]

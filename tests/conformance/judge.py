"""Plays a scenario with a client against a gateway of its own and judges it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from support.simulated_gateway import running_gateway

from .catalogue import SCENARIOS
from .clients import Client
from .conversation import DEADLINE, Conversation, Deviation, Unsupported
from .expectations import require_equal

SEED = "20260401"
GATEWAY_OPTIONS = ("--seed", SEED, "--tick-rate", "20")


@dataclass(frozen=True)
class Verdict:
    """`outcome` is "pass", "fail" or "unsupported"; `detail` why it is not a pass; `notes` what could not be
    observed."""

    outcome: str
    detail: str = ""
    notes: tuple[str, ...] = ()


def play(client: Client, name: str) -> Verdict:
    with (
        tempfile.TemporaryDirectory() as data_dir,
        running_gateway(Path(data_dir), *GATEWAY_OPTIONS) as gateway,
    ):
        return play_at(gateway.port, client, name)


def play_at(gateway_port: int, client: Client, name: str, deadline: float = DEADLINE) -> Verdict:
    """The same at a gateway that runs already."""
    conversation = Conversation(client.command(), client.environment(), gateway_port, deadline)
    try:
        conversation.connect()
        version = conversation.wait("connected")["serverVersion"]
        require_equal(version, client.negotiates, "negotiated server version")
        SCENARIOS[name](conversation)
    except Unsupported as reason:
        return Verdict("unsupported", str(reason))
    except Deviation as deviation:
        return Verdict("fail", str(deviation), tuple(conversation.notes))
    finally:
        conversation.close()
    return Verdict("pass", notes=tuple(conversation.notes))

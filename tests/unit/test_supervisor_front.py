"""The link of supervisor and front: however large a configuration may be, its front learns of it."""

from __future__ import annotations

import msgspec
import pytest
from twsmq_protocol.config import parse_config
from twsmq_protocol.config_file import LONGEST
from twsmq_supervisor.front_messages import LONGEST_STATE, Alive, RestartAsked, Row, Splitter, State, pack


def a_state(configs: int) -> State:
    names = ", ".join(f'"STK:{number:0>90}:SMART:USD"' for number in range(9000))
    text = f"[orders.risk]\ninstruments = [{names}]\n"
    assert 900_000 < len(text) < LONGEST
    config = parse_config(text, "twsmq.toml")
    own = Row(name="supervisor", state="ready", pid=1, client_id=None, restarts=0, since=0.0, reason=None)
    return State(rows=[own], gateway=None, stopping=False, lock="", configs=[config] * configs)


def test_the_state_of_processes_with_unlike_large_configurations_arrives() -> None:
    packed = pack(a_state(12))
    assert len(packed) < LONGEST_STATE
    splitter = Splitter(LONGEST_STATE)
    bodies = [
        body for at in range(0, len(packed), 65_536) for body in splitter.feed(packed[at : at + 65_536])
    ]
    (body,) = bodies
    assert len(msgspec.msgpack.decode(body, type=State).configs) == 12


def test_what_the_front_sends_is_cut_as_it_was_and_bounded() -> None:
    splitter = Splitter()
    stream = b"".join(pack(message) for message in (Alive(), RestartAsked("orders"), Alive()))
    bodies = [body for at in range(len(stream)) for body in splitter.feed(stream[at : at + 1])]
    assert bodies == [pack(message)[4:] for message in (Alive(), RestartAsked("orders"), Alive())]
    with pytest.raises(ValueError, match="a message of 4294967295 bytes"):
        splitter.feed(b"\xff" * 4)

"""Vectors and sessions, played and judged.

A step of a session is a map: `client`, the command the program gets; `server`, what the processes do
meanwhile; and `expect`, what the program must observe. Each vector and each session passes or fails as a
whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import twsmq_protocol
from msgspec import Struct
from twsmq_protocol.errors import MalformedMessage, TwsmqError
from twsmq_protocol.plain_file import read_plain

from .cast import Cast, free_port_base
from .peer import Peer, PeerFailed
from .values import difference, from_json


class Verdict(Struct, frozen=True):
    """`problem` is None where it passed."""

    name: str
    problem: str | None


class Step(Struct, frozen=True, forbid_unknown_fields=True):
    client: dict[str, Any] | None = None
    server: list[dict[str, Any]] = []
    expect: dict[str, Any] | None = None
    note: str = ""


def vectors_folder() -> Path:
    """The golden vectors: part of the installed package, or of the checkout this runs from."""
    package = Path(twsmq_protocol.__file__).parent
    installed = package / "vectors"
    return installed if installed.is_dir() else package.parent / "vectors"


def run(command: Sequence[str], folder: Path, only: str = "") -> Iterator[Verdict]:
    """Every vector and session whose name holds `only`. Raises `PeerFailed` if the program cannot start."""
    with Peer(command) as peer:
        for name, problem in _vectors(peer, folder, only):
            yield Verdict(name, problem)
    for path in sorted((folder / "sessions").glob("*.jsonl")):
        if only in path.stem:
            yield Verdict(f"session {path.stem}", _session(command, path))


def _vectors(peer: Peer, folder: Path, only: str) -> Iterator[tuple[str, str | None]]:
    judges = {"events": _event, "odd_events": _event, "replies": _reply, "requests": _request}
    for file, judge in judges.items():
        for row in msgspec.json.decode(read_plain(folder / f"{file}.json")):
            if only in row["name"]:
                yield f"{row['kind']}: {row['name']}", judge(peer, row)
    yield from _refused(peer, folder, only)


def _event(peer: Peer, row: dict[str, Any]) -> str | None:
    peer.send({"do": "decode_event", "hex": row["hex"]})
    found = peer.observation()
    if row.get("decoded") is None:
        return difference({"malformed": True}, found)
    return difference({"topic": row["topic"], "event": row["decoded"]}, found)


def _reply(peer: Peer, row: dict[str, Any]) -> str | None:
    peer.send({"do": "decode_reply", "hex": row["hex"]})
    expected = {key: value for key, value in row["decoded"].items() if key != "v"}
    return difference({"reply": expected}, peer.observation())


def _request(peer: Peer, row: dict[str, Any]) -> str | None:
    """The program's own bytes may differ; what they mean may not."""
    peer.send({"do": "encode_request", **row["decoded"]})
    found = peer.observation()
    try:
        made = msgspec.msgpack.decode(bytes.fromhex(found["hex"]))
    except (KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
        return f"its bytes are no request: {error}"
    return difference(row["decoded"], made)


def _refused(peer: Peer, folder: Path, only: str) -> Iterator[tuple[str, str | None]]:
    rows = msgspec.json.decode(read_plain(folder / "refused_requests.json"))
    with free_port_base() as base, Cast(base) as cast:
        peer.send({"do": "connect", "port_base": base})
        peer.observation()
        for row in rows:
            if only not in row["name"]:
                continue
            answer = row["answer"]
            known = answer["id"] if isinstance(answer["id"], int) else None
            peer.send({"do": "raw", "process": "orders", "id": known, "hex": row["hex"]})
            cast["orders"].answer_as_refused()
            error = {"code": answer["code"], "field": answer["field"]}
            expected = {"reply": {"id": answer["id"], "ok": False, "error": error}}
            yield f"refused: {row['name']}", difference(expected, peer.observation())
        peer.send({"do": "close"})
        peer.observation()


def _session(command: Sequence[str], path: Path) -> str | None:
    with Peer(command) as peer, free_port_base() as base, Cast(base) as cast:
        peer.send({"do": "connect", "port_base": base})
        peer.observation()
        for number, line in enumerate(read_plain(path).decode().splitlines(), 1):
            if not line.strip():
                continue
            try:
                step = msgspec.convert(from_json(line), Step)
            except (ValueError, msgspec.ValidationError) as error:
                raise MalformedMessage(f"{path}:{number}: {error}") from error
            try:
                problem = _play(peer, cast, step)
            except TwsmqError as error:
                problem = str(error)
            if problem is not None:
                return f"line {number}: {problem}"
    return None


def _play(peer: Peer, cast: Cast, step: Step) -> str | None:
    if step.client is not None:
        peer.send(step.client)
    problems = [_act(cast, action) for action in step.server]
    if step.client is None:
        return next(filter(None, problems), None)
    found = peer.observation()
    return next(filter(None, problems), None) or difference(step.expect or {}, found)


def _act(cast: Cast, action: dict[str, Any]) -> str | None:
    player = cast[action["process"]]
    match action["do"]:
        case "publish":
            player.publish(action["topic"], action["event"], action.get("skip", 0))
        case "publish_raw":
            player.send_raw(bytes.fromhex(action["hex"]))
        case "await_subscription":
            player.await_subscription(action["topic"])
        case "await_request":
            return player.await_request(action["op"], action.get("args", {}), action.get("reply"))
        case "repeat":
            player.repeat()
        case "restart":
            player.restart(action.get("later_s", 1))
        case other:
            raise PeerFailed(f"a session has no action {other!r}")
    return None

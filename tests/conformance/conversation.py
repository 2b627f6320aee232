"""One client library at work: commands go to its driver, observations come back.

A driver is a small program around one client library. It reads commands, one JSON object per line, from its
stdin and carries each out by one call of the library; whatever the library tells its user goes to stdout, one
JSON object per line. It knows no scenario and waits for nothing, so that nothing of what must be observed is
written down in three languages.

A command is `{"do", "ref", …}`. `ref` is the judge's name of a request or of an order; how it becomes an id
is the library's affair. An observation is `{"event", …}`, named as TWS's API names its callbacks, with `ref`
(and `id`) where it belongs to a request or order. Contracts and orders are objects with the API's attribute
names; numbers are JSON numbers, what is not set is null or left out.

The first observation is `hello`: `library`, `version`, and `callbacks`, which is "raw" where the library
hands on every message as it comes, and "derived" where it keeps books of its own and reports their changes;
`misread` maps what the library is known to lose on the way ("event.field") to the reason. `refused` means
that the library itself would not send the command, `unsupported` that it has no such request, `crashed` that
it failed while reading what the gateway sent.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

Observation = dict[str, Any]
DEADLINE = 20.0  # seconds for one observation
SCENARIO_DEADLINE = 60.0  # seconds for a scenario as a whole
CLIENT_ID = 7


class Deviation(Exception):
    """What was observed is not what the evidence asks for."""


class Unsupported(Exception):
    """The client has no such request; the text is its driver's reason."""


class Conversation:
    """The judge's side of one driver process. `observations` are all so far, oldest first.

    `notes` collects what a client keeps from being observed although the scenario as a whole passes.
    `deadline` is how many seconds one observation may take.
    """

    def __init__(
        self, command: list[str], environment: dict[str, str], gateway_port: int, deadline: float = DEADLINE
    ) -> None:
        self.observations: list[Observation] = []
        self.notes: list[str] = []
        self.gateway_port = gateway_port
        self._again = lambda: Conversation(command, environment, gateway_port, deadline)
        self._deadline = deadline
        self._others: list[Conversation] = []
        self._changed = threading.Condition()
        self._ended = False
        self._errors: list[str] = []
        self._ends_at = time.monotonic() + SCENARIO_DEADLINE
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1
        )
        self._readers = [threading.Thread(target=r, daemon=True) for r in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    @property
    def hello(self) -> Observation:
        return self.wait("hello")

    @property
    def raw(self) -> bool:
        return self.hello["callbacks"] == "raw"

    def reads(self, event: str, field: str) -> bool:
        """Whether the library hands this field on as it was sent; if not, that is noted."""
        reason = self.hello.get("misread", {}).get(f"{event}.{field}")
        if reason is not None:
            self.notes.append(f"{field} of {event} is not judged: {reason}")
        return reason is None

    def close(self) -> None:
        """Ends the driver, which ends by itself when its stdin does."""
        for other in self._others:
            other.close()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        with contextlib.suppress(BrokenPipeError):  # it may have gone already
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join()
        self._process.stdout.close()
        self._process.stderr.close()

    def another(self) -> Conversation:
        """A second process of the same client at the same gateway, not connected yet."""
        self._others.append(self._again())
        return self._others[-1]

    # ---- commands

    def tell(self, do: str, ref: str = "", **arguments: object) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, "ref": ref, **arguments}) + "\n")
        except OSError:
            raise Deviation(f"the driver has ended: {self._stderr()}") from None

    def connect(self, client_id: int = CLIENT_ID) -> None:
        """Connects and waits until orders may be placed."""
        so_far = len(self.observations)
        self.tell("connect", host="127.0.0.1", port=self.gateway_port, clientId=client_id)
        self.wait("nextValidId", after=so_far)

    def connect_again(self) -> int:
        """Connects under the same client id and returns the index of that connection's first observation. A
        library that lets go of its old socket late is told 326 and hung up on, until it has."""
        while True:
            began = len(self.observations)
            self.tell("connect", host="127.0.0.1", port=self.gateway_port, clientId=CLIENT_ID)
            answer = self.wait_any(("nextValidId", {}), ("error", {"code": 326}), after=began)
            if answer["event"] == "nextValidId":
                return began

    def place(self, ref: str, contract: dict[str, Any], order: dict[str, Any], **more: object) -> None:
        """Places an order, or modifies it if there is one of that name. `parent` names the parent order,
        `orderId` chooses the id."""
        self.tell("placeOrder", ref, contract=contract, order=order, **more)

    def cancel(self, ref: str) -> None:
        self.tell("cancelOrder", ref)

    def fence(self, name: str = "fence") -> None:
        """Returns when everything the gateway had to send before now has been observed."""
        contract = {"symbol": "IBM", "secType": "STK", "exchange": "SMART", "currency": "USD"}
        self.tell("reqContractDetails", name, contract=contract)
        self.wait("contractDetailsEnd", ref=name)

    # ---- observations

    def wait(self, event: str, *, count: int = 1, after: int = 0, **fields: object) -> Observation:
        """The count-th observation of that name (from index `after` on) whose fields are, or satisfy, the
        given ones."""
        deadline = min(time.monotonic() + self._deadline, self._ends_at)
        with self._changed:
            while True:
                found = self.seen(event, after=after, **fields)
                if len(found) >= count:
                    return found[count - 1]
                self._look_for_failure(event, fields)
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Deviation(f"no {_described(event, fields)}; the last were {self._last()}")
                self._changed.wait(left)

    def wait_any(self, *wanted: tuple[str, dict[str, object]], after: int = 0) -> Observation:
        """The first observation that is one of several."""
        return self.wait("", after=after, n=lambda n: self._is_one_of(n, wanted))

    def seen(self, event: str = "", *, after: int = 0, **fields: object) -> list[Observation]:
        """All observations of that name (any, if empty) whose fields are, or satisfy, the given ones."""
        with self._changed:
            return [o for o in self.observations[after:] if _matches(o, event, fields)]

    def following(self, observation: Observation) -> Observation:
        """What came right after it."""
        return self.wait("", after=observation["n"] + 1)

    def status(self, ref: str, status: str, **fields: Any) -> Observation:
        return self.wait("orderStatus", ref=ref, status=status, **fields)

    def error(self, ref: str, code: int, **fields: Any) -> Observation:
        return self.wait("error", ref=ref, code=code, **fields)

    def error_or_refusal(self, ref: str, code: int) -> Observation | None:
        """The gateway's error, or None (and a note) where the library will not even send the request."""
        found = self.wait_any(("error", {"ref": ref, "code": code}), ("refused", {"ref": ref}))
        if found["event"] == "error":
            return found
        self.notes.append(f"{code} is not seen: the library itself refuses the request ({found['reason']})")
        return None

    # ---- the driver's process

    def _is_one_of(self, n: int, wanted: tuple[tuple[str, dict[str, object]], ...]) -> bool:
        return any(_matches(self.observations[n], event, fields) for event, fields in wanted)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            observation = _parsed(line)
            with self._changed:
                observation["n"] = len(self.observations)
                self.observations.append(observation)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)

    def _look_for_failure(self, event: str, fields: dict[str, object]) -> None:
        for failed in self.seen("unsupported"):
            raise Unsupported(failed["reason"])
        for said in self.seen("garbage"):
            raise Deviation(f"the driver said what is no observation: {said['text']}")
        for failed in self.seen("crashed"):
            raise Deviation(f"the library failed on what the gateway sent: {failed['text']}")
        if self._ended:
            raise Deviation(f"the driver ended before {_described(event, fields)}: {self._stderr()}")

    def _last(self) -> str:
        return json.dumps(self.observations[-8:])[-2500:]

    def _stderr(self) -> str:
        return "".join(self._errors)[-1500:]


def _parsed(line: str) -> Observation:
    """The observation, or one of event "garbage", which a library's own printing may be."""
    try:
        found = json.loads(line)
    except json.JSONDecodeError:
        found = None
    return (
        found if isinstance(found, dict) and "event" in found else {"event": "garbage", "text": line.strip()}
    )


def _matches(observation: Observation, event: str, fields: dict[str, object]) -> bool:
    if event and observation["event"] != event:
        return False
    return all(_satisfies(observation.get(name), wanted) for name, wanted in fields.items())


def _satisfies(value: object, wanted: object) -> bool:
    if isinstance(wanted, Callable):
        return bool(wanted(value))
    return value == wanted


def _described(event: str, fields: dict[str, object]) -> str:
    shown = {name: "…" if callable(wanted) else wanted for name, wanted in fields.items()}
    return f"{event or 'observation'} {shown or ''}".strip()

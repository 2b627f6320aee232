"""One scripted session against a real cluster ends equal in Python, TypeScript and C++.

Each client subscribes, buys, is told of the fill, loses the orders node by kill -9, asks again, replays,
halts, is refused and resumes. What differs from run to run (ids, times, prices, numbers) is left out; the
rest is compared word for word.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.client_programs import CPP, PROGRAMS, TYPESCRIPT, Program, running_program
from support.cluster import Cluster

INSTRUMENT = "STK:AAPL:SMART:USD"
Outcome = list[tuple[str, Any]]
ENDED = ("filled", "cancelled", "rejected", "not_sent")


def is_last(event: dict[str, Any]) -> bool:
    return (event["type"], event.get("client_order_id"), event.get("status")) == ("order", "s-2", "cancelled")


def until(program: Program, wanted: Callable[[dict[str, Any]], bool], within: float = 60) -> dict[str, Any]:
    """The first event that is wanted. Those before it are not compared: there may be more or fewer."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = program.ask("next", timeout_ms=1_000)
        if "event" in found and wanted(found["event"]):
            return found
    raise AssertionError(f"not seen within {within} s")


def patiently(program: Program, op: str, **args: Any) -> dict[str, Any]:
    """As every client should: asked again while the node is not ready, or nobody knows what came of it."""
    deadline = time.monotonic() + 90
    while True:
        answer = program.ask("request", process="orders", op=op, args=args, timeout_ms=5_000)
        unsure = "outcome_unknown" in answer or answer.get("refused", {}).get("code") == "not_ready"
        if not unsure or time.monotonic() > deadline:
            return answer


def session(program: Program, cluster: Cluster, strategy: str) -> Outcome:
    outcome: Outcome = []
    order: dict[str, Any] = {
        "strategy": strategy,
        "client_order_id": "s-1",
        "instrument": INSTRUMENT,
        "side": "BUY",
    }
    order |= {"quantity": 10, "order_type": "MKT"}
    resting = order | {"client_order_id": "s-2", "order_type": "LMT", "limit_price": 1}

    assert program.ask("connect", port_base=cluster.port_base) == {}
    program.ask("subscribe", topics=[f"quote/{INSTRUMENT}/", f"order/{strategy}/"])
    quote = until(program, lambda event: event["type"] == "quote" and event["ask"] is not None)
    outcome.append(("quoted", (quote["topic"], sorted(quote["event"]))))

    outcome.append(("placed", shape(patiently(program, "place_order", **order))))
    fill = until(program, lambda event: event["type"] == "fill")
    outcome.append(("fill", {name: fill["event"][name] for name in ("strategy", "client_order_id", "side")}))
    done = until(program, lambda event: event["type"] == "order" and event["status"] in ENDED)
    outcome.append(("ended", stable(done["event"])))
    outcome.append(("placed again", shape(patiently(program, "place_order", **order))))
    outcome.append(("another under its id", patiently(program, "place_order", **order | {"quantity": 11})))
    outcome.append(("working", shape(patiently(program, "place_order", **resting))))

    pid = cluster.pid("orders")
    os.kill(pid, signal.SIGKILL)
    cluster.await_ready(60, after=("orders", pid))
    until(program, lambda event: event["type"] == "order" and bool(event["snapshot"]))  # it listens again
    orders = patiently(program, "get_orders", strategy=strategy)["result"]["orders"]
    stand = sorted((order["client_order_id"], order["status"], order["filled"]) for order in orders)
    outcome.append(("after kill -9", stand))
    page = patiently(program, "replay_events", after=0, strategy=strategy)["result"]
    kinds = [(e["type"], e["client_order_id"], e.get("status")) for e in page["events"]]
    numbers = [event["strategy_no"] for event in page["events"]]
    assert numbers == list(range(1, len(numbers) + 1)), "without gaps"
    outcome.append(("replayed", sorted({kind for kind in kinds if kind[0] == "fill"})))

    halted = patiently(program, "halt", strategy=strategy, reason="lunch", cancel=True)["result"]
    outcome.append(("halted", halted["remaining"]))
    outcome.append(("refused", patiently(program, "place_order", **resting | {"client_order_id": "s-3"})))
    cancelled = until(program, is_last)
    outcome.append(("cancelled", stable(cancelled["event"])))
    outcome.append(("resumed", "result" in patiently(program, "resume", strategy=strategy)))
    outcome.append(("unknown", patiently(program, "cancel_order", strategy=strategy, client_order_id="none")))
    program.ask("close")
    return outcome


def shape(answer: dict[str, Any]) -> Any:
    """Names of the result's fields and the status; an order id is another one each time."""
    result = answer.get("result")
    return answer if result is None else (sorted(result), result["client_order_id"])


def stable(event: dict[str, Any]) -> dict[str, Any]:
    kept = ("type", "client_order_id", "instrument", "side", "quantity", "order_type", "status", "filled")
    return {name: event[name] for name in kept} | {"fields": sorted(event)}


def available() -> list[Any]:
    built = (True, TYPESCRIPT.exists() and shutil.which("node") is not None, CPP.exists())
    return [program for program, there in zip(PROGRAMS, built, strict=True) if there]


def test_the_same_session_ends_equal_in_every_language(cluster: Cluster) -> None:
    programs = available()
    if len(programs) < 2:
        pytest.skip("only the Python client is built: see the README of clients/typescript and clients/cpp")
    outcomes: dict[str, Outcome] = {}
    for number, program in enumerate(programs):
        (command,) = program.values
        with running_program(command) as running:
            told = session(running, cluster, f"same{number}")
        outcomes[str(program.id)] = [(step, anonymous(value, f"same{number}")) for step, value in told]
    first = outcomes["python"]
    assert [step for step, _ in first][-1] == "unknown"
    for language, outcome in outcomes.items():
        for one, other in zip(first, outcome, strict=True):
            assert one == other, language


def anonymous(value: Any, strategy: str) -> Any:
    """The strategy's own name is the only thing that may differ."""
    if isinstance(value, str):
        return value.replace(strategy, "S")
    if isinstance(value, dict):
        return {key: anonymous(item, strategy) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list | tuple):
        return [anonymous(item, strategy) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value

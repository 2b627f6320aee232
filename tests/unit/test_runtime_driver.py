"""The driver of a core: order, re-entry, the hooks and the one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from twsmq_nodes.runtime.driver import Driver


class Core:
    """Two actions for each input, and an alarm for as long as `alarm` is set."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.alarm: float | None = None

    def handle(self, happened: str, now: float) -> list[str]:
        self.handled.append(happened)
        if happened == "woken":
            self.alarm = None
        return [f"{happened} 1", f"{happened} 2"]


def run(story: Callable[[], Any], start: Callable[..., Any] = asyncio.run) -> Any:
    async def on_loop() -> Any:
        return await story()

    return start(on_loop())


def test_what_comes_up_while_an_action_is_carried_out_waits_for_the_whole_list() -> None:
    async def story() -> list[str]:
        core, done = Core(), list[str]()

        def carry_out(action: str) -> None:
            done.append(action)
            if action == "a 1":
                driver.feed("b")
                driver.feed("c")
                driver.turn()

        driver: Driver[str, str] = Driver(core.handle, carry_out)
        driver.feed("a")
        return done

    assert run(story) == ["a 1", "a 2", "b 1", "b 2", "c 1", "c 2"]


def test_a_core_learns_first_what_it_must_know_before_anything_else() -> None:
    async def story() -> list[str]:
        core, known = Core(), ["written"]

        def carry_out(action: str) -> None:
            if action == "a 1":
                known.append("more")
                driver.feed("b")

        driver: Driver[str, str] = Driver(
            core.handle, carry_out, before_each=lambda: known.pop() if known else None
        )
        driver.feed("a")
        known.append("late")
        driver.turn()
        return core.handled

    assert run(story) == ["written", "a", "more", "b", "late"]


def test_what_is_idle_for_goes_last_and_what_it_brings_about_is_handled_too() -> None:
    async def story() -> list[str]:
        core, done, queued = Core(), list[str](), ["admitted"]

        def carry_out(action: str) -> None:
            done.append(action)
            if action == "admitted":
                driver.feed("b")

        driver: Driver[str, str] = Driver(
            core.handle, carry_out, idle=lambda: [queued.pop()] if queued else []
        )
        driver.feed("a")
        return done

    assert run(story) == ["a 1", "a 2", "admitted", "b 1", "b 2"]


@pytest.mark.parametrize("start", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_it_wakes_the_core_when_the_core_says_also_for_a_moment_that_is_past(start: Any) -> None:
    async def story() -> list[str]:
        core, woken = Core(), asyncio.Event()

        def carry_out(action: str) -> None:
            if action == "woken 2":
                woken.set()

        driver: Driver[str, str] = Driver(core.handle, carry_out, lambda: core.alarm, "woken")
        for at in (-1.0, 0.0, 0.005):
            core.alarm = asyncio.get_running_loop().time() + at
            driver.feed("a")
            await woken.wait()
            woken.clear()
        return core.handled

    assert run(story, start) == ["a", "woken"] * 3


def test_a_closed_driver_handles_nothing_more_and_wakes_nobody() -> None:
    async def story() -> list[str]:
        core, over = Core(), asyncio.Event()
        loop = asyncio.get_running_loop()
        core.alarm = loop.time() + 0.001

        def carry_out(action: str) -> None:
            if action == "b 1":
                driver.feed("c")
                driver.close()

        driver: Driver[str, str] = Driver(core.handle, carry_out, lambda: core.alarm, "woken")
        driver.feed("a")
        driver.feed("b")
        driver.feed("d")
        loop.call_later(0.01, over.set)
        await over.wait()
        return core.handled

    assert run(story) == ["a", "b"]


def test_an_action_that_fails_leaves_the_driver_usable() -> None:
    async def story() -> list[str]:
        core = Core()

        def carry_out(action: str) -> None:
            if action == "a 1":
                raise OSError("full")

        driver: Driver[str, str] = Driver(core.handle, carry_out)
        with pytest.raises(OSError, match="full"):
            driver.feed("a")
        driver.feed("b")
        return core.handled

    assert run(story) == ["a", "b"]

"""The alarm, on both loops: uvloop answers `call_at` of the past with another kind of handle."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop
from twsmq_nodes.runtime.alarm import Alarm


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_it_rings_once_for_the_last_time_it_was_set_to(run: Any) -> None:
    async def story() -> list[str]:
        loop = asyncio.get_running_loop()
        rang = asyncio.Event()
        rings: list[str] = []
        alarm = Alarm(lambda: (rings.append("rang"), rang.set()))
        alarm.set(loop.time() + 100)
        alarm.set(loop.time() - 1)  # due already
        due = loop.time() + 0.001
        alarm.set(due)
        alarm.set(due)
        await rang.wait()
        rang.clear()
        alarm.set(loop.time())  # the same again, after it rang
        await rang.wait()
        alarm.set(loop.time() + 0.001)
        alarm.set(None)
        Alarm(rang.set).set(loop.time() + 0.01)
        rang.clear()
        await rang.wait()
        return rings

    assert run(story()) == ["rang", "rang"]

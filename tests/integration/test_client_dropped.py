"""A client that its program dropped without closing it must not hold that program up.

In a process of its own: where it fails, the whole interpreter stands still.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.patience import patient

PROGRAM = """
import asyncio, gc, warnings
warnings.simplefilter("ignore", ResourceWarning)
import twsmq, twsmq.aio

def drop_one():
    client = twsmq.Client(port_base={port_base})
    client.subscribe("quote/")
    try:
        client.orders(timeout=0.01)  # opens a second socket, with a message that nobody takes
    except twsmq.OutcomeUnknown:
        pass
    client.me = client  # as any program's closures do: only the collector finds it

async def drop_another():
    client = twsmq.aio.Client(port_base={port_base})
    client.subscribe("quote/")
    client.me = client

for _ in range(20):
    {call}
    gc.collect()
print("went on")
"""


@pytest.mark.parametrize("call", ["drop_one()", "asyncio.run(drop_another())"])
def test_a_dropped_client_is_collected_and_the_program_goes_on(call: str, port_base: int) -> None:
    program = PROGRAM.format(port_base=port_base, call=call)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=patient(20), check=False
    )
    assert done.stdout == "went on\n", done.stderr
    assert done.returncode == 0

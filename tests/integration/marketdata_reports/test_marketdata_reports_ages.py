"""What has an age: lines that fall silent, look-ups that take long, contracts and hours as they were known.

Real node processes, and a gateway that says what a test tells it to, as in `test_marketdata_reports.py`.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgpack
from support.marketdata_node import client_of, configured, of_type, stream
from support.node_process import killed_at_the_end, running_node
from support.patience import patient
from support.plain_client import PlainClient
from support.scripted_gateway import ScriptedGateway
from support.scripted_lines import AAPL_ID, QUOTE, details, listed, name
from twsmq_simulator.market.listing import build
from twsmq_simulator.wire import messages, tick_messages
from twsmq_simulator.wire import requests as wire

CONTINUOUS = "quote/CONTFUT:ES:CME:USD/"
MSFT_ID = 272093
DESCRIBE = msgpack.packb({"v": 1, "id": "d", "op": "describe", "args": {}})


@contextmanager
def ticking(gateway: ScriptedGateway, request_id: int) -> Generator[None]:
    """A line that lives."""
    over = threading.Event()

    def tick() -> None:
        for number in itertools.count():
            if over.wait(0.1):
                return
            gateway.say(tick_messages.tick_price(request_id, 1, b"%d" % (100 + number % 2), b"5"))

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(5)


def test_one_dead_line_among_living_ones_backs_off_and_costs_them_nothing(
    tmp_path: Path, port_base: int, gateway: ScriptedGateway, client: PlainClient
) -> None:
    """ib_async #220: a dead combo had the whole shard connect anew, again and again."""
    config = configured(tmp_path, port_base, silent_s=0.6, quiet_repeat_s=60)
    combo = f"quote/BAG:AAPL:SMART:USD:+1x{AAPL_ID},-1x{MSFT_ID}/"
    client.subscribe("gateway/", QUOTE, combo)
    with ExitStack() as running:
        for process in ("connection", "marketdata"):
            running.enter_context(running_node(process, config))
        asked: dict[int, int] = {}
        dead: list[float] = []
        starts = 0

        def note(request: wire.Request) -> None:
            nonlocal starts
            starts += isinstance(request, wire.StartApi)
            if isinstance(request, wire.ContractDetails):
                gateway.say(details(request.request_id, listed()))
            elif isinstance(request, wire.MarketData) and request.contract.sec_type == "BAG":
                dead.append(time.monotonic())
            elif isinstance(request, wire.MarketData):
                asked[request.contract.con_id] = request.request_id

        def until(met: Callable[[], object]) -> None:
            deadline = time.monotonic() + patient(30)
            while not met():
                note(gateway.requests.get(timeout=max(0.0, deadline - time.monotonic())))

        until(lambda: asked and dead)
        with ticking(gateway, asked[AAPL_ID]):
            client.await_event(stream(combo, "starting"))
            until(lambda: len(dead) == 4)
            pauses = [later - earlier for earlier, later in itertools.pairwise(dead)]
            assert pauses[-1] > 1.5 * pauses[0], "ever more patiently"
            told = client.await_event(
                lambda at, event: at == "gateway/" and "it is these lines" in str(event.get("reason"))
            )
            assert told["reason"].startswith("marketdata-0: 1 line stays silent though asked for again")
        while not gateway.requests.empty():
            note(gateway.requests.get())
        assert starts == 2, "each process connected once"


def test_one_look_up_for_all_who_ask_answers_when_its_last_row_has_come(
    config: Path, gateway: ScriptedGateway, client: PlainClient, port_base: int
) -> None:
    """ib_insync #547: asking again for a slow chain started it a second time."""
    with running_node("reference", config), client_of(port_base) as other:
        client.await_result("reference", "describe")
        gateway.await_request(wire.StartApi)
        client.send("reference", "contract_details", instrument="STK:AAPL:SMART:USD")
        asked = gateway.await_request(wire.ContractDetails)
        other.send("reference", "contract_details", instrument="STK:AAPL:SMART:USD")
        other.dealer("reference").send(DESCRIBE)
        assert "ops" in str(other.receive("reference")["result"]), "it has read what came before"
        row = details(asked.request_id, listed())
        end = messages.contract_details_end(asked.request_id)
        gateway.say(row.removesuffix(end))
        gateway.say(end)
        for each in (client, other):
            reply = each.receive("reference")
            assert [found["con_id"] for found in reply["result"]["contracts"]] == [AAPL_ID]
        assert not any(isinstance(each, wire.ContractDetails) for each in gateway.requests.queue)


def aged(config: Path, **moments: float) -> None:
    """What the node remembers of contracts is that old."""
    (file,) = config.parent.rglob("marketdata-0.contracts.jsonl")
    rows: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows
    for row in rows:
        row["listing"] |= moments
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def asked_first(gateway: ScriptedGateway, client: PlainClient) -> wire.ContractDetails | wire.MarketData:
    """The next request about a contract. A socket that nobody reads does not subscribe again."""
    found: list[wire.ContractDetails | wire.MarketData] = []

    def come(*_: object) -> bool:
        while not found and not gateway.requests.empty():
            request = gateway.requests.get()
            if isinstance(request, wire.ContractDetails | wire.MarketData):
                found.append(request)
        return bool(found)

    client.await_event(come)
    return found[0]


def test_hours_and_what_a_symbol_means_are_asked_for_again_when_their_time_has_come(
    config: Path, gateway: ScriptedGateway, client: PlainClient
) -> None:
    """A front month was kept for 30 days, trading hours until they had run out."""
    front, following = build(datetime.now(UTC).date()).underlying("ES", "FUT")[:2]
    client.subscribe(CONTINUOUS, "node/marketdata-0/")
    with killed_at_the_end("marketdata", config):
        name(gateway, front)
        assert gateway.await_request(wire.MarketData).contract.con_id == front.con_id
    aged(config, due_s=time.time() + 5)
    with killed_at_the_end("marketdata", config):
        asked = asked_first(gateway, client)
        assert isinstance(asked, wire.MarketData), "it is good enough for the present"
        assert asked.contract.con_id == front.con_id
        gateway.say(tick_messages.tick_price(asked.request_id, 1, b"6900", b"5"))
        client.await_event(of_type(CONTINUOUS, "quote"))
        name(gateway, front)  # and asked for again, unnoticed
    aged(config, due_s=time.time() - 120, expires_s=time.time() - 60)
    with killed_at_the_end("marketdata", config):
        first = asked_first(gateway, client)
        assert isinstance(first, wire.ContractDetails), "nothing is asked for under what it meant once"
        gateway.say(details(first.request_id, following))
        asked = gateway.await_request(wire.MarketData)
        assert asked.contract.con_id == following.con_id
        gateway.say(tick_messages.tick_price(asked.request_id, 1, b"6950", b"5"))
        told = client.await_event(
            lambda at, event: at == CONTINUOUS and event["type"] == "quote" and event["bid"] == 6950.0
        )
        assert told["con_id"] == following.con_id

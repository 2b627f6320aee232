"""Every fault on command, as a client at the socket sees it. The simulator runs in the test's own loop."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from support.sim_stream import Client, connected, play
from twsmq_simulator import Server
from twsmq_simulator.bad_line import BadLine
from twsmq_simulator.command import CommandRefused
from twsmq_simulator.commands import COMMANDS, carry_out
from twsmq_simulator.faults import Line


def command(server: Server, op: str, **args: Any) -> dict[str, Any]:
    result = carry_out(server.gateway, op, args)
    server.gateway.settle()
    return result


async def resting_order(client: Client, order_id: int = 1, tif: str = "GTC") -> list[str]:
    client.place(order_id, "BUY", 10, "LMT", limit="1.0", tif=tif)
    return await client.status(order_id, "Submitted")


def test_an_unknown_op_is_refused_with_the_list(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        with pytest.raises(CommandRefused) as refused:
            command(server, "explode")
        assert refused.value.code == "unknown_op"
        assert all(op in str(refused.value) for op in COMMANDS)

    play(tmp_path, story)


def test_a_wrong_argument_is_named(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        with pytest.raises(CommandRefused) as refused:
            command(server, "price_jump", symbol="AAPL", percent="much")
        assert refused.value.code == "invalid_argument"
        assert refused.value.field == "percent"

    play(tmp_path, story)


def test_every_op_says_what_it_does(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        ops = command(server, "describe")["ops"]
        assert set(ops) == set(COMMANDS)
        assert all(op["doc"] for op in ops.values())

    play(tmp_path, story)


def test_drop_resets_one_client_and_leaves_the_other(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        one, two = await connected(server.port, 1), await connected(server.port, 2)
        assert command(server, "drop", client_id=1) == {"dropped": 1}
        await one.hung_up()
        two.send("49", "1")
        await two.until("49")

    play(tmp_path, story)


def test_a_silent_port_accepts_and_says_nothing_until_it_wakes(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        command(server, "silence")
        client.send("49", "1")
        late = asyncio.ensure_future(connected(server.port, 2))
        await client.quiet(0.2)
        assert not late.done()
        command(server, "silence", on=False)
        await client.until("49")
        await late

    play(tmp_path, story)


def test_connectivity_lost_stops_ticks_and_orders_until_restored(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.subscribe(7)
        await client.until("1")
        command(server, "connectivity_lost")
        await client.error(1100)
        client.place(1, "BUY", 1, "MKT")
        await client.status(1, "PreSubmitted")
        await client.quiet(0.2)
        command(server, "connectivity_restored")
        await client.error(1102)
        await client.error(2104)
        await client.status(1, "Filled")
        await client.until("1")

    play(tmp_path, story)


def test_1101_means_that_subscriptions_are_gone(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.subscribe(7)
        await client.until("1")
        command(server, "connectivity_lost")
        command(server, "connectivity_restored", data_lost=True)
        await client.error(1101)
        await client.error(2158)
        await client.quiet(0.2)
        client.subscribe(7)
        await client.until("1")

    play(tmp_path, story)


@pytest.mark.parametrize("code", [2103, 2104, 2105, 2106, 2110])
def test_farm_notices(tmp_path: Path, code: int) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        command(server, "farm", code=code, name="ushmds")
        assert (await client.error(code))[1] == "-1"

    play(tmp_path, story)


def test_one_feed_falls_silent(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.subscribe(7, "AAPL")
        client.subscribe(8, "MSFT")
        command(server, "silent_feed", symbol="AAPL")
        await client.drained()
        for _ in range(20):
            assert (await client.until("1"))[2] == "8"
        command(server, "silent_feed", symbol="AAPL", on=False)
        await client.until("1", lambda f: f[2] == "7")

    play(tmp_path, story)


def test_messages_arrive_whole_through_a_bad_line(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        for args in ({"split_bytes": 3}, {"delay_ms": 30}, {"coalesce_ms": 30}, {}):
            command(server, "line", **args)
            client.send("9", "8", "5", "0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", *[""] * 6)
            assert (await client.until("10"))[2] == "AAPL"
            await client.until("52")

    play(tmp_path, story)


def test_nothing_is_torn_when_the_line_changes_under_way() -> None:
    """What is being sent in pieces is finished before anything else, whatever the line does next."""
    written = bytearray()

    async def run() -> None:
        line = BadLine(written.extend)
        line.send(b"a" * 50, Line(split_bytes=5))
        line.send(b"b" * 10, Line(coalesce_ms=2))
        line.send(b"c" * 10, Line(delay_ms=0.1))
        line.send(b"d" * 10, Line(split_bytes=3))
        while not line.idle:  # noqa: ASYNC110 - a line tells nobody
            await asyncio.sleep(0.001)

    asyncio.run(run())
    assert written == b"a" * 50 + b"b" * 10 + b"c" * 10 + b"d" * 10


def test_a_restart_during_a_restart(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        problems: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        for _ in range(3):
            command(server, "nightly_restart", seconds=0.05)
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)  # all of them would have opened the port by now
        await connected(server.port, 1)
        gc.collect()
        assert not problems

    play(tmp_path, story)


def test_a_swallowed_order_never_was(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        command(server, "swallow_next_order")
        client.place(1, "BUY", 10, "LMT", limit="1.0")
        client.send("5", "1")
        await client.until("53")
        assert not client.all("5")
        await resting_order(client, 1)

    play(tmp_path, story)


def test_a_lost_acknowledgement_leaves_a_working_order(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        command(server, "lose_next_acknowledgement", client_id=1)
        client.place(1, "BUY", 10, "LMT", limit="1.0")
        await client.quiet(0.2)
        client.send("5", "1")
        await client.status(1, "Submitted")

    play(tmp_path, story)


def test_a_rejected_order_is_201_and_its_id_used_up(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        command(server, "reject_next_order")
        client.place(1, "BUY", 10, "LMT", limit="1.0")
        await client.status(1, "Cancelled")
        assert "MARGIN" in (await client.error(201))[3]
        assert not client.all("5")
        client.place(1, "BUY", 10, "LMT", limit="1.0")
        await client.error(103)

    play(tmp_path, story)


def test_nextvalidid_rolls_back(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await resting_order(client, 5)
        command(server, "roll_back_next_id", client_id=1, order_id=2)
        assert (await client.until("9"))[2] == "2"
        client.send("8", "1", "1")
        assert (await client.until("9"))[2] == "2"
        client.place(2, "BUY", 10, "LMT", limit="1.0")
        await client.error(103)

    play(tmp_path, story)


def test_a_modification_becomes_a_second_order_and_a_cancel_ends_one(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        first = await resting_order(client)
        command(server, "double_perm_id")
        client.place(1, "BUY", 10, "LMT", limit="2.0", tif="GTC")
        second = await client.status(1, "Submitted")
        assert second[6] != first[6]
        client.send("5", "1")
        listed = {(await client.until("3"))[6] for _ in range(2)}
        assert listed == {first[6], second[6]}
        for perm_id in (second[6], first[6]):
            client.cancel(1)
            assert (await client.status(1, "Cancelled"))[6] == perm_id
        client.cancel(1)
        await client.error(10148)

    play(tmp_path, story)


def test_an_execution_is_reported_twice_and_then_corrected(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.place(1, "BUY", 10, "MKT")
        first = await client.until("11")
        await client.until("59")
        command(server, "duplicate_execution")
        assert (await client.until("11"))[14] == first[14]
        command(server, "correct_execution", price=200.0)
        corrected = await client.until("11")
        assert corrected[14] == first[14][:-2] + "02"
        assert corrected[20] == "200.0"
        position = server.gateway.broker.ledger.positions[265598]
        assert position.quantity == 10
        assert round(position.cost, 2) == 200

    play(tmp_path, story)


def test_a_fill_comes_after_the_cancel(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await resting_order(client)
        command(server, "late_fill")
        client.cancel(1)
        await client.status(1, "Cancelled")
        await client.error(202)
        await client.until("11")
        await client.status(1, "Filled")

    play(tmp_path, story)


def test_a_competing_session_takes_the_data(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.subscribe(7)
        await client.until("1")
        command(server, "competing_session")
        assert (await client.error(10197))[1] == "7"
        await client.quiet(0.2)
        client.subscribe(8)
        assert (await client.error(10197))[1] == "8"
        command(server, "competing_session", on=False)
        await client.until("1")

    play(tmp_path, story)


def test_a_client_id_stays_busy_after_its_socket_died(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        command(server, "linger_client_id", client_id=1, seconds=0.3)
        command(server, "drop", client_id=1)
        await client.hung_up()
        refused = Client(*await asyncio.open_connection("127.0.0.1", server.port))
        await refused.greet(1)
        await refused.error(326)
        await refused.hung_up()
        await asyncio.sleep(0.35)  # the fault is about time
        await connected(server.port, 1)

    play(tmp_path, story)


def test_the_nightly_restart_ends_day_orders_and_keeps_gtc(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await resting_order(client, 1, "DAY")
        kept = await resting_order(client, 2, "GTC")
        command(server, "nightly_restart", seconds=0.2)
        await client.hung_up()
        with pytest.raises(OSError, match=r"refused|111|Connect"):
            await asyncio.open_connection("127.0.0.1", server.port)
        while True:
            try:
                again = await connected(server.port, 1)
                break
            except OSError:
                await asyncio.sleep(0.02)
        assert [f for f in again.seen if f[0] == "3"] == [kept]
        assert [f[2] for f in again.seen if f[0] == "9"] == ["3"]

    play(tmp_path, story)


def test_read_only_refuses_orders(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        command(server, "read_only")
        client.place(1, "BUY", 1, "MKT")
        assert "Read-Only" in (await client.error(321))[3]

    play(tmp_path, story)


def test_a_price_jump_moves_the_quotes_and_triggers_stops(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.place(1, "SELL", 1, "STP", aux="200.0")
        waiting = await client.status(1, "PreSubmitted")
        assert waiting[10] == "trigger"
        command(server, "price_jump", symbol="AAPL", percent=-40)
        filled = await client.status(1, "Filled")
        assert 150 < float(filled[5]) < 170

    play(tmp_path, story)


def test_a_halt_stops_trading(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.subscribe(7)
        await client.until("1")
        command(server, "halt", symbol="AAPL")
        assert (await client.until("45", lambda f: f[3] == "49"))[4] == "1.0"
        client.place(1, "BUY", 1, "MKT")
        await client.status(1, "PreSubmitted")
        await client.quiet_for("11", 0.2)
        command(server, "halt", symbol="AAPL", on=False)
        await client.status(1, "Filled")

    play(tmp_path, story)


def test_a_stepped_clock_moves_only_on_command(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.place(1, "BUY", 1, "MKT")
        await client.status(1, "PreSubmitted")
        await client.quiet_for("11", 0.1)
        command(server, "step", seconds=1)
        await client.status(1, "Filled")

    play(tmp_path, story, clock_speed=0, start=1_776_270_000_000_000_000)

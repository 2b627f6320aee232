"""Answers that take the simulated gateway long are made beside everything else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path as Folder

from support.sim_stream import Client, connected, play
from twsmq_simulator import Server
from twsmq_simulator.commands import carry_out

SECOND = 1_000_000_000
NOW = int(datetime(2026, 4, 15, 19, 20, 30, tzinfo=UTC).timestamp()) * SECOND
STOCK = ["0", "AAPL", "STK", "", "", "", "", "SMART", "", "USD", "", ""]
BARS, BARS_END, HISTOGRAM = "17", "108", "89"


def ask_for_minutes(client: Client, request_id: str, back: str) -> None:
    client.send("20", request_id, *STOCK, "0", "", "1 min", back, "1", "TRADES", "2", "0", "")


def opens_of(answer: list[str]) -> list[float]:
    """Of each bar: its time, and four prices, volume, average and count after it."""
    return [float(answer[at + 1]) for at in range(3, len(answer) - 1, 8)]


def test_a_short_question_is_answered_before_a_long_one_that_came_earlier(tmp_path: Folder) -> None:
    async def story(server: Server) -> None:
        client, other = await connected(server.port, 1), await connected(server.port, 2)
        ask_for_minutes(client, "7", "1 M")
        await client.drained()
        assert not client.all(BARS)
        await other.drained()
        assert len(server.gateway.long_answers) == 1
        answer = await client.until(BARS)
        assert answer[1] == "7"
        assert int(answer[2]) == len(opens_of(answer)) > 7_000
        assert (await client.until(BARS_END))[1] == "7"

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_two_long_questions_of_two_clients_take_turns(tmp_path: Folder) -> None:
    async def story(server: Server) -> None:
        greedy, modest = await connected(server.port, 1), await connected(server.port, 2)
        for number in range(5):
            ask_for_minutes(greedy, f"{number}", "1 M")
        await greedy.drained()  # all of them are under way
        ask_for_minutes(modest, "9", "1 W")
        await modest.until(BARS)
        assert len(server.gateway.long_answers) == 5
        for _ in range(5):
            await greedy.until(BARS)

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_what_is_cancelled_meanwhile_is_not_made(tmp_path: Folder) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        ask_for_minutes(client, "7", "1 M")
        client.send("88", "8", *STOCK, "0", "1", "3 months")
        client.send("25", "1", "7")
        client.send("89", "8")
        cancelled = await client.error(162)
        assert cancelled[1] == "7"
        assert cancelled[3].endswith("API historical data query cancelled: 7")
        await client.drained()
        assert not client.all(BARS)
        assert not client.all(HISTOGRAM)
        assert len(server.gateway.long_answers) == 0

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_nothing_is_made_for_a_client_that_is_gone(tmp_path: Folder) -> None:
    async def story(server: Server) -> None:
        client, other = await connected(server.port, 1), await connected(server.port, 2)
        ask_for_minutes(client, "7", "1 M")
        await client.drained()
        assert len(server.gateway.long_answers) == 1
        client.close()
        ask_for_minutes(other, "7", "1 W")
        await other.until(BARS)
        assert len(server.gateway.long_answers) == 0

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_a_split_in_the_midst_of_an_answer_holds_for_all_of_it(tmp_path: Folder) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        ask_for_minutes(client, "6", "1 M")
        before = opens_of(await client.until(BARS))
        ask_for_minutes(client, "7", "1 M")
        await client.drained()
        assert len(server.gateway.long_answers) == 1
        carry_out(server.gateway, "split", {"symbol": "AAPL", "ratio": 2})
        after = opens_of(await client.until(BARS))
        assert len(before) == len(after)
        assert all(abs(new / old - 0.5) < 0.01 for old, new in zip(before, after, strict=True))

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_nothing_found_is_refused_as_ever(tmp_path: Folder) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.send("20", "7", *STOCK, "0", "19700601-12:00:00", "1 day", "10 Y", "1", "TRADES", "2", "0", "")
        refused = await client.error(162)
        assert refused[1] == "7"
        assert "no data" in refused[3]

    play(tmp_path, story, start=NOW, clock_speed=0)

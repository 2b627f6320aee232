"""Troubles with data and contracts on command: feeds that die, prices that are none, splits, zones, words."""

from __future__ import annotations

import time
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from support.sim_stream import Client, connected, play
from support.sim_trouble import BAR, NOW, SECOND, details, kinds, moved, query, watching
from twsmq_simulator import Server
from twsmq_simulator.command import CommandRefused
from twsmq_simulator.commands import carry_out
from twsmq_simulator.faults import HISTORY_TROUBLES
from twsmq_simulator.market import listing

# ---- data


@pytest.mark.parametrize(("feed", "gone"), [("quotes", {"1"}), ("bars", {"90"}), ("ticks", {"99"})])
def test_one_kind_of_data_dies_while_the_others_live(tmp_path: Path, feed: str, gone: set[str]) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        carry_out(server.gateway, "silent_feed", {"symbol": "AAPL", "feed": feed})
        assert kinds(await moved(server, client)) & {"1", "90", "99"} == {"1", "90", "99"} - gone
        carry_out(server.gateway, "silent_feed", {"symbol": "AAPL", "feed": feed, "on": False})
        assert kinds(await moved(server, client)) >= {"1", "90", "99"}

    play(tmp_path, story, start=NOW, clock_speed=0)


KIND_OF = {"1": "1", "2": "90", "3": "99"}
"""What comes of each request of `watching`."""


@pytest.mark.parametrize(
    ("code", "ended"),
    [(200, ("1", "2", "3")), (354, ("1", "2", "3")), (300, ("1",)), (366, ("2",)), (310, ())],
)
def test_a_stream_ends_with_a_code_on_command_and_may_be_asked_for_again(
    tmp_path: Path, code: int, ended: tuple[str, ...]
) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        mark = len(client.seen)
        done = carry_out(server.gateway, "end_stream", {"symbol": "AAPL", "code": code})
        assert done == {"ended": len(ended)}
        await moved(server, client)
        told = client.seen[mark:]
        assert [f[1] for f in told if f[0] == "4"] == list(ended)
        assert {f[2] for f in told if f[0] == "4"} <= {str(code)}
        assert kinds(told) & set(KIND_OF.values()) == {KIND_OF[each] for each in KIND_OF if each not in ended}
        client.subscribe(11)
        await client.until("1", lambda f: f[2] == "11")

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_a_code_that_ends_no_stream_is_refused_with_the_list(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        with pytest.raises(CommandRefused, match="200, 354, 300, 310, 366"):
            carry_out(server.gateway, "end_stream", {"symbol": "AAPL", "code": 1})

    play(tmp_path, story)


def test_quotes_turn_delayed_within_their_request_and_live_again(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        live, late = {"1", "2"}, {"66", "67"}
        for on, kind, own, others in ((True, "3", late, live), (False, "1", live, late)):
            mark = len(client.seen)
            assert carry_out(server.gateway, "delayed", {"symbol": "AAPL", "on": on}) == {"turned": 1}
            await moved(server, client)
            told = client.seen[mark:]
            assert [f[2:4] for f in told if f[0] == "58"] == [["1", kind]]
            prices = {f[3] for f in told if f[0] == "1"}
            assert prices >= own
            assert not prices & others

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_bars_come_in_disorder_on_command(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        for on in (True, False):
            carry_out(server.gateway, "old_bars", {"symbol": "AAPL", "on": on})
            query(client, 7 + on, live=1, size="5 secs")
            told = await moved(server, client, 12)
            times = [f[3] for f in told if f[:2] == ["90", str(7 + on)]]
            falls = sum(later < before for before, later in pairwise(times))
            assert (falls >= 3) is on

    play(tmp_path, story, start=NOW, clock_speed=0)


@pytest.mark.parametrize("price", [-1.0, 0.0])
def test_no_quote_is_a_price_that_is_none_with_size_0(tmp_path: Path, price: float) -> None:
    async def story(server: Server) -> None:
        client = await watching(server)
        carry_out(server.gateway, "no_quote", {"symbol": "AAPL", "price": price})
        server.gateway.settle()
        told = await moved(server, client, 10)
        told = client.seen[-len(told) - 8 :]
        quotes = [f for f in told if f[0] == "1" and f[3] in ("1", "2")][-2:]
        assert [(f[3], float(f[4]), f[5]) for f in quotes] == [("1", price, "0"), ("2", price, "0")]
        client.subscribe(9)
        first = [await client.until("1", lambda f: f[2] == "9"), await client.until("1")]
        assert {float(f[4]) for f in first} == {price}
        carry_out(server.gateway, "no_quote", {"symbol": "AAPL", "on": False})
        server.gateway.settle()
        assert float((await client.until("1", lambda f: f[3] == "1" and float(f[4]) > 0))[4]) > 200

    play(tmp_path, story, start=NOW, clock_speed=0)


@pytest.mark.parametrize("kind", [kind for kind, (code, _) in HISTORY_TROUBLES.items() if code])
def test_a_query_is_refused_on_command_and_the_next_is_not(tmp_path: Path, kind: str) -> None:
    code, words = HISTORY_TROUBLES[kind]

    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "history_trouble", {"kind": kind})
        query(client, 5)
        refused = await client.error(code)
        assert refused[1] == "5"
        assert words.partition("{")[0].strip() in refused[3]
        query(client, 6)
        await client.until("108", lambda f: f[1] == "6")

    play(tmp_path, story)


def test_a_query_may_stay_unanswered_or_without_an_end(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "history_trouble", {"kind": "silent"})
        carry_out(server.gateway, "history_trouble", {"kind": "half"})
        for request_id in (1, 2, 3):
            query(client, request_id)
        await client.until("108", lambda f: f[1] == "3")
        answers = [(f[0], f[1]) for f in client.seen if f[0] in ("17", "108")]
        assert answers == [("17", "2"), ("17", "3"), ("108", "3")]
        carry_out(server.gateway, "farm_flap", {"kind": "history", "name": "ushmds", "seconds": 0.05})
        query(client, 4)
        await client.error(2106)
        query(client, 5)
        assert (await client.until("17"))[1] == "5"

    play(tmp_path, story)


def test_definitions_are_not_found_while_their_farm_is_broken(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "false_200", {})
        for send in (lambda: client.subscribe(4), lambda: query(client, 4)):
            send()
            assert (await client.error(200))[1] == "4"
        carry_out(server.gateway, "false_200", {"on": False})
        carry_out(server.gateway, "farm_flap", {"kind": "definitions", "name": "secdefnj", "seconds": 0.05})
        client.subscribe(5)
        assert (await client.error(200))[1] == "5"
        await client.error(2158)
        client.subscribe(6)
        await client.until("81")

    play(tmp_path, story)


def test_rows_of_a_large_chain_come_slowly(tmp_path: Path) -> None:
    """No matter how long they take, each comes once, and then the end."""

    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "slow_details", {"rows_per_second": 2000})
        begun = time.monotonic()
        client.send(
            "9", "8", "1", "0", "AAPL", "OPT", "", "", "", "", "SMART", "", "USD", "", "", "0", "", "", ""
        )
        await client.until("52")
        rows = client.all("10")
        assert len({f[10] for f in rows}) == len(rows) > 200
        assert time.monotonic() - begun > 0.8 * (len(rows) - 100) / 2000
        gone = await connected(server.port, 2)
        gone.send(
            "9", "8", "1", "0", "AAPL", "OPT", "", "", "", "", "SMART", "", "USD", "", "", "0", "", "", ""
        )
        await gone.until("10")
        gone.close()

    play(tmp_path, story)


def test_a_full_chain_has_thousands_of_rows_and_two_classes() -> None:
    catalogue = listing.build(date(2026, 4, 15), full=True)
    chain = [i for i in catalogue if i.symbol == "SPX" and i.sec_type == "OPT"]
    assert len(chain) > 15_000
    assert {i.trading_class for i in chain} == {"SPX", "SPXW"}
    assert len({i.con_id for i in chain}) == len(chain)
    later = listing.build(date(2026, 4, 20), full=True)
    assert not any(i.expiry < "20260420" for i in later if i.sec_type == "OPT"), "what expired is gone"


# ---- contracts, words and zones


def test_two_listings_of_one_symbol_are_ambiguous_until_one_is_named(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        client.subscribe(1, "KWEB")
        assert (await client.error(200))[3] == "The contract description specified for KWEB is ambiguous."
        details(client, 2, "KWEB")
        await client.until("52")
        assert len(client.all("10")) == 2
        contract = ["0", "KWEB", "STK", "", "", "", "", "SMART", "ARCA", "USD", "", ""]
        client.send("1", "11", "3", *contract, "0", "", "0", "0", "")
        await client.until("81")
        expiry = next(i.expiry for i in server.gateway.catalogue if i.symbol == "SI")
        future = ["0", "SI", "FUT", expiry, "", "", "", "COMEX", "", "USD", "", ""]
        client.send("1", "11", "4", *future, "0", "", "0", "0", "")
        assert "multiplier or trading class" in (await client.error(200))[3]

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("style", "zone", "bar", "hello"),
    [
        ("captured", "US/Eastern", f"{BAR} US/Eastern", "EST"),
        ("iana", "America/New_York", f"{BAR} America/New_York", "America/New_York"),
        ("windows", "Eastern Standard Time", f"{BAR} Eastern Standard Time", "Eastern Standard Time"),
        ("utc", "US/Eastern", "20260415-16:19:00", "EST"),
    ],
)  # fmt: skip
def test_zones_are_spelled_as_set(tmp_path: Path, style: str, zone: str, bar: str, hello: str) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        assert client.seen[0][1].endswith(hello)
        details(client, 1, "AAPL")
        assert zone in await client.until("10")
        query(client, 2)
        answer = await client.until("17")
        assert answer[-8] == bar
        client.place(1, "BUY", 1, "MKT")
        await client.drained()
        server.gateway.step_clock(SECOND)
        server.gateway.settle()
        execution = await client.until("11")
        wanted = "20260415-16:20:00" if style == "utc" else f"20260415 12:20:00 {zone}"
        assert execution[15] == wanted
        carry_out(server.gateway, "zones", {"style": "captured"})
        details(client, 3, "AAPL")
        assert "US/Eastern" in await client.until("10", lambda f: f[1] == "3")

    play(tmp_path, story, zones=style, start=NOW, clock_speed=0)


@pytest.mark.parametrize("language", ["de", "zh"])
def test_localised_words_keep_codes_and_farms(tmp_path: Path, language: str) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "texts", {"language": language})
        details(client, 1, "NOSUCH")
        refused = await client.error(200)
        assert "security definition" not in refused[3]
        carry_out(server.gateway, "farm", {"code": 2103, "name": "usfarm"})
        server.gateway.settle()
        assert (await client.error(2103))[3].endswith(":usfarm")

    play(tmp_path, story)


async def bought(server: Server, client: Client, quantity: int) -> None:
    client.place(1, "BUY", quantity, "MKT")
    await client.drained()
    server.gateway.step_clock(SECOND)
    server.gateway.settle()
    await client.status(1, "Filled")


async def positions(client: Client) -> dict[str, tuple[str, str]]:
    before = len(client.seen)
    client.send("61", "1")
    await client.until("62")
    return {f[3]: (f[4], f[14]) for f in client.seen[before:] if f[0] == "61"}


def test_a_split_multiplies_the_position_and_divides_the_past(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        await bought(server, client, 10)
        client.place(2, "BUY", 1, "LMT", limit="100", tif="GTC")
        await client.status(2, "PreSubmitted")
        query(client, 3, size="1 day", back="5 D")
        before = await client.until("17")
        carry_out(server.gateway, "split", {"symbol": "AAPL", "ratio": 10})
        server.gateway.settle()
        assert (await client.error(202))[3].endswith("Corporate action")
        query(client, 4, size="1 day", back="5 D")
        after = await client.until("17")
        assert float(after[7]) == pytest.approx(float(before[7]) / 10, abs=0.02)
        assert (await positions(client))["265598"] == ("AAPL", "100")

    play(tmp_path, story, start=NOW, clock_speed=0)


def test_a_reverse_split_gives_a_new_con_id_with_the_same_past(tmp_path: Path) -> None:
    con_ids: list[str] = []

    async def first(server: Server) -> None:
        client = await connected(server.port, 1)
        await bought(server, client, 100)
        query(client, 3, size="1 day", back="5 D")
        before = await client.until("17")
        con_ids.append(str(carry_out(server.gateway, "split", {"symbol": "AAPL", "ratio": 0.1})["con_id"]))
        server.gateway.settle()
        query(client, 4, size="1 day", back="5 D")
        after = await client.until("17")
        assert float(after[7]) == pytest.approx(float(before[7]) * 10, rel=1e-4)
        assert (await positions(client))[con_ids[0]] == ("AAPL", "10")

    async def second(server: Server) -> None:
        client = await connected(server.port, 1)
        details(client, 1, "AAPL")
        assert con_ids[0] in await client.until("10")
        details(client, 2, "AAPL.OLD")
        assert "265598" in await client.until("10", lambda f: f[1] == "2")
        query(client, 3, size="1 day", back="5 D")
        assert float((await client.until("17"))[7]) > 2000

    play(tmp_path, first, start=NOW, clock_speed=0)
    play(tmp_path, second, start=NOW + SECOND, clock_speed=0)


def test_a_ticker_changes_and_the_con_id_stays(tmp_path: Path) -> None:
    async def story(server: Server) -> None:
        client = await connected(server.port, 1)
        carry_out(server.gateway, "rename", {"symbol": "META", "to": "FB"})
        details(client, 1, "META")
        assert (await client.error(200))[1] == "1"
        details(client, 2, "FB")
        assert "107113386" in await client.until("10")
        with pytest.raises(CommandRefused):
            carry_out(server.gateway, "rename", {"symbol": "FB", "to": "AAPL"})

    play(tmp_path, story)

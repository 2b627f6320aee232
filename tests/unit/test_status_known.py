"""What is known of the cluster, and what is not: nothing stands for the present that is not of it, on the
board, among the metrics and in the records."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twsmq.records import read_records
from twsmq_nodes.status.actions import Publish
from twsmq_nodes.status.core import StatusCore
from twsmq_nodes.status.knowledge import Knowledge
from twsmq_nodes.status.readings import readings
from twsmq_nodes.status.recorder import Recorder
from twsmq_nodes.status.records import DAY_S, Records
from twsmq_nodes.status.sections import Moment, Rows, section
from twsmq_nodes.tws.events import AccountSummary, PnL
from twsmq_nodes.tws.session_events import SessionUp
from twsmq_protocol.config import Config
from twsmq_protocol.metrics import METRICS, MOST_ACCOUNTS
from twsmq_protocol.order_events import Fill, Order
from twsmq_protocol.system_events import Gateway, Heartbeat

S = 1_000_000_000
NOON = (20_000 * DAY_S + DAY_S // 2) * S
AAPL = ("DU1", 265598)


def _rows(name: str, known: Knowledge, at: Moment) -> Rows:
    rows = section(name, known, at)[0]
    assert isinstance(rows, Mapping)
    return rows


def order(no: int) -> Order:
    return Order(
        event_no=no, strategy="alpha", client_order_id="a-1", side="BUY", quantity=1.0, order_type="LMT",
        instrument="BAG:1x265598,-1x272093:SMART:USD", status="submitted", ts=NOON,
    )  # fmt: skip


def fill(no: int, exec_id: str, **more: Any) -> Fill:
    given: dict[str, Any] = {"side": "BUY", "con_id": 265598, "leg": False} | more
    return Fill(
        event_no=no, strategy="alpha", client_order_id="a-1", exec_id=exec_id, quantity=1.0, account="DU1",
        price=10.0, ts=NOON, **given,
    )  # fmt: skip


def test_a_combo_is_held_as_its_legs() -> None:
    """Its own execution names a contract that nobody ever holds: PositionsDiffer fired for ever."""
    known = Knowledge(Config(), StatusCore(itertools.count(1).__next__), {}, 0.0, NOON)
    known.take(order(1))
    known.take(fill(2, "whole", con_id=28812380))
    known.take(fill(3, "leg1", leg=True))
    known.take(fill(4, "leg2", side="SELL", con_id=272093, leg=True))
    known.journal_complete(NOON)
    known.count.compare({AAPL: 1.0, ("DU1", 272093): -1.0}, 0.0)
    assert known.count.differing_since(0.0) == {}
    assert known.count.own(AAPL) == 1.0


# -- what is not known


def test_nothing_is_zero_before_the_orders_node_has_said_so() -> None:
    """After a restart of status the page said that nothing works and nobody is halted."""
    known = Knowledge(Config(), StatusCore(itertools.count(1).__next__), {}, 0.0, NOON)
    at = Moment(1.0, NOON, ())
    row = _rows("desk", known, at)["desk"]
    assert (row["unknown"], row["working"], row["everybody"]) == (None, None, None)
    for name in ("orders", "strategies", "fills", "foreign", "streams"):
        assert section(name, known, at)[1] is None
    names = {name for name, _, _ in readings(known, [], None, 1.0, NOON)}
    assert not names & {"orders_unknown_oldest_seconds", "kill_remaining", "halts", "orders_foreign"}
    assert "positions_differing" not in names  # nothing was compared yet
    known.received(
        Heartbeat(name="orders", pid=1, state="ready", last_event_no=0, halted={"": "loss"}), 2.0, NOON
    )
    known.journal_complete(NOON)
    row = _rows("desk", known, at)["desk"]
    assert (row["unknown"], row["working"], row["everybody"]) == (0, 0, "halted: loss")
    known.forget_journal()
    assert section("orders", known, at)[1] is None


def test_each_account_has_an_age_of_its_own() -> None:
    core = StatusCore(itertools.count(1).__next__)
    core.handle(SessionUp(200, ("DU1", "DU2"), 1, upstream=True), 0.0)
    known = Knowledge(Config(), core, {}, 0.0, NOON)
    for account in ("DU1", "DU2"):
        row = AccountSummary(1, account, "NetLiquidation", "5.0", "USD")
        core.handle(row, 0.0)
        known.gateway_reported(row, 1.0, NOON)
    result = PnL(3, 1.0, None, None)  # DU2's
    core.handle(result, 900.0)
    known.gateway_reported(result, 900.0, NOON + 900)
    rows = _rows("accounts", known, Moment(900.0, NOON + 900, ()))
    assert [(each["updated"], each["pnl_updated"]) for each in rows.values()] == [
        (NOON, None),
        (NOON, NOON + 900),
    ]
    assert known.account_ages_s(901.0) == {"DU1": 900.0, "DU2": 1.0}
    ages = {
        labels[0]: value
        for name, labels, value in readings(known, [], None, 901.0, NOON)
        if "account_age" in name
    }
    assert ages == {"DU1": 900.0, "DU2": 1.0}
    gone = core.handle(SessionUp(200, ("DU2",), 2, upstream=True), 902.0)  # another login
    assert [(each.topic, each.last) for each in gone if isinstance(each, Publish)] == [
        ("account/DU1/NetLiquidation/USD/", True)
    ]
    assert list(_rows("accounts", known, Moment(902.0, NOON, ()))) == ["DU2"]
    assert known.account_ages_s(903.0) == {"DU2": 3.0}


def test_what_was_well_of_the_link_is_not_known_while_nobody_says_so() -> None:
    """With the connection node dead the metrics went on saying that IBKR is reached and farms are there."""
    known = Knowledge(Config(), StatusCore(itertools.count(1).__next__), {}, 0.0, NOON)

    def told(ns: int) -> dict[tuple[str, ...], float]:
        return {
            (name, *labels): value
            for name, labels, value in readings(known, [], None, 1.0, ns)
            if name.startswith("gateway_")
        }

    farms: dict[str, Any] = {"usfarm": "ok", "ushmds": "broken"}
    up = Gateway(host="h", port=1, state="up", upstream="connected", farms=farms)
    known.received(up, 1.0, NOON)
    planned = {("gateway_restart_planned",): 0, ("gateway_restart_overdue_seconds",): 0.0}
    well = {("gateway_upstream_up",): 1, ("gateway_down_seconds",): 0.0, ("gateway_farms", "ok"): 1}
    broken = {("gateway_farms", "broken"): 1}
    assert told(NOON + S) == {("gateway_state", "up"): 1, **well, **broken, **planned}
    assert told(NOON + 60 * S) == {("gateway_state", "unknown"): 1, **broken, **planned}
    known.received(Gateway(host="h", port=1, state="upstream_lost", upstream="lost"), 2.0, NOON)
    assert told(NOON + 60 * S)["gateway_upstream_up",] == 0


def test_an_adviser_with_many_accounts_does_not_fill_a_scrape() -> None:
    """A thousand accounts were five thousand series."""
    core = StatusCore(itertools.count(1).__next__)
    known = Knowledge(Config(), core, {}, 0.0, NOON)
    names = tuple(f"DU{number:05}" for number in range(1000))
    core.handle(SessionUp(200, names, 1, upstream=True), 1.0)
    for name in names:
        event = AccountSummary(1, name, "NetLiquidation", "5.0", "USD")
        core.handle(event, 1.0)
        known.gateway_reported(event, 1.0, NOON)
    found = [each for each in readings(known, [], None, 2.0, NOON) if "account" in METRICS[each[0]].labels]
    assert len(found) == 2 * MOST_ACCOUNTS
    assert ("accounts", (), 1000) in list(readings(known, [], None, 2.0, NOON))


class Board:
    """Sections as the recorder reads them."""

    def __init__(self) -> None:
        self.sections: dict[str, list[dict[str, Any]]] = {"accounts": [], "fills": [], "streams": []}

    def rows(self, name: str) -> list[dict[str, Any]]:
        return self.sections[name]


def test_what_nobody_measured_is_not_recorded(tmp_path: Path) -> None:
    """While the gateway was down, its last figures were written down minute by minute: a flat line."""
    board, records = Board(), Records(tmp_path / "status")
    recorder = Recorder(records, board.rows)
    account = {"key": "DU1", "account": "DU1", "currency": "USD", "net_liquidation": 5.0, "daily": 1.0}
    board.sections["accounts"] = [account | {"updated": NOON, "pnl_updated": NOON}]
    for minute in range(40):
        if minute == 3:  # the results go on, the summary does not
            board.sections["accounts"] = [account | {"updated": NOON, "pnl_updated": NOON + 15 * 60 * S}]
        recorder.minute(NOON + minute * 60 * S)
    records.close()
    series = read_records(tmp_path, 0).accounts["DU1"]
    assert series.currency == "USD"
    minutes = [(at * S - NOON) // (60 * S) for at in series.minute]
    assert [n for n, worth in zip(minutes, series.net_liquidation, strict=True) if worth is not None] == [
        *range(10)
    ]
    assert [n for n, daily in zip(minutes, series.daily, strict=True) if daily is not None] == [
        *range(3), *range(6, 25),
    ]  # fmt: skip


def test_gaps_are_counted_once_whoever_is_restarted(tmp_path: Path) -> None:
    """Every restart of status wrote down all gaps of every stream again."""
    board = Board()

    def life(*counts: int) -> None:
        records = Records(tmp_path / "status")
        recorder = Recorder(records, board.rows)
        for count in counts:
            board.sections["streams"] = [{"key": "marketdata-0 quote/A/", "topic": "quote/A/", "gaps": count}]
            recorder.minute(NOON)
        records.close()

    life(0, 2, 5)
    life(5, 6)  # status was restarted
    board.sections["streams"] = []
    life(1, 2)  # the shard was: it counts from 0
    (found,) = read_records(tmp_path, 0).gaps
    assert (found.topic, found.gaps) == ("quote/A/", 8)

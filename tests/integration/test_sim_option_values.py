"""What an option is worth, told with its market data: to ib_async, and through the market data node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from conftest import GATEWAY_OFFSET
from ib_async import IB, FuturesOption, Option, OptionComputation, Ticker
from support.node_process import running_node
from support.plain_client import PlainClient
from support.simulated_gateway import GatewayProcess, running_gateway
from twsmq_simulator.market import listing
from twsmq_simulator.market.instruments import Instrument


def listed(symbol: str, sec_type: str) -> Instrument:
    """The call nearest to the money of the last expiry but one: neither worthless nor all value."""
    calls = [i for i in listing.build(date.today()).underlying(symbol, sec_type) if i.right == "C"]
    expiry = sorted({i.expiry for i in calls})[-2:][0]
    under = {"AAPL": 265.18, "ES": 6961.0}[symbol]
    return min((i for i in calls if i.expiry == expiry), key=lambda i: abs(i.strike - under))


@pytest.fixture
def gateway(tmp_path: Path, port_base: int) -> Iterator[GatewayProcess]:
    process = GatewayProcess(tmp_path / "sim", "--tick-rate", "20", port=port_base + GATEWAY_OFFSET).start()
    try:
        yield process
    finally:
        process.stop()


async def all_greeks(port: int, contract: Option | FuturesOption, kind: int) -> Ticker:
    """The ticker of an option once ib_async has all four computations."""
    ib = IB()
    await ib.connectAsync("127.0.0.1", port, clientId=3)
    try:
        await ib.qualifyContractsAsync(contract)
        ib.reqMarketDataType(kind)
        ticker = ib.reqMktData(contract)
        while not (ticker.bidGreeks and ticker.askGreeks and ticker.lastGreeks and ticker.modelGreeks):
            await asyncio.wait_for(ticker.updateEvent, 10)
        return ticker
    finally:
        ib.disconnect()


@pytest.mark.parametrize("kind", [1, 3], ids=["live", "delayed"])
@pytest.mark.parametrize("sec_type", ["OPT", "FOP"])
def test_ib_async_has_the_greeks_of_bid_ask_last_and_model(tmp_path: Path, sec_type: str, kind: int) -> None:
    i = listed("AAPL" if sec_type == "OPT" else "ES", sec_type)
    contract = Option if sec_type == "OPT" else FuturesOption
    wanted = contract(
        i.symbol, i.expiry, i.strike, "C", i.valid_exchanges[0], multiplier=i.multiplier, currency="USD"
    )
    unsubscribed = ("--unsubscribed", sec_type) if kind == 3 else ()
    with running_gateway(tmp_path, "--tick-rate", "20", *unsubscribed) as gateway:
        ticker = asyncio.run(all_greeks(gateway.port, wanted, kind))
    model, bid, ask = ticker.modelGreeks, ticker.bidGreeks, ticker.askGreeks
    assert isinstance(model, OptionComputation)
    assert isinstance(bid, OptionComputation)
    assert isinstance(ask, OptionComputation)
    assert model.impliedVol == pytest.approx(0.3)
    assert bid.impliedVol is not None
    assert ask.impliedVol is not None
    assert bid.impliedVol < ask.impliedVol, "the dearer price is the higher volatility"
    assert (bid.optPrice, ask.optPrice) == (ticker.bid, ticker.ask)
    for values in (model, bid, ask):
        delta, gamma, theta, vega = (
            float(greek or 0) for greek in (values.delta, values.gamma, values.theta, values.vega)
        )
        assert 0.3 < delta < 0.8
        assert gamma > 0 > theta
        assert vega > 0
        assert values.undPrice == pytest.approx(265.18 if sec_type == "OPT" else 6961.0, rel=0.05)


def test_the_market_data_node_publishes_greeks(
    tmp_path: Path, port_base: int, gateway: GatewayProcess
) -> None:
    i = listed("AAPL", "OPT")
    topic = f"greeks/OPT:AAPL:SMART:USD:{i.expiry}:C:{i.strike:g}/"
    config = tmp_path / "twsmq.toml"
    config.write_text(f"[cluster]\nport_base = {port_base}\n[gateway]\nport = {gateway.port}\n")
    client = PlainClient(port_base)
    try:
        with running_node("marketdata", config):
            client.subscribe(topic)
            seen: set[str] = set()
            while seen != {"bid", "ask", "last", "model"}:
                event = client.await_event(lambda at, event: at == topic and event["type"] == "greeks")
                seen.add(event["basis"])
                assert 0 < event["delta"] < 1
                assert event["implied_vol"] == pytest.approx(0.3, abs=0.1)
    finally:
        client.close()

"""Instruments to contracts and back: what a user named is what the gateway is asked for, and the reverse."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from twsmq_nodes.tws.contracts import ComboLeg, Contract, ContractInfo
from twsmq_nodes.tws.instruments import canonical_instrument, contract_of, found_instrument, instrument_of
from twsmq_protocol.instruments import parse_instrument


@pytest.mark.parametrize(
    "spelling",
    [
        "STK:AAPL:SMART:USD",
        "STK:AAPL:SMART@NASDAQ:USD",
        "STK:BRK B:SMART:USD",
        "FUT:ES:CME:USD:20261218",
        "FUT:DAX:EUREX:EUR:202612:::5:FDXM",
        "OPT:SPY:SMART:USD:20261218:C:450",
        "FOP:ES:CME:USD:20261218:P:5000.5:50:EW3",
        "CASH:EUR:IDEALPRO:USD",
        "CRYPTO:BTC:PAXOS:USD",
        "IND:SPX:CBOE:USD",
        "BAG:SPY:SMART:USD:+1x123456,-2x123457@CBOE",
    ],
)
def test_a_spelling_survives_the_way_to_the_gateway_and_back(spelling: str) -> None:
    assert str(instrument_of(contract_of(parse_instrument(spelling)))) == spelling


def test_a_conid_is_asked_for_as_such() -> None:
    assert contract_of(parse_instrument("CONID:265598:SMART")) == Contract(con_id=265598, exchange="SMART")


def test_the_legs_of_a_combo_trade_where_the_combo_does_unless_they_say_otherwise() -> None:
    combo = contract_of(parse_instrument("BAG:SPY:SMART:USD:+1x11,-2x12@CBOE"))
    assert combo.combo_legs == (
        ComboLeg(con_id=11, ratio=1, action="BUY", exchange="SMART"),
        ComboLeg(con_id=12, ratio=2, action="SELL", exchange="CBOE"),
    )


def test_a_type_without_a_spelling_is_named_by_its_conid() -> None:
    assert str(instrument_of(Contract(con_id=77, sec_type="BILL", symbol="X"))) == "CONID:77"


def test_what_a_gateway_sends_for_types_without_expiry_does_not_leak_into_the_spelling() -> None:
    stock = Contract(
        con_id=265598, symbol="AAPL", sec_type="STK", right="0", multiplier="", exchange="NASDAQ",
        currency="USD", trading_class="NMS", local_symbol="AAPL",
    )  # fmt: skip
    assert str(instrument_of(stock)) == "STK:AAPL:NASDAQ:USD"


def test_an_expiry_with_a_time_keeps_its_date() -> None:
    future = Contract(symbol="ES", sec_type="FUT", expiry="20261218 08:30:00 US/Central", exchange="CME")
    assert instrument_of(future).expiry == "20261218"


def stock_row(exchange: str, primary: str = "") -> ContractInfo:
    contract = Contract(265598, "AAPL", "STK", exchange=exchange, primary_exchange=primary, currency="USD")
    return ContractInfo(contract, valid_exchanges="SMART,AMEX,NASDAQ")


@pytest.mark.parametrize(
    "row", [stock_row("SMART", "NASDAQ"), stock_row("AMEX", "NASDAQ"), stock_row("", "NASDAQ")]
)
def test_one_contract_has_one_canonical_spelling_whichever_row_named_it(row: ContractInfo) -> None:
    assert str(canonical_instrument(row)) == "STK:AAPL:SMART@NASDAQ:USD"


@pytest.mark.parametrize("row", [stock_row("SMART"), stock_row("NASDAQ"), stock_row("", "SMART")])
def test_a_listing_without_a_primary_exchange_is_spelled_by_its_conid(row: ContractInfo) -> None:
    assert str(canonical_instrument(row)) == "CONID:265598:SMART"


@pytest.mark.parametrize("sec_type", ["BOND", "WAR", "IOPT", "CFD"])
def test_what_names_do_not_tell_apart_is_spelled_by_its_conid(sec_type: str) -> None:
    contract = Contract(7, "X", sec_type, "20300101", 5.0, "C", exchange="SMART", currency="USD")
    info = ContractInfo(contract, valid_exchanges="SMART,SWX")
    assert str(canonical_instrument(info)) == "CONID:7:SMART"


def test_two_contracts_that_differ_in_anything_never_share_a_canonical_spelling() -> None:
    """Each looks alike but for one thing, as the gateway's database has them."""
    etf = Contract(1, "KWEB", "STK", exchange="SMART", currency="USD")
    option = Contract(
        1, "SPX", "OPT", "20261218", 5000.0, "C", "100", "SMART", currency="USD", trading_class="SPX"
    )
    future = Contract(
        1, "SI", "FUT", "20261229", multiplier="5000", exchange="COMEX", currency="USD", trading_class="SI"
    )
    pairs: list[tuple[Contract, dict[str, Any]]] = [
        (etf, {}),
        (replace(etf, primary_exchange="ARCA"), {"primary_exchange": "LSEETF"}),
        (replace(etf, primary_exchange="ARCA"), {"currency": "EUR"}),
        (option, {"trading_class": "SPXW"}),
        (option, {"multiplier": "10"}),
        (option, {"expiry": "20261219"}),
        (future, {"trading_class": "SIL", "multiplier": "1000"}),
        (future, {"exchange": "LME"}),
        (replace(etf, sec_type="CFD"), {}),
        (replace(etf, sec_type="BOND"), {}),
    ]
    for one, difference in pairs:
        other = replace(one, con_id=2, **difference)
        spellings = {
            str(
                canonical_instrument(
                    ContractInfo(each, valid_exchanges="SMART" if each.exchange == "SMART" else each.exchange)
                )
            )
            for each in (one, other)
        }
        assert len(spellings) == 2, spellings
        assert all(str(parse_instrument(spelling)) == spelling for spelling in spellings)


def test_a_contract_that_is_not_routed_smart_keeps_its_exchange() -> None:
    future = Contract(
        5, "ES", "FUT", "20261218", multiplier="50", exchange="CME", currency="USD", trading_class="ES"
    )
    assert (
        str(canonical_instrument(ContractInfo(future, valid_exchanges="CME,QBALGO")))
        == "FUT:ES:CME:USD:20261218:::50:ES"
    )


def test_a_currency_pair_is_not_routed_whatever_its_details_list() -> None:
    pair = Contract(12087792, "EUR", "CASH", exchange="IDEALPRO", currency="USD", trading_class="EUR.USD")
    info = ContractInfo(pair, valid_exchanges="IDEALPRO,SMART")
    assert str(canonical_instrument(info)) == "CASH:EUR:IDEALPRO:USD"


def test_a_class_of_its_own_is_named_with_its_multiplier() -> None:
    weekly = Contract(
        9, "SPX", "OPT", "20261218", 5000.0, "C", "100", "SMART", currency="USD", trading_class="SPXW"
    )  # fmt: skip
    info = ContractInfo(weekly, valid_exchanges="SMART,CBOE")
    assert str(canonical_instrument(info)) == "OPT:SPX:SMART:USD:20261218:C:5000:100:SPXW"


@pytest.mark.parametrize(
    ("primary", "currency", "spelling"),
    [
        ("NASDAQ.NMS", "USD", "STK:X:SMART@NASDAQ:USD"),  # as in users' files of what searches gave
        ("NASDAQ.SCM", "USD", "STK:X:SMART@NASDAQ:USD"),
        ("NYSE", "USD", "STK:X:SMART@NYSE:USD"),
        ("VALUE", "USD", "STK:X:VALUE:USD"),
        ("TSE.JPN", "JPY", "STK:X:TSE.JPN:JPY"),
        ("MEXI", "MXN", "STK:X:MEXI:MXN"),
        ("", "USD", "STK:X::USD"),
    ],
)
def test_what_a_search_finds_is_spelled_as_the_gateway_takes_it(
    primary: str, currency: str, spelling: str
) -> None:
    """`NASDAQ.NMS` is no exchange, and a stock at its primary exchange alone is not routed."""
    found = Contract(5, "X", "STK", primary_exchange=primary, currency=currency)
    assert str(found_instrument(found)) == spelling
    details = ContractInfo(replace(found, exchange="SMART"), valid_exchanges="SMART,NYSE")
    if "SMART@" in spelling:
        assert str(canonical_instrument(details)) == spelling


def test_what_is_no_stock_is_found_where_it_is_listed() -> None:
    index = Contract(416904, "SPX", "IND", primary_exchange="CBOE", currency="USD")
    assert str(found_instrument(index)) == "IND:SPX:CBOE:USD"

"""What can be traded: one frozen record per contract, and the catalogue that resolves a client's description.

A description resolves as on a real gateway: every field given must agree, `SMART` and any of the valid
exchanges are accepted, an expiry may be a month or a day. No match is error 200 (captured); more than one
where a single contract is needed is 200 too, with the text that IBKR documents for ambiguous contracts.
"""

from decimal import Decimal
from hashlib import blake2b
from typing import Final

import msgspec

from twsmq_simulator.errors import RequestRefused
from twsmq_simulator.market.contracts import ContractSpec

NO_DEFINITION: Final = "No security definition has been found for the request"
SEC_TYPES: Final = (
    "STK",
    "OPT",
    "FUT",
    "FOP",
    "IND",
    "CASH",
    "CFD",
    "CRYPTO",
    "BOND",
    "CMDTY",
    "FUND",
    "BAG",
)
_ALIASES: Final = {"ISLAND": "NASDAQ", "GLOBEX": "CME", "BEST": "SMART"}
_RIGHTS: Final = {"CALL": "C", "PUT": "P", "?": "", "0": ""}
_SEC_TYPE_ALIASES: Final = {"FUND": "FUND", "IOPT": "OPT", "CONTFUT": "FUT"}


class Leg(msgspec.Struct, frozen=True):
    con_id: int
    ratio: int  # negative for a leg that a buyer of the combo sells


class Instrument(msgspec.Struct, frozen=True, omit_defaults=True):
    """`lot` is the usual size of a quote and `size_unit` the smallest step of a quantity, both in units of
    the instrument (shares, contracts, coins); `volatility` is yearly; `spread` is in ticks.
    """

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    local_symbol: str
    trading_class: str
    min_tick: float
    price: float
    long_name: str = ""
    valid_exchanges: tuple[str, ...] = ("SMART",)
    multiplier: str = ""
    expiry: str = ""
    contract_month: str = ""
    strike: float = 0.0
    right: str = ""
    under_con_id: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    hours: str = "us_equity"
    time_zone: str = "US/Eastern"
    lot: int = 100
    size_unit: Decimal = Decimal(1)
    spread: int = 1
    volatility: float = 0.25
    market_rule: int = 26
    tradable: bool = True
    quoted: bool = True
    stock_type: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    isin: str = ""
    cusip: str = ""
    coupon: float = 0.0
    legs: tuple[Leg, ...] = ()
    wire_con_id: int = 0
    path_of: int = 0  # the conId whose past it has, if another's

    @property
    def shown_con_id(self) -> int:
        """The conId in messages; every combo of one underlying is shown under the same one (captured)."""
        return self.wire_con_id or self.con_id

    @property
    def factor(self) -> Decimal:
        """Money per point of price and unit of quantity. Bonds are quoted in percent of a 1000 face value."""
        if self.sec_type == "BOND":
            return Decimal(10)
        return Decimal(self.multiplier or "1")

    @property
    def market(self) -> str:
        """Its exchange, and what is traded there under a class of its own (captured: NASDAQ.NMS)."""
        classed = self.sec_type == "STK" and self.trading_class != self.symbol
        return f"{self.exchange}.{self.trading_class}" if classed else self.exchange

    @property
    def price_exchange(self) -> str:
        """Where a fill is reported: SMART orders trade at the listing exchange."""
        return self.exchange


def derived_con_id(*parts: object) -> int:
    """A stable nine-digit conId for a generated contract, the same on every run and every day."""
    digest = blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return 500_000_000 + int.from_bytes(digest, "big") % 400_000_000


class Catalogue:
    """All instruments by conId and by (symbol, security type)."""

    def __init__(self) -> None:
        self._by_con_id: dict[int, Instrument] = {}
        self._by_symbol: dict[tuple[str, str], list[Instrument]] = {}

    def __iter__(self):
        return iter(self._by_con_id.values())

    def __len__(self) -> int:
        return len(self._by_con_id)

    def add(self, instrument: Instrument) -> None:
        """Keeps the first of two with one conId: what is already known wins over what is read back."""
        if instrument.con_id in self._by_con_id:
            return
        self._by_con_id[instrument.con_id] = instrument
        self._by_symbol.setdefault((instrument.symbol, instrument.sec_type), []).append(instrument)

    def replace(self, instrument: Instrument) -> None:
        """What a conId stands for has changed."""
        old = self._by_con_id.pop(instrument.con_id, None)
        if old is not None:
            self._by_symbol[(old.symbol, old.sec_type)].remove(old)
        self.add(instrument)

    def get(self, con_id: int) -> Instrument | None:
        return self._by_con_id.get(con_id)

    def underlying(self, symbol: str, sec_type: str) -> list[Instrument]:
        return list(self._by_symbol.get((symbol, sec_type), ()))

    def derivatives(self, con_id: int) -> list[Instrument]:
        return [i for i in self._by_con_id.values() if i.under_con_id == con_id]

    def resolve(self, spec: ContractSpec) -> list[Instrument]:
        """Every instrument the description fits, in the catalogue's order."""
        if spec.sec_type == "BAG":
            return [self.combo(spec)]
        if spec.con_id:
            found = self._by_con_id.get(spec.con_id)
            return [found] if found is not None and _exchange_fits(spec, found) else []
        if spec.sec_id:
            return [i for i in self._by_con_id.values() if spec.sec_id in (i.isin, i.cusip) and i.right == ""]
        sec_type = _SEC_TYPE_ALIASES.get(spec.sec_type, spec.sec_type)
        if spec.symbol:
            candidates = self._by_symbol.get((spec.symbol, sec_type), [])
        else:
            candidates = [i for i in self._by_con_id.values() if i.sec_type == sec_type and spec.local_symbol]
        found = [i for i in candidates if _fits(spec, i)]
        if spec.sec_type == "CONTFUT":  # the front contract
            found = sorted(found, key=lambda i: i.expiry)[:1]
        return found

    def one(self, spec: ContractSpec, request_id: int = -1) -> Instrument:
        """The one instrument described. Raises RequestRefused(200)."""
        found = self.resolve(spec)
        if not found:
            raise RequestRefused(200, NO_DEFINITION, request_id)
        if len(found) > 1:
            text = f"The contract description specified for {spec.symbol} is ambiguous."
            if len({i.multiplier for i in found}) > 1:
                text += ";\nyou must specify the multiplier or trading class."
                text = text.replace(".;", ";", 1)
            raise RequestRefused(200, text, request_id)
        return found[0]

    def combo(self, spec: ContractSpec) -> Instrument:
        """The combo of a description's legs, added on first use. Raises RequestRefused for unknown legs."""
        legs: list[Leg] = []
        members: list[Instrument] = []
        for leg in spec.legs:
            member = self._by_con_id.get(leg.con_id)
            if member is None or leg.ratio <= 0:
                raise RequestRefused(200, NO_DEFINITION)
            legs.append(Leg(leg.con_id, leg.ratio if leg.action.upper() == "BUY" else -leg.ratio))
            members.append(member)
        if not legs:
            raise RequestRefused(321, "Error validating request.-'bN' : cause - Missing combo legs")
        con_id = derived_con_id("BAG", *((leg.con_id, leg.ratio) for leg in legs))
        known = self._by_con_id.get(con_id)
        if known is not None:
            return known
        symbol = spec.symbol or members[0].symbol
        combo = Instrument(
            con_id=con_id,
            wire_con_id=derived_con_id("COMB", symbol) if symbol != "AAPL" else 28812380,
            symbol=symbol,
            sec_type="BAG",
            exchange="SMART",
            currency=members[0].currency,
            local_symbol=symbol,
            trading_class="COMB",
            min_tick=0.01,
            price=sum(m.price * leg.ratio for m, leg in zip(members, legs, strict=True)),
            long_name=symbol,
            valid_exchanges=("SMART",),
            multiplier=members[0].multiplier,
            hours=members[0].hours,
            time_zone=members[0].time_zone,
            lot=5,
            spread=5,
            legs=tuple(legs),
        )
        self.add(combo)
        return combo


def _exchange_fits(spec: ContractSpec, instrument: Instrument) -> bool:
    exchange = _ALIASES.get(spec.exchange, spec.exchange)
    return not exchange or exchange == instrument.exchange or exchange in instrument.valid_exchanges


def _fits(spec: ContractSpec, i: Instrument) -> bool:
    right = _RIGHTS.get(spec.right.upper(), spec.right.upper())
    return (
        _exchange_fits(spec, i)
        and (not spec.currency or spec.currency == i.currency)
        and (not spec.local_symbol or spec.local_symbol == i.local_symbol)
        and (not spec.trading_class or spec.trading_class == i.trading_class)
        and (not spec.multiplier or not i.multiplier or float(spec.multiplier) == float(i.multiplier))
        and (not spec.primary_exchange or _primary_fits(spec, i))
        and (not spec.strike or spec.strike == i.strike)
        and (not right or right == i.right)
        and _expiry_fits(spec.expiry, i)
    )


def _primary_fits(spec: ContractSpec, i: Instrument) -> bool:
    primary = _ALIASES.get(spec.primary_exchange, spec.primary_exchange)
    return primary == i.exchange or primary in i.valid_exchanges


def _expiry_fits(wanted: str, i: Instrument) -> bool:
    wanted = wanted.split(" ")[0].replace("-", "")
    if not wanted:
        return True
    if len(wanted) == 6:
        return wanted == i.contract_month or i.expiry.startswith(wanted)
    return wanted == i.expiry

"""The one-line spelling of an instrument, as it stands in topics and requests.

    STK:AAPL:SMART:USD                 STK:AAPL:SMART@NASDAQ:USD         (primary exchange named)
    FUT:ES:CME:USD:20261218            OPT:SPY:SMART:USD:20261218:C:450
    CASH:EUR:IDEALPRO:USD              FOP:ES:CME:USD:20261218:P:5000:50:EW3
    CONID:265598:SMART                 BAG:SPY:SMART:USD:+1x123456,-1x123457@CBOE

Invariants: `format(parse(s))` is the canonical spelling of `s` (empty parts at the end dropped, strikes
without exponent or trailing zeros, nothing escaped that need not be), never longer than `s`, and parses to
the same instrument. A spelling never holds `/`, `;` or a control character, so it is always exactly one level
of a topic, and no part can break out of its field in the gateway's NUL-separated protocol.

The spelling names a contract, it does not identify one: only the gateway's conId does (two spellings may be
one contract), so nodes key their state by conId.
"""

from __future__ import annotations

import re

from msgspec import Struct

from .errors import FieldError


class SecType(Struct, frozen=True):
    """`dated`: its spelling has an expiry; `option`: and a right and a strike; `multiplied`: one contract
    stands for several units, so that its worth is not known without the multiplier. `bars`: what its bars are
    made of unless something else is asked for (IBKR's documentation, 21.04)."""

    dated: bool = False
    option: bool = False
    multiplied: bool = False
    bars: str = "TRADES"


_OPTION = SecType(dated=True, option=True, multiplied=True)
SEC_TYPES: dict[str, SecType] = {
    "STK": SecType(),
    "OPT": _OPTION,
    "FUT": SecType(dated=True, multiplied=True),
    "FOP": _OPTION,
    "IND": SecType(),
    "CASH": SecType(bars="MIDPOINT"),
    "CFD": SecType(bars="MIDPOINT"),
    "CRYPTO": SecType(bars="AGGTRADES"),
    "BOND": SecType(),
    "CMDTY": SecType(bars="MIDPOINT"),
    "FUND": SecType(bars="MIDPOINT"),
    "WAR": _OPTION,
    "IOPT": _OPTION,
    "CONTFUT": SecType(multiplied=True),
    "BAG": SecType(),
}
"""The kinds of contract, and what follows from each."""

_RIGHTS = {"C": "C", "CALL": "C", "P": "P", "PUT": "P", "": ""}
_RESERVED = re.compile(r"[%/:;@,\x00-\x1f\x7f]")
_ESCAPE = re.compile(r"%([2-7][0-9A-F])?")
_LEG = re.compile(r"([+-])([1-9][0-9]{0,5})x([1-9][0-9]{0,9})(?:@([^@]+))?")
_STRIKE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,10})?")
_EXPIRY = re.compile(r"[0-9]{6}([0-9]{2})?")
_MAX_LENGTH = 512
_LARGEST_CON_ID = 2**31 - 1


def usual_bars(sec_type: str) -> str:
    """What bars of a kind of contract are made of; an empty `sec_type` is of one that only its conId
    names."""
    return SEC_TYPES.get(sec_type, SecType()).bars


class Leg(Struct, frozen=True):
    """One leg of a combo: `ratio` units of contract `con_id`, bought or (when `sell`) sold."""

    sell: bool
    ratio: int
    con_id: int
    exchange: str = ""


class Instrument(Struct, frozen=True, kw_only=True):
    """A contract as a user names it. Absent parts are empty strings, 0 or 0.0; `strike` is in price units."""

    sec_type: str = ""
    symbol: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    expiry: str = ""
    right: str = ""
    strike: float = 0.0
    multiplier: str = ""
    trading_class: str = ""
    con_id: int = 0
    legs: tuple[Leg, ...] = ()

    def __str__(self) -> str:
        return format_instrument(self)


_EMPTY = {name: getattr(Instrument(), name) for name in Instrument.__struct_fields__}


def parse_instrument(text: str) -> Instrument:
    """Read one spelling. Raises `FieldError` (field `instrument`) with what to write instead."""
    if not text or len(text) > _MAX_LENGTH:
        raise _bad(text, f"must be 1 to {_MAX_LENGTH} characters, like STK:AAPL:SMART:USD")
    if "/" in text or ";" in text:
        raise _bad(text, "holds '/' or ';', which end a topic's level; write %2F or %3B")
    if not text.isprintable():
        raise _bad(text, "holds a character that cannot be printed; no instrument's name has one")
    parts = text.split(":")
    if parts[0] == "CONID":
        return _parse_con_id(text, parts)
    if parts[0] not in SEC_TYPES:
        raise _bad(
            text,
            f"starts with {parts[0]!r}; write it like STK:AAPL:SMART:USD, beginning with CONID or one of "
            f"{', '.join(sorted(SEC_TYPES))}",
        )
    if len(parts) < 4:
        raise _bad(text, "needs at least SECTYPE:SYMBOL:EXCHANGE:CURRENCY")
    if parts[0] == "BAG":
        return _parse_combo(text, parts)
    return _parse_plain(text, parts)


def may_mean(named: Instrument, other: Instrument, con_id: int = 0) -> bool:
    """Whether `named` leaves open that it is `other`, whose conId is given if it is known: by conId where one
    is named, else by every part that is. The exchange that something is routed to is no part of that.
    """
    if named.con_id:
        return named.con_id == (con_id or other.con_id)
    if other.con_id:
        return False
    parts = [name for name in named.__struct_fields__ if name not in ("exchange", "con_id", "expiry")]
    alike = all(getattr(named, part) in (_EMPTY[part], getattr(other, part)) for part in parts)
    return alike and other.expiry.startswith(named.expiry)  # a month means every day of it


def format_instrument(instrument: Instrument) -> str:
    """The canonical spelling."""
    i = instrument
    if i.con_id:
        return f"CONID:{i.con_id}" + (f":{_escape(i.exchange)}" if i.exchange else "")
    exchange = _escape(i.exchange) + (f"@{_escape(i.primary_exchange)}" if i.primary_exchange else "")
    parts = [i.sec_type, _escape(i.symbol), exchange, _escape(i.currency)]
    if i.legs:
        return ":".join([*parts, ",".join(map(_format_leg, i.legs))])
    strike = format_strike(i.strike) if i.strike else ""
    parts += [i.expiry, i.right, strike, _escape(i.multiplier), _escape(i.trading_class)]
    while len(parts) > 4 and not parts[-1]:
        parts.pop()
    return ":".join(parts)


def canonical(text: str) -> str:
    """The one spelling of all that mean the same. Raises `FieldError`."""
    return format_instrument(parse_instrument(text))


def format_strike(strike: float) -> str:
    """A price without exponent and without zeros that say nothing: 450.0 -> `450`, 42.50 -> `42.5`."""
    text = f"{strike:.10f}".rstrip("0").rstrip(".")
    return text or "0"


def _parse_con_id(text: str, parts: list[str]) -> Instrument:
    if len(parts) > 3 or len(parts) < 2 or not re.fullmatch(r"[1-9][0-9]{0,9}", parts[1]):
        raise _bad(text, "must be CONID:<number> or CONID:<number>:EXCHANGE, like CONID:265598:SMART")
    exchange = _unescape(text, parts[2]) if len(parts) == 3 else ""
    return Instrument(con_id=_con_id(text, parts[1]), exchange=exchange)


def _parse_plain(text: str, parts: list[str]) -> Instrument:
    if len(parts) > 9:
        raise _bad(text, "has more than nine parts; a ':' inside a name is written %3A")
    sec_type, symbol, exchange, currency, expiry, right, strike, multiplier, trading_class = parts + [""] * (
        9 - len(parts)
    )
    exchange, _, primary = exchange.partition("@")
    if not symbol and not trading_class:
        raise _bad(text, "has no symbol")
    if expiry and not _EXPIRY.fullmatch(expiry):
        raise _bad(text, "has an expiry that is neither YYYYMM nor YYYYMMDD")
    if right not in _RIGHTS:
        raise _bad(text, "has a right other than C or P")
    if (expiry or right or strike) and not SEC_TYPES[sec_type].dated:
        raise _bad(text, f"names an expiry, right or strike, which {sec_type} does not have")
    return Instrument(
        sec_type=sec_type,
        symbol=_unescape(text, symbol),
        exchange=_unescape(text, exchange),
        primary_exchange=_unescape(text, primary),
        currency=_unescape(text, currency),
        expiry=expiry,
        right=_RIGHTS[right],
        strike=_parse_strike(text, strike),
        multiplier=_unescape(text, multiplier),
        trading_class=_unescape(text, trading_class),
    )


def _parse_combo(text: str, parts: list[str]) -> Instrument:
    if len(parts) != 5:
        raise _bad(text, "must be BAG:SYMBOL:EXCHANGE:CURRENCY:LEGS, legs like +1x123456,-1x123457")
    legs: list[Leg] = []
    for leg in parts[4].split(","):
        match = _LEG.fullmatch(leg)
        if match is None:
            raise _bad(text, f"has the leg {leg!r}; write +RATIOxCONID or -RATIOxCONID[@EXCHANGE]")
        sign, ratio, con_id, exchange = match.groups()
        legs.append(Leg(sign == "-", int(ratio), _con_id(text, con_id), _unescape(text, exchange or "")))
    symbol, exchange, currency = (_unescape(text, part) for part in parts[1:4])
    return Instrument(sec_type="BAG", symbol=symbol, exchange=exchange, currency=currency, legs=tuple(legs))


def _format_leg(leg: Leg) -> str:
    exchange = f"@{_escape(leg.exchange)}" if leg.exchange else ""
    return f"{'-' if leg.sell else '+'}{leg.ratio}x{leg.con_id}{exchange}"


def _con_id(text: str, digits: str) -> int:
    if int(digits) > _LARGEST_CON_ID:
        raise _bad(text, f"has a conId above {_LARGEST_CON_ID}")
    return int(digits)


def _parse_strike(text: str, strike: str) -> float:
    if not strike:
        return 0.0
    if not _STRIKE.fullmatch(strike):
        raise _bad(text, "has a strike that is not a plain decimal number, like 450 or 42.5")
    return float(strike)


def _escape(part: str) -> str:
    # Control characters cannot be parsed back, but a name that came from elsewhere must not break a topic.
    return _RESERVED.sub(lambda m: f"%{ord(m[0]):02X}", part)


def _unescape(text: str, part: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] is None or match[1] == "7F":
            raise _bad(text, "holds a '%' without two upper-case hex digits of printable ASCII; a '%' is %25")
        return chr(int(match[1], 16))

    if "@" in part or "," in part:
        raise _bad(text, "holds an '@' or ',' inside a name; write %40 or %2C")
    return _ESCAPE.sub(one, part)


def _bad(text: str, why: str) -> FieldError:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return FieldError("instrument", f"instrument {shown!r} {why}")

"""How a client describes a contract: any subset of these fields, which the catalogue resolves."""

import msgspec


class ComboLeg(msgspec.Struct, frozen=True):
    con_id: int
    ratio: int
    action: str
    exchange: str
    open_close: int = 0
    short_sale_slot: int = 0
    designated_location: str = ""
    exempt_code: int = -1


class DeltaNeutral(msgspec.Struct, frozen=True):
    con_id: int
    delta: float
    price: float


class ContractSpec(msgspec.Struct, frozen=True):
    """Empty text, 0 and None mean "not given"."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    expiry: str = ""
    strike: float | None = None
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    include_expired: bool = False
    sec_id_type: str = ""
    sec_id: str = ""
    issuer_id: str = ""
    legs: tuple[ComboLeg, ...] = ()
    delta_neutral: DeltaNeutral | None = None

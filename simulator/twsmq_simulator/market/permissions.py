"""What the account has live market data for, and what stands in where it has none.

Every instrument is subscribed unless its exchange or security type is named, or it was changed on command.
Texts are captured, but for those of 10168 and 354, which a gateway's message table and users' logs have.
"""

from collections.abc import Iterable
from typing import Final

from twsmq_simulator.errors import BadSettings, RequestRefused
from twsmq_simulator.market.instruments import SEC_TYPES, Catalogue, Instrument

LIVE: Final = 1
FROZEN: Final = 2
DELAYED: Final = 3
DELAYED_FROZEN: Final = 4
STAND_INS: Final = ("available", "disabled", "none")  # delayed data, where live data are not subscribed

SUBSCRIBE: Final = (
    "Requested market data requires additional subscription for API. "
    "See link in 'Market Data Connections' dialog for more details."
)
SHOWN_DELAYED: Final = "Requested market data is not subscribed. Displaying delayed market data."
NOT_ENABLED: Final = "Requested market data is not subscribed. Delayed market data is not enabled."
NOT_SUBSCRIBED: Final = "Requested market data is not subscribed."


def kind_now(kind: int, asked: int, *, is_open: bool) -> int:
    """LIVE or DELAYED, or its frozen form if that was allowed and the market is closed (IBKR docs)."""
    return kind + 1 if asked in (FROZEN, DELAYED_FROZEN) and not is_open else kind


class Permissions:
    """`unsubscribed` names exchanges and security types; `delayed` is one of STAND_INS."""

    def __init__(self, catalogue: Catalogue, unsubscribed: Iterable[str], delayed: str) -> None:
        self._unsubscribed = frozenset(name.upper() for name in unsubscribed)
        self._delayed = delayed
        self._single: dict[int, bool] = {}  # conId -> subscribed, on command
        known = {instrument.exchange for instrument in catalogue} | set(SEC_TYPES)
        if unknown := sorted(self._unsubscribed - known):
            listed = ", ".join(sorted(known))
            raise BadSettings(
                f"unsubscribed '{unknown[0]}' is no exchange or security type: there are {listed}"
            )

    def set(self, con_id: int, *, subscribed: bool) -> None:
        self._single[con_id] = subscribed

    def has_live(self, i: Instrument) -> bool:
        return self._single.get(i.con_id, not self._unsubscribed & {i.exchange, i.sec_type})

    def kind(self, i: Instrument, asked: int, request_id: int) -> int:
        """LIVE or DELAYED: live data wherever they are subscribed, whatever was asked for (IBKR docs). Raises
        RequestRefused where there are none.
        """
        if self.has_live(i):
            return LIVE
        if self._delayed == "available":
            if asked in (DELAYED, DELAYED_FROZEN):
                return DELAYED
            text = f"{SUBSCRIBE}Delayed market data is available.{i.symbol} {i.market}/TOP/ALL"
            raise RequestRefused(10089, text, request_id)
        if self._delayed == "disabled":
            raise RequestRefused(10168, NOT_ENABLED, request_id)
        raise RequestRefused(354, NOT_SUBSCRIBED, request_id)

    def check_live(self, i: Instrument, code: int, head: str, request_id: int) -> None:
        """For what delayed data never stand in. Raises RequestRefused with the captured text."""
        if not self.has_live(i):
            venue = "ISLAND" if i.exchange == "NASDAQ" else i.exchange
            text = f"{head}No market data permissions for {venue} {i.sec_type}. {SUBSCRIBE}"
            raise RequestRefused(code, text, request_id)

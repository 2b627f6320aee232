"""Arguments and results of the ops about Wall Street Horizon's calendar of companies' events."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from .envelope import Args
from .errors import FieldError
from .forms import form
from .instruments import parse_instrument

Day = Annotated[str, form(r"^[0-9]{8}$", "a day like '20261218'")]
Filter = Annotated[str, form(r"^[ -~]+$", "printable ASCII", min_length=1, max_length=4096)]


class GetWshEvents(Args, frozen=True, kw_only=True):
    """`wsh_events` (reference): what is due of companies: earnings, dividends, splits … The user must have
    subscribed to it.

    Of an `instrument`, from one day to another (both included), at most `limit`; or by a `filter`: JSON whose
    keys `wsh_meta` lists, which may be widened to what the user holds or watches and to competitors.
    """

    instrument: str | None = None
    filter: Filter | None = None
    from_: Day | None = msgspec.field(name="from", default=None)
    to: Day | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] | None = None
    portfolio: bool = False
    watchlist: bool = False
    competitors: bool = False

    def __post_init__(self) -> None:
        if (self.instrument is None) == (self.filter is None):
            raise FieldError("instrument", "give either instrument or filter")
        if self.from_ is not None and self.to is not None and self.to < self.from_:
            raise FieldError("to", "to must not be before from")
        if self.instrument is not None:
            parse_instrument(self.instrument)
            for name in ("portfolio", "watchlist", "competitors"):
                if getattr(self, name):
                    raise FieldError(name, f"{name} widens a filter: give one in place of the instrument")


class WshEvents(Struct, frozen=True, kw_only=True):
    """Result of `wsh_events`: the JSON that the gateway sends, as it is."""

    events: Any


class WshMeta(Struct, frozen=True, kw_only=True):
    """Result of `wsh_meta`: kinds of events and the keys of filters, the JSON that the gateway sends."""

    meta: Any

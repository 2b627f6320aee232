"""What is asked about companies' events, by Wall Street Horizon. Pure.

The gateway wants its metadata asked for before, once in a session (10282): a look-up that is remembered no
longer than that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twsmq_protocol import calendar_requests as ops
from twsmq_protocol.envelope import NoArgs
from twsmq_protocol.errors import ErrorCode, RequestError

from .look_ups import Query
from .question import Found, Question, rows_of, the_one


def wsh_meta(_: NoArgs) -> Question:
    (found,) = yield (Query("wsh meta"),)
    return ops.WshMeta(meta=_read(found))


def wsh_events(args: ops.GetWshEvents) -> Question:
    con_id: int | None = None
    if args.instrument is not None:
        info = yield from the_one(args.instrument)
        con_id = info.contract.con_id
    (found,) = yield (Query("wsh meta"),)
    rows_of(found)
    fills = (args.watchlist, args.portfolio, args.competitors)
    asked = (con_id, args.filter or "", *fills, args.from_ or "", args.to or "", args.limit)
    (found,) = yield (Query("wsh events", asked),)
    return ops.WshEvents(events=_read(found))


def _read(found: Found) -> Any:
    (text,) = rows_of(found)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        why = f"the gateway's events are no JSON: {error}"
        raise RequestError(ErrorCode.GATEWAY_REJECTED, why) from error


QUESTIONS: dict[str, Callable[[Any], Question]] = {"wsh_meta": wsh_meta, "wsh_events": wsh_events}
"""By op."""

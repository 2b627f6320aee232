"""What is asked about no contract in particular: scanners, exchanges, the user. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from twsmq_protocol import reference_requests as ops
from twsmq_protocol import scanner_requests
from twsmq_protocol.envelope import NoArgs

from twsmq_nodes.tws import reference_events as ev
from twsmq_nodes.tws.instruments import instrument_of

from .look_ups import Query
from .question import Question, rows_of
from .scanner_parameters import matching


def asked(args: scanner_requests.Scan) -> tuple[Any, ...]:
    """Of the gateway's request."""
    return (
        args.instrument_type,
        args.location,
        args.scan,
        args.rows,
        args.above_price,
        args.below_price,
        args.above_volume,
        None,
        None,
        "",
        (),
        tuple(sorted(args.filters.items())),
    )


def ranked(rows: Iterable[ev.ScannerRow], most: int) -> list[scanner_requests.ScannerRow]:
    return [
        scanner_requests.ScannerRow(
            rank=row.rank,
            instrument=str(instrument_of(row.contract)),
            con_id=row.contract.con_id,
            symbol=row.contract.symbol,
            sec_type=row.contract.sec_type,
            exchange=row.contract.exchange or None,
            currency=row.contract.currency or None,
            local_symbol=row.contract.local_symbol or None,
            distance=row.distance or None,
            benchmark=row.benchmark or None,
            projection=row.projection or None,
            legs=row.legs or None,
        )
        for row in islice(rows, most)
    ]


def scanner(args: scanner_requests.Scan) -> Question:
    (found,) = yield (Query("scanner", asked(args)),)
    return scanner_requests.Scanned(rows=ranked(rows_of(found), args.rows))


def scanner_parameters(args: scanner_requests.GetScannerParameters) -> Question:
    (found,) = yield (Query("scanner parameters"),)
    (known,) = rows_of(found)
    fitting = matching(known, args.search)
    return scanner_requests.ScannerParameterList(parameters=fitting[: args.limit], total=len(fitting))


def market_depth_exchanges(_: NoArgs) -> Question:
    (found,) = yield (Query("depth exchanges"),)
    return ops.DepthExchanges(
        exchanges=[
            ops.DepthExchangeRow(
                exchange=row.exchange,
                sec_type=row.sec_type,
                listing_exchange=row.listing_exch or None,
                kind=row.service_data_type or None,
                group=row.agg_group,
            )
            for row in rows_of(found)
        ]
    )


def smart_components(args: ops.GetSmartComponents) -> Question:
    (found,) = yield (Query("smart components", (args.bbo_exchange,)),)
    return ops.SmartComponents(
        components=[
            ops.SmartComponent(bit=bit, exchange=exchange, letter=letter)
            for bit, exchange, letter in rows_of(found)
        ]
    )


def user_info(_: NoArgs) -> Question:
    (found,) = yield (Query("user info"),)
    (received,) = rows_of(found)
    return ops.UserInfo(white_branding_id=received.white_branding_id or None)


QUESTIONS: dict[str, Callable[[Any], Question]] = {
    "scanner": scanner,
    "scanner_parameters": scanner_parameters,
    "market_depth_exchanges": market_depth_exchanges,
    "smart_components": smart_components,
    "user_info": user_info,
}
"""By op."""

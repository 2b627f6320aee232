"""The gateway's list of what a scanner may be asked: one big XML text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias, cast
from xml.etree import ElementTree

from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.scanner_requests import ScannerParameter

_Kind: TypeAlias = Literal["instrument_type", "location", "scan", "filter"]
_PLACES: tuple[tuple[_Kind, str, str, str], ...] = (
    ("instrument_type", "Instrument", "type", "name"),
    ("location", "Location", "locationCode", "displayName"),
    ("scan", "ScanType", "scanCode", "displayName"),
    ("filter", "AbstractField", "code", "displayName"),
)
"""Kind, the element of one, and its children with code and name."""


def parameters(xml: str) -> tuple[ScannerParameter, ...]:
    """Raises RequestError for what is no XML."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:  # the gateway's has none, and entities can grow without end
        raise _unreadable("they declare entities")
    parser = cast(Any, ElementTree.XMLPullParser(("end",)))
    try:
        parser.feed(xml)
        parser.close()
        root = [element for _, element in parser.read_events()][-1]
    except (ElementTree.ParseError, ValueError) as error:  # half a character
        raise _unreadable(f"they are no XML: {error}") from error
    return tuple(dict.fromkeys(_listed(root)))


def _listed(root: Any) -> Iterator[ScannerParameter]:
    for kind, element, code, name in _PLACES:
        for one in root.iter(element):
            said = (one.findtext(code) or "").strip()
            if said:
                yield ScannerParameter(kind=kind, code=said, name=(one.findtext(name) or "").strip())


def _unreadable(why: str) -> RequestError:
    return RequestError(ErrorCode.GATEWAY_REJECTED, f"the gateway's scanner parameters cannot be read: {why}")


def matching(known: Iterable[ScannerParameter], search: str | None) -> list[ScannerParameter]:
    """Those that have every word of `search` in their code or name."""
    words = (search or "").lower().split()
    return [one for one in known if all(word in f"{one.code} {one.name}".lower() for word in words)]

"""What the gateway says of its data farms: in notices of their own, and in the list that may follow a 1102.

Theory: after an outage the gateway may come back with farms missing: "…data maintained. The following farms
are connected: usfarm.nj; cashfarm. The following farms are not connected: usfuture." (logs of several
users). The list has no kinds: a farm is of the kind it was reported under, else of what its name shows.
Notices may be in another language (a setting of the gateway); then only the code and the name are as here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from twsmq_nodes.tws.session_events import FarmState, FarmStatus

NOTICES: dict[int, tuple[str, FarmState]] = {
    2103: ("market", FarmState.BROKEN),
    2104: ("market", FarmState.OK),
    2108: ("market", FarmState.INACTIVE),
    2119: ("market", FarmState.CONNECTING),
    2105: ("historical", FarmState.BROKEN),
    2106: ("historical", FarmState.OK),
    2107: ("historical", FarmState.INACTIVE),
    2157: ("security_definition", FarmState.BROKEN),
    2158: ("security_definition", FarmState.OK),
}
"""Codes, with the kind and the state they report (IBKR's message codes)."""

LONGEST_NAME, LONGEST_NOTICE, LONGEST_LIST = 64, 1_000, 8_000
"""Characters. What is longer is no gateway's: it is cut, so that nothing here takes long."""
_NAME = re.compile(r"[A-Za-z0-9_.-]+$")
_MARKS = (":", "\uff1a", "\u3002")
"""What ends the words before a name: a colon, and a colon or full stop as Chinese and Japanese write them."""
_LIST = re.compile(r"farms are (not )?connected:((?:[^.]|\.(?! ))*)")


def noticed(code: int, text: str) -> FarmStatus:
    """Of a notice in `NOTICES`."""
    kind, state = NOTICES[code]
    return FarmStatus(kind, _last_name(text.strip()[-LONGEST_NOTICE:])[-LONGEST_NAME:], state)


def _last_name(text: str) -> str:
    """What stands last in "…is OK:usfarm", and in "…upon demand.usfarm" (both captured), in any language."""
    found = _NAME.search(text)
    if found is None:
        return text
    name, before = found[0], text[: found.start()].rstrip()
    if "." in name and not before.endswith(_MARKS):  # of the sentence; others are the name's: usfarm.nj
        return name.partition(".")[2]
    return name


def listed(text: str, known: Iterable[tuple[str, str]]) -> Iterator[FarmStatus]:
    """Of the text of a 1101 or 1102. `known`: (kind, name) of the farms reported before."""
    kinds = {name: kind for kind, name in known}
    for missing, names in _LIST.findall(text[:LONGEST_LIST]):
        state = FarmState.BROKEN if missing else FarmState.OK
        for name in filter(None, map(str.strip, names.rstrip().removesuffix(".").split(";"))):
            if len(name) <= LONGEST_NAME:
                yield FarmStatus(kinds.get(name) or _kind_of(name), name, state)


def _kind_of(name: str) -> str:
    if "hmds" in name or name == "fundfarm":  # both come under 2106
        return "historical"
    return "security_definition" if name.startswith("secdef") else "market"

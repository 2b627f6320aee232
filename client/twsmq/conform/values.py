"""JSON that keeps 64-bit integers, and when an observation is what was expected.

An integer beyond 2^53 is written {"$big": "digits"}, because not every language's JSON keeps it, and bytes,
which no JSON has, {"$bin": "hex"}. A number is equal to a number of the same value: some languages have one
type for 10.0 and 10. An expected map names the fields that matter; others may be there, since within a
protocol version fields are added.
"""

from __future__ import annotations

import json
from typing import Any, cast

_LARGEST = 2**53 - 1
_BIG, _BIN = "$big", "$bin"


def to_json(value: Any) -> str:
    return json.dumps(_marked(value), ensure_ascii=True, allow_nan=False)


def from_json(text: str) -> Any:
    """Raises `ValueError`."""
    return json.loads(text, object_hook=_unmarked)


def difference(expected: Any, found: Any, where: str = "") -> str | None:
    """What is not as expected, in a line; None where all is."""
    here = where or "the observation"
    if isinstance(expected, dict):
        return _difference_of_maps(cast("dict[str, Any]", expected), found, where)
    if isinstance(expected, list):
        wanted = cast("list[Any]", expected)
        got = cast("list[Any]", found) if isinstance(found, list) else None
        if got is None or len(got) != len(wanted):
            return f"{here}: expected {_short(wanted)}, found {_short(found)}"
        places = (difference(wanted[n], got[n], f"{where}[{n}]") for n in range(len(wanted)))
        return next(filter(None, places), None)
    if isinstance(expected, bool | None | str):
        same = type(expected) is type(found) and found == expected
    else:
        same = isinstance(found, int | float) and not isinstance(found, bool) and found == expected
    return None if same else f"{here}: expected {_short(expected)}, found {_short(found)}"


def _difference_of_maps(expected: dict[str, Any], found: Any, where: str) -> str | None:
    if not isinstance(found, dict):
        return f"{where or 'the observation'}: expected a map, found {_short(found)}"
    there = cast("dict[str, Any]", found)
    for key, value in expected.items():
        path = f"{where}.{key}" if where else key
        if key not in there:
            return f"{path} is missing"
        if (problem := difference(value, there[key], path)) is not None:
            return problem
    return None


def _marked(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST:
        return {_BIG: str(value)}
    if isinstance(value, bytes):
        return {_BIN: value.hex()}
    if isinstance(value, dict):
        return {key: _marked(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_marked(item) for item in cast("list[Any]", value)]
    return value


def _unmarked(found: dict[str, Any]) -> Any:
    return int(found[_BIG]) if found.keys() == {_BIG} else found


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."

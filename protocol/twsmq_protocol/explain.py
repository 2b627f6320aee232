"""What is wrong with a field of a message or of the configuration, in words that say what to write instead.

msgspec names the path and the rule that was broken; a person also wants the values that would be right.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec
from msgspec import Struct, inspect

from .envelope import LARGEST_FLOAT
from .errors import FieldError
from .forms import WORDS

_PATH = re.compile(r" - at (?:`key` in )?`\$\.?([^`]*)`$")
_NAMED = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_EXPECTED = re.compile(r"Expected `([^`]*)`(?:, got `([^`]*)`| (.*))$", re.DOTALL)
_FORM = re.compile(r"matching regex '(.*)'", re.DOTALL)
_NOUNS = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "object": "a map",
    "array": "a list",
    "null": "nil",
    "None": "nil",
}
ENTRY = "[...]"
"""What msgspec writes in a path for an entry of a map, whichever it is."""
_STEP = re.compile(r"\[[^\]]*\]|[^.\[]+")
_LONGEST_NAME, _LONGEST_SENTENCE = 80, 400


def explain(error: msgspec.ValidationError, kind: type[Struct]) -> tuple[str, str]:
    """The dotted path of the field at fault (empty: the whole) and a sentence that names it and the cure."""
    rule, path = str(error), ""
    found = _PATH.search(rule)
    if found:
        rule, path = rule[: found.start()], found[1]
    if isinstance(error.__cause__, FieldError):
        return _join(path, error.__cause__.field), str(error.__cause__)
    field, sentence = _sentence(rule, path, kind)
    return field[:_LONGEST_NAME], sentence[:_LONGEST_SENTENCE]


def _sentence(rule: str, path: str, kind: type[Struct]) -> tuple[str, str]:
    here = path or "this"
    named = _NAMED.fullmatch(rule)
    if named:
        field = _join(path, named[2])
        if named[1].startswith("missing"):
            return field, f"{field} is missing"
        known = ", ".join(_fields(_type_at(kind, path))) or "nothing"
        return field, f"{field[:_LONGEST_NAME]} is unknown; known here: {known}"
    choices = _choices(_type_at(kind, path))
    if choices:
        return path, f"{here} must be one of {', '.join(map(str, choices))}"
    expected = _EXPECTED.fullmatch(rule)
    if expected:
        nouns = " or ".join(_NOUNS.get(name, name) for name in expected[1].split(" | "))
        if expected[2]:
            return path, f"{here} must be {nouns}, not {_NOUNS.get(expected[2], expected[2])}"
        if "matching regex" in expected[3] and (examples := _examples(_type_at(kind, path))):
            return path, f"{here} must be written like {' or '.join(map(repr, examples))}"
        form = _FORM.fullmatch(expected[3])
        if form and form[1] in WORDS:
            return path, f"{here} must be {WORDS[form[1]]}"
        if str(LARGEST_FLOAT) in expected[3]:
            return path, f"{here} must be a finite number"
        return path, f"{here} must be {nouns} {expected[3]}"
    return path, f"{here}: {rule}"


def _join(path: str, field: str) -> str:
    return f"{path}.{field}" if path else field


def _type_at(kind: type[Struct], path: str) -> inspect.Type | None:
    """The declared type at a path of struct fields, map entries (`[...]`) and items of lists (`[0]`)."""
    at: inspect.Type | None = inspect.type_info(kind)
    for name in _STEP.findall(path):
        at = at.type if isinstance(at, inspect.Metadata) else at
        if name == ENTRY:
            at = at.value_type if isinstance(at, inspect.DictType) else None
        elif name.startswith("["):
            at = at.item_type if isinstance(at, inspect.ListType | inspect.VarTupleType) else None
        else:
            at = _fields(at).get(name)
    return at


def _examples(at: inspect.Type | None) -> list[Any]:
    """How a value is written, where its pattern comes with examples."""
    if not isinstance(at, inspect.Metadata):
        return []
    told = cast("dict[str, Any]", at.extra_json_schema or {})  # pyright: ignore[reportUnknownMemberType]
    return told.get("examples", [])


def _fields(at: inspect.Type | None) -> dict[str, inspect.Type]:
    return (
        {field.encode_name: field.type for field in at.fields} if isinstance(at, inspect.StructType) else {}
    )


def _choices(at: inspect.Type | None) -> tuple[Any, ...]:
    alternatives = at.types if isinstance(at, inspect.UnionType) else (at,)
    return tuple(
        value for each in alternatives if isinstance(each, inspect.LiteralType) for value in each.values
    )

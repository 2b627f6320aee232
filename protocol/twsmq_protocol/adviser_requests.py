"""Arguments and results of the ops about an adviser's groups, profiles and aliases of accounts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias
from xml.parsers import expat

from msgspec import Meta, Struct

from .envelope import Args
from .errors import FieldError

AdviserList: TypeAlias = Literal["groups", "profiles", "aliases"]
MOST_XML = 200_000
_ROOTS: dict[str, AdviserList] = {
    "ListOfGroups": "groups",
    "ListOfAllocationProfiles": "profiles",
    "ListOfAccountAliases": "aliases",
}


class GetFaGroups(Args, frozen=True, kw_only=True):
    """`fa_groups` (reference): an adviser's groups, profiles or aliases of accounts."""

    list: AdviserList = "groups"


class FaGroups(Struct, frozen=True, kw_only=True):
    """Result of `fa_groups`: the XML that the gateway sends, as it is."""

    list: AdviserList
    xml: str


class ReplaceFaGroups(Args, frozen=True, kw_only=True):
    """`replace_fa_groups` (reference): all of an adviser's groups, profiles or aliases by those of `xml`.
    What is not in it is gone. Sent once: without an answer nobody knows whether it was done.
    """

    list: AdviserList
    xml: Annotated[str, Meta(min_length=1, max_length=MOST_XML)]

    def __post_init__(self) -> None:
        root = _root_of(self.xml)
        if _ROOTS.get(root, self.list) != self.list:
            raise FieldError("xml", f"xml is a {root}: these are {_ROOTS[root]}, not {self.list}")


class FaGroupsReplaced(Struct, frozen=True, kw_only=True):
    """Result of `replace_fa_groups`: what the gateway says of it."""

    message: str


def _root_of(xml: str) -> str:
    """The name of the outermost element. Raises FieldError for what is no XML, or declares entities."""
    if not xml.isascii():
        raise FieldError("xml", "xml must be ASCII: write other characters as references like &#233;")
    names: list[str] = []

    def starts(name: str, _: Any) -> None:
        names.append(name)

    parser: Any = expat.ParserCreate()
    parser.StartElementHandler = starts
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise FieldError("xml", f"xml must be well-formed: {error}") from error
    return names[0]


def _no_doctype(*_: Any) -> None:
    raise FieldError("xml", "xml must have no DOCTYPE: entities can grow without end")

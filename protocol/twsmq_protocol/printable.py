"""Texts of gateways, brokers, clients and files, as they may reach a terminal."""

from __future__ import annotations


def printable(text: str, keep: str = "") -> str:
    """`text` without any character that acts on a terminal instead of being shown, each of them as a Python
    escape (`\\x1b`); `keep` stays as it is."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or one in keep else one.encode("unicode_escape").decode() for one in text
    )

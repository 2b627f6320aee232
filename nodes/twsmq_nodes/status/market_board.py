"""Rows of the sections `streams` and `lines`, from what each shard answers to `subscriptions`.

A shard that does not answer keeps its rows; the section's age says since when. What a shard does not say (an
older one, of gaps or of the last data) is absent. How many consumers a topic has nobody knows: an XPUB shows
presence, not who.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from twsmq_protocol.board import Row


class MarketBoard:
    """`shards`: all there are."""

    def __init__(self, shards: Iterable[str]) -> None:
        self._shards = frozenset(shards)
        self._streams: dict[str, dict[str, Row]] = {}
        self._lines: dict[str, dict[str, Row]] = {}
        self._heard: dict[str, int] = {}

    def answered(self, shard: str, result: Mapping[str, Any], ns: int) -> None:
        """The result of `subscriptions` as plain data."""
        self._heard[shard] = ns
        self._streams[shard] = {
            f"{shard} {each['topic']}": {
                "key": f"{shard} {each['topic']}",
                "topic": each["topic"],
                "state": each["state"],
                "last_data": each.get("last_data"),
                "gaps": each.get("gaps"),
                "consumers": "wanted" if each["wanted"] else "left, ends soon",
                "since": each["since"],
                "con_id": each.get("con_id"),
                "line": each.get("line"),
                "shard": shard,
            }
            for each in result["subscriptions"]
        }
        self._lines[shard] = {
            f"{shard} {each['kind']}": {
                "key": f"{shard} {each['kind']}",
                "shard": shard,
                "kind": each["kind"],
                "used": each["used"],
                "allowed": each["allowed"],
                "share": round(each["used"] / each["allowed"], 3) if each["allowed"] else None,
            }
            for each in result["lines"]
        }

    @property
    def as_of(self) -> int | None:
        """When the shard that has been silent longest last answered; None while one never has."""
        return None if self._shards - self._heard.keys() else min(self._heard.values(), default=None)

    def streams(self) -> dict[str, Row]:
        return {key: row for rows in self._streams.values() for key, row in rows.items()}

    def lines(self) -> dict[str, Row]:
        return {key: row for rows in self._lines.values() for key, row in rows.items()}

    def line_use(self) -> list[tuple[str, int, int]]:
        return [(row["kind"], row["used"], row["allowed"]) for row in self.lines().values()]

    def interrupted(self) -> list[str]:
        """Topics that somebody wants and whose data may be missing at present."""
        return [
            row["topic"]
            for row in self.streams().values()
            if row["state"] == "gap" and row["consumers"] == "wanted"
        ]

"""The line on top of everything: paper or live, the link, halts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from twsmq_protocol.board import Row
from twsmq_protocol.hosts import address
from twsmq_protocol.system_events import Gateway

from twsmq_nodes.tws.accounts import is_paper

CONFIRMED_NS = 5_000_000_000


class Link:
    """The gateway link as the connection node last published it, and since when it has not been up.

    While nothing is known of it, it counts as down since this process began: whoever watches is awake above
    all while nothing is connected.
    """

    def __init__(self, ns: int) -> None:
        self._event: Gateway | None = None
        self.as_of: int | None = None
        self.since = ns
        self.down_since: int | None = ns

    def received(self, event: Gateway, ns: int) -> None:
        if self._event is None or event.state != self._event.state:
            self.since = event.ts or ns
        self._event, self.as_of = event, ns
        up = event.state in ("up", "upstream_lost")
        self.down_since = None if up else self.down_since or ns

    def confirmed(self, ns: int) -> None:
        """The connection node lives, and would have said if it were otherwise."""
        if self._event is not None:
            self.as_of = ns

    def present(self, ns: int) -> bool:
        """The connection node has confirmed it lately."""
        return self.as_of is not None and abs(ns - self.as_of) < CONFIRMED_NS

    @property
    def state(self) -> str | None:
        return None if self._event is None else self._event.state

    @property
    def reason(self) -> str | None:
        return None if self._event is None else self._event.reason

    @property
    def upstream(self) -> str | None:
        return None if self._event is None else self._event.upstream

    @property
    def upstream_lost(self) -> bool:
        return self.upstream == "lost"

    @property
    def mode(self) -> str | None:
        """paper, live or mixed, by the names of the accounts; None while there are none."""
        accounts = () if self._event is None else self._event.accounts
        kinds = {"paper" if is_paper(account) else "live" for account in accounts}
        return None if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"

    @property
    def address(self) -> str | None:
        return None if self._event is None else address(self._event.host, self._event.port)

    def farms(self, state: str) -> list[str]:
        farms = {} if self._event is None else self._event.farms
        return sorted(name for name, each in farms.items() if each == state)

    def farm_counts(self) -> Mapping[str, int]:
        return Counter({} if self._event is None else self._event.farms.values())


def desk_row(
    link: Link,
    *,
    halts: Mapping[str, str] | None,
    unknown: int | None,
    working: int | None,
    alerts: int,
    next_restart: int | None,
) -> dict[str, Row]:
    """The only row of the section `desk`. None: not known, because the orders node has not said yet.

    `everybody`: whether new orders of everybody are halted, and why.
    """
    farms = ", ".join(f"{count} {state}" for state, count in sorted(link.farm_counts().items()))
    who = ", ".join(f"{name or 'everybody'}: {why}" for name, why in sorted((halts or {}).items()))
    everybody = None if halts is None else f"halted: {halts['']}" if "" in halts else "trading"
    return {
        "desk": {
            "key": "desk",
            "mode": link.mode,
            "gateway": link.state,
            "gateway_since": link.since,
            "upstream": link.upstream,
            "farms": farms or None,
            "halted": f"halted: {who}" if who else None,
            "everybody": everybody,
            "unknown": unknown,
            "working": working,
            "alerts": alerts,
            "next_restart": next_restart,
            "reason": link.reason,
            "host": link.address,
        }
    }

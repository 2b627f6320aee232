"""The board as a client has it: loaded once, then kept up by its changes; for the page and for `twsmq top`.

Theory: the status node's board is the truth, and this a copy with its revisions. A change that does not
follow the copy's revision means that one was lost, and another incarnation that the node was restarted:
either way the board is loaded again, and until then the copy stays as it is and gets old. What is needed to
show that must not come from the node that may be dead: heartbeats and the supervisor's reports are received
directly, and while status is silent they are laid over its rows of processes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field
from twsmq_protocol.board import SECTIONS, BoardChange, Row, laid_out
from twsmq_protocol.errors import TwsmqError
from twsmq_protocol.processes import ORDERS, STATUS
from twsmq_protocol.system_events import Heartbeat, Process

from .aio import Client
from .errors import ClientClosed

SILENT_S = 2.0
LOAD_AGAIN_S = 0.5
LOAD_S = 3.0
_DOWN = ("stopped", "backoff", "failed", "hung")


class SectionState(Struct):
    """Rows by key, as of revision `rev`."""

    rev: int = 0
    as_of: int | None = None
    rows: dict[str, Row] = field(default_factory=dict[str, Row])

    def ordered(self, order: str) -> list[Row]:
        """By the fields of `order`, comma separated, `-` for descending; absent last."""
        return list(laid_out(self.rows, order).values())


class BoardState:
    """A copy of the board. `incarnation` is that of the process it was loaded from."""

    def __init__(self) -> None:
        self.incarnation: int | None = None
        self.sections = {name: SectionState() for name in SECTIONS}

    def begin(self, incarnation: int) -> None:
        """A new load: rows go when their section's first page comes."""
        self.incarnation = incarnation

    def load(self, pages: list[Mapping[str, Any]]) -> bool:
        """All pages of one answer to `board`, as plain data. False: they do not fit together."""
        if len({page["incarnation"] for page in pages}) != 1:
            return False
        loaded: dict[str, SectionState] = {}
        for page in pages:
            for section in page["sections"]:
                if section["name"] not in SECTIONS:
                    continue
                state = loaded.setdefault(section["name"], SectionState(section["rev"], section["as_of"], {}))
                if state.rev != section["rev"] and section["rows"]:
                    return False  # it changed between two pages
                state.rows.update((row["key"], row) for row in section["rows"])
        self.begin(pages[0]["incarnation"])
        self.sections |= loaded
        return True

    def apply(self, change: BoardChange) -> bool:
        """Whether it followed what was there; one that is known already changes nothing."""
        section = self.sections.get(change.section)
        if section is None:
            return True
        if change.inc != self.incarnation or change.rev > section.rev + 1:
            return False
        if change.rev <= section.rev:
            return True
        section.rev, section.as_of = change.rev, change.as_of
        for key, row in change.rows.items():
            if row is None:
                section.rows.pop(key, None)
            else:
                section.rows[key] = row
        return True


class Heard:
    """Each process's last heartbeat and the supervisor's last report of it: for while status is silent."""

    def __init__(self) -> None:
        self._beats: dict[str, tuple[float, int, Heartbeat]] = {}
        self._supervised: dict[str, Process] = {}

    def event(self, event: Heartbeat | Process) -> None:
        if isinstance(event, Heartbeat):
            self._beats[event.name] = (time.monotonic(), time.time_ns(), event)
        else:
            self._supervised[event.name] = event

    def silent_s(self, name: str) -> float | None:
        """How long since its last heartbeat; None: none was received."""
        beat = self._beats.get(name)
        return None if beat is None else time.monotonic() - beat[0]

    def newest_of(self, strategy: str) -> int:
        """The number of its newest order event, 0 if not known."""
        beat = self._beats.get(ORDERS)
        return 0 if beat is None else (beat[2].strategy_nos or {}).get(strategy, 0)

    def beating(self, name: str) -> bool:
        """Beats of a process that the supervisor has seen end are no beats any more."""
        beat, supervised = self._beats.get(name), self._supervised.get(name)
        if beat is None or time.monotonic() - beat[0] >= SILENT_S:
            return False
        return supervised is None or (supervised.pid in (None, beat[2].pid) and supervised.state not in _DOWN)

    def overlaid(self, rows: Mapping[str, Row]) -> dict[str, Row]:
        """Rows of the section `processes` with what was received here."""
        names = list(rows) or [*self._supervised, *(self._beats.keys() - self._supervised.keys())]
        return {name: self._overlay(name, dict(rows.get(name, {}))) for name in names}

    def _overlay(self, name: str, row: Row) -> Row:
        row |= {"key": name, "name": name}
        beat = self._beats.get(name)
        if beat is not None:
            supervised = self._supervised.get(name)
            ended = supervised is not None and supervised.pid != beat[2].pid
            beats = self.beating(name)
            row["beating"] = "beating" if beats else "silent"
            row["ready"] = beat[2].state if beats else supervised.state if ended and supervised else "silent"
            row["heard"] = beat[1]
        supervised = self._supervised.get(name)
        if supervised is not None:
            row["alive"] = supervised.state if supervised.state in _DOWN else "alive"
            row["restarts"], row["pid"] = supervised.restarts, supervised.pid
            row["words"] = supervised.reason or row.get("words")
        return row


class BoardFeed:
    """Keeps a copy up. `changed(section, rows)`: those rows (None: gone) changed; `reloaded()`: all of it."""

    def __init__(
        self,
        client: Client,
        changed: Callable[[BoardChange], None] = lambda _: None,
        reloaded: Callable[[], None] = lambda: None,
    ) -> None:
        self.state = BoardState()
        self.heard = Heard()
        self._client = client
        self._changed = changed
        self._reloaded = reloaded
        self._stale = asyncio.Event()
        self._stale.set()
        self._began = time.monotonic()
        self._waiting: list[BoardChange] | None = None

    @property
    def awaited(self) -> bool:
        """Nothing was loaded yet, and there was hardly time to: that status is silent is not known."""
        return self.state.incarnation is None and time.monotonic() < self._began + LOAD_S

    @property
    def status_alive(self) -> bool:
        """Status beats, and the copy is of its present incarnation."""
        return self.heard.beating(STATUS) and not self._stale.is_set()

    def rows(self, name: str) -> list[Row]:
        """Rows in the order they are shown."""
        section = self.state.sections[name]
        if name == "processes" and not self.status_alive:
            return list(self.heard.overlaid(section.rows).values())
        return section.ordered(SECTIONS[name].order)

    async def run(self) -> None:
        """Until the client is closed."""
        self._client.subscribe("board/", "node/", "process/")
        loading = asyncio.create_task(self._keep_loaded())
        try:
            while True:
                received = await self._client.receive()
                if received is not None:
                    self._event(received.event)
        except ClientClosed:
            return
        finally:
            loading.cancel()

    def _event(self, event: object) -> None:
        if isinstance(event, Heartbeat | Process):
            self.heard.event(event)
        elif isinstance(event, BoardChange):
            if self._waiting is not None:
                self._waiting.append(event)
            elif not self.state.apply(event):
                self._stale.set()
            else:
                self._changed(event)

    async def _keep_loaded(self) -> None:
        while True:
            await self._stale.wait()
            self._waiting = []
            try:
                loaded = self.state.load(await self._pages())
            except TwsmqError:
                loaded = False
            waiting, self._waiting = self._waiting, None
            if loaded and all(
                self.state.apply(each) for each in waiting if each.inc == self.state.incarnation
            ):
                self._stale.clear()
                self._reloaded()
            else:
                await asyncio.sleep(LOAD_AGAIN_S)

    async def _pages(self) -> list[Mapping[str, Any]]:
        pages: list[Mapping[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = await self._client.request(
                STATUS, "board", {"after": after, "limit": 1000}, timeout=LOAD_S
            )
            pages.append(page)
            after = page["next"]
        return pages

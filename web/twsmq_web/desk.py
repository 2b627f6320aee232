"""What the page shows, put together: the copy of the board, who listens, and what is read on request."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import msgspec
from starlette.responses import Response
from twsmq.aio import Client
from twsmq.board import BoardFeed
from twsmq.errors import OutcomeUnknown
from twsmq.records import read_records
from twsmq_protocol.board import SECTIONS, BoardChange
from twsmq_protocol.config import Config
from twsmq_protocol.errors import TwsmqError
from twsmq_protocol.metrics import Metrics
from twsmq_protocol.plain_file import open_plain
from twsmq_protocol.processes import ORDERS, STATUS, SUPERVISOR, node_names
from twsmq_transport.metrics import Registry
from twsmq_transport.process_metrics import ProcessMetrics

from .access import Refused
from .audit import Audit
from .commands import Commands
from .exposition import exposition
from .streams import Browsers, sse

SCRAPE_S = 0.25
SCRAPE_AGAIN_S = 0.5
READERS = 4
"""How many browsers' questions for the journal or the records are answered at once."""
LOG_BYTES, LOG_LINES = 64 * 1024, 200
MOST_HISTORY_PAGES = 50
RECORDS_S = 7 * 86_400
MOST_FILLS = 5000


class Desk:
    """`config` and `data_dir` as loaded; `own` counts this process."""

    def __init__(
        self, client: Client, config: Config, data_dir: Path, registry: Registry, own: ProcessMetrics
    ) -> None:
        self.config = config
        self.browsers = Browsers()
        self.audit = Audit(data_dir / "web")
        self.commands = Commands(client, self.audit)
        self.feed = BoardFeed(client, self._changed, self._reloaded)
        self._client = client
        self._data_dir = data_dir
        self._registry = registry
        self._own = own
        self._made: dict[str, tuple[tuple[int | None, int], msgspec.Raw]] = {}
        self._was_alive = True
        self._scrape: asyncio.Task[bytes] | None = None
        self._scraped = (float("-inf"), b"")
        self._reading = asyncio.Semaphore(READERS)
        self._scrape_s = 0.0
        registry.collect(
            lambda: [("web_streams", (), len(self.browsers)), ("scrape_seconds", (), self._scrape_s)]
        )

    # -- the stream

    def whole(self) -> bytes:
        """Everything, for a browser that begins or was behind. Sections that stand are encoded once, however
        many browsers come at once."""
        sections = {name: self._encoded(name) for name in SECTIONS}
        return sse("whole", msgspec.json.encode({"sections": sections, **self._moment()}))

    def _encoded(self, name: str) -> msgspec.Raw:
        if name == "processes" and not self.feed.status_alive:
            return msgspec.Raw(msgspec.json.encode(self._section(name)))  # what is heard here changes it
        state = self.feed.state
        stand = (state.incarnation, state.sections[name].rev)
        if name not in self._made or self._made[name][0] != stand:
            self._made[name] = (stand, msgspec.Raw(msgspec.json.encode(self._section(name))))
        return self._made[name][1]

    def alive(self) -> bytes:
        """The time, and how things stand with the status node; while that is silent, the processes too."""
        moment = self._moment()
        if not moment["status_alive"]:
            moment["processes"] = self._section("processes")
        return sse("moment", msgspec.json.encode(moment))

    def beat(self, number: int) -> None:
        """Every half second. Once a second, and when the status node falls silent or is back, all get
        the time: a busy stream must not hide how things stand."""
        alive = self.feed.status_alive
        if number % 2 == 0 or alive != self._was_alive:
            self._was_alive = alive
            self.browsers.offer(self.alive())

    def _changed(self, change: BoardChange) -> None:
        if len(self.browsers):
            body = {"section": change.section, "as_of": change.as_of, "rows": change.rows}
            self.browsers.offer(sse("change", msgspec.json.encode(body)))

    def _reloaded(self) -> None:
        self.browsers.resync()

    def _section(self, name: str) -> dict[str, Any]:
        return {
            "as_of": self.feed.state.sections[name].as_of,
            "rows": {row["key"]: row for row in self.feed.rows(name)},
        }

    def _moment(self) -> dict[str, Any]:
        return {
            "now": time.time_ns(),
            "status_alive": self.feed.status_alive,
            "status_silent_s": self.feed.heard.silent_s(STATUS),
        }

    # -- on request

    async def board(self) -> Response:
        """Op `board` as JSON, all pages in one; with the last known where status does not answer: 503
        then."""
        sections = [
            {
                "name": name,
                "rev": self.feed.state.sections[name].rev,
                "as_of": self.feed.state.sections[name].as_of,
                "total": len(rows := self.feed.rows(name)),
                "rows": rows,
            }
            for name in SECTIONS
        ]
        body = {
            "at": time.time_ns(),
            "incarnation": self.feed.state.incarnation,
            "sections": sections,
            "next": None,
            "status_alive": self.feed.status_alive,
        }
        return Response(
            msgspec.json.encode(body),
            200 if self.feed.status_alive else 503,
            media_type="application/json",
            headers={"cache-control": "no-store"},
        )

    def log(self, name: str) -> dict[str, Any]:
        """The end of a process's log."""
        known = {SUPERVISOR, "simulator", *node_names(self.config)}
        if name not in known:
            return {"lines": [], "problem": f"no process is called {name[:40]!r}"}
        path = self._data_dir / "logs" / f"{name}.log"
        try:
            with open_plain(path) as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_BYTES))
                lines = file.read(LOG_BYTES).decode("utf-8", "replace").splitlines()
        except OSError as error:
            return {"lines": [], "problem": f"{path.name}: {error.strerror}"}
        return {"lines": lines[-LOG_LINES:], "problem": None}

    async def history(self, strategy: str, client_order_id: str) -> dict[str, Any]:
        """Every event of one order, from the journal."""
        async with self._reading:
            return await self._history(strategy, client_order_id)

    async def _history(self, strategy: str, client_order_id: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        after = begin = max(0, self.feed.heard.newest_of(strategy) - MOST_HISTORY_PAGES * 1000)
        try:
            for _ in range(MOST_HISTORY_PAGES):
                args = {"after": after, "strategy": strategy, "limit": 1000}
                page = await self._client.request(ORDERS, "replay_events", args)
                found += [each for each in page["events"] if each["client_order_id"] == client_order_id]
                if page["next"] == after or not page["events"]:
                    break
                after = page["next"]
        except (TwsmqError, OutcomeUnknown) as error:
            return {"events": found, "problem": str(error)}
        problem = None
        if begin:
            problem = (
                f"of {strategy} only the latest {MOST_HISTORY_PAGES * 1000:,} events were read; "
                "`twsmq orders export --what events` has all"
            )
        return {"events": found, "problem": problem}

    async def records(self) -> dict[str, Any]:
        """Of the last week, as the status node keeps it: equity minute by minute, costs of fills, gaps."""
        since_s = time.time() - RECORDS_S
        async with self._reading:
            found = await asyncio.to_thread(read_records, self._data_dir, since_s)
        fills = found.fills[-MOST_FILLS:]
        return {
            "accounts": found.accounts,
            "fills": {
                "time": [fill.time_ns / 1e9 for fill in fills],
                "strategy": [fill.strategy for fill in fills],
                "slippage_bps": [fill.slippage_bps for fill in fills],
                "latency_s": [fill.latency_s for fill in fills],
            },
            "gaps": found.gaps,
            "problem": found.problem,
        }

    async def metrics(self) -> bytes:
        """Of every process that beats, or whose life only its answer shows. However many ask, the processes
        are asked once in `SCRAPE_AGAIN_S`."""
        if time.monotonic() - self._scraped[0] < SCRAPE_AGAIN_S:
            return self._scraped[1]
        if self._scrape is None or self._scrape.done():
            self._scrape = asyncio.create_task(self._asked())
        return await asyncio.shield(self._scrape)

    async def _asked(self) -> bytes:
        began = time.monotonic()
        names = [name for name in node_names(self.config) if self.feed.heard.beating(name) and name != "web"]
        answers = await asyncio.gather(*(self._ask(name) for name in (*names, SUPERVISOR)))
        self._scrape_s = round(time.monotonic() - began, 6)
        self._scraped = (began, exposition([*filter(None, answers), self._own.answer()]))
        return self._scraped[1]

    async def _ask(self, name: str) -> Metrics | None:
        try:
            answer = await self._client.request(name, "metrics", timeout=SCRAPE_S)
        except TwsmqError:
            return None
        return msgspec.convert(answer, Metrics)

    def refused(self, refused: Refused) -> Response:
        """The answer to a request that may not be, and its count."""
        if refused.status in (401, 403, 421):
            self._registry.counter("auth_refused_total", refused.reason).n += 1
        body = msgspec.json.encode(
            {"ok": False, "error": {"code": refused.reason, "message": refused.message}}
        )
        headers = {"connection": "close"}  # what else it sends is not read
        return Response(body, refused.status, headers, media_type="application/json")

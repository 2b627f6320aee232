"""Alerts at work: gathers the facts, feeds the core, publishes what it announces and hands it to the
sinks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import time_ns

import structlog
from twsmq_protocol.alerts import (
    ALERTS,
    AcknowledgeAlert,
    Alert,
    AlertList,
    SilenceAlert,
    TryAlerts,
)
from twsmq_protocol.config import AlertSetting
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.topics import alert_topic
from twsmq_transport.outbox import Outbox

from .alert_core import AlertCore, Announce
from .alert_rules import Facts, holding, watched
from .sinks import Sinks

TEST = "Test"
_NS = 1_000_000_000

log = structlog.stdlib.get_logger()


class Alerting:
    """`facts` is asked at every evaluation; `settings` as in `[alerts.rules]`."""

    def __init__(
        self,
        facts: Callable[[], Facts],
        settings: Mapping[str, AlertSetting],
        sinks: Sinks,
        outbox: Outbox,
    ) -> None:
        self.core = AlertCore()
        self._watched = watched(settings)
        self._facts = facts
        self._sinks = sinks
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()

    def evaluate(self) -> None:
        holds = holding(self._facts(), self._watched)
        self._announce(self.core.evaluate(holds, self._loop.time(), time_ns()))

    def listed(self) -> AlertList:
        return AlertList(alerts=self.core.rows(), silences=self.core.silences, sinks=self._sinks.names)

    def acknowledge(self, args: AcknowledgeAlert) -> AlertList:
        """Raises `RequestError` when no such alert fires."""
        announced = self.core.acknowledge(args.name, args.about, args.by)
        if not announced and not any(row.name == args.name for row in self.core.firing()):
            raise RequestError(
                ErrorCode.INVALID_ARGUMENT,
                f"{args.name[:40]!r} does not fire; `twsmq alerts` lists what does",
                field="name",
            )
        log.info("alert acknowledged", alert=args.name, about=args.about, by=args.by)
        self._announce(announced)
        return self.listed()

    def silence(self, args: SilenceAlert) -> AlertList:
        if args.name not in ALERTS and "*" not in args.name:
            raise RequestError(
                ErrorCode.INVALID_ARGUMENT,
                f"no alert is called {args.name[:40]!r}; there are {', '.join(ALERTS)}",
                field="name",
            )
        self.core.silence(args.name, time_ns() + int(args.minutes * 60 * _NS))
        log.info("alert silenced", alert=args.name, minutes=args.minutes, by=args.by)
        self.evaluate()
        return self.listed()

    def test(self, args: TryAlerts) -> AlertList:
        """Through every sink, whatever is silenced."""
        event = Alert(
            name=TEST,
            severity="page",
            state="firing",
            text=f"a test of the alerts, asked for by {args.by}",
            since=time_ns(),
            runbook=f"docs/runbook/{TEST}.md",
            test=True,
        )
        self._announce([Announce(event, deliver=True)])
        return self.listed()

    def _announce(self, announced: list[Announce]) -> None:
        for each in announced:
            event = each.event
            over = event.state == "resolved" or event.test
            topic = alert_topic(event.name)
            self._outbox.publish(topic, event, retain=not over)
            if over and not any(row.name == event.name for row in self.core.firing()):
                self._outbox.forget(topic)
            if each.deliver:
                self._sinks.deliver(event)

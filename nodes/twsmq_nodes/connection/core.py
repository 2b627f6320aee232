"""The state of the link to the gateway, folded from what this node's own session notices.

    disconnected   no session; another attempt follows by itself
    connecting     the first attempt since this process started
    waiting_client_id   another connection holds our client ID (326)
    up             session up, and the gateway reaches IBKR as far as it has reported
    upstream_lost  session up, but the gateway has lost IBKR (1100, 2110; see `tws/upstream.py`)

Every node has a session of its own and acts on that one's events; this node publishes its own for everybody
else. `upstream` and `farms` are known only while the session is up. Accounts are kept: the last known ones
still show whose gateway this is. An event goes out only when something changed, and repeats nothing.

It also receives the market-data shards' heartbeats: `escalation` decides about feeds that stay silent.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from twsmq_protocol.system_events import Gateway

from twsmq_nodes.tws import session_events
from twsmq_nodes.tws.events import CurrentTime
from twsmq_nodes.tws.session_events import SessionEvent

from .escalation import Escalation, Probe, Reason, Reconnect, ShardReport


class PublishGateway(Struct, frozen=True):
    """Tell the link's state on `gateway/`."""

    event: Gateway


class Maintenance(Struct, frozen=True):
    """The gateway is about to be restarted or reconnected by us; None: no more."""

    text: str | None


class AlarmRaised(Struct, frozen=True):
    """What only a person can do about the gateway; None: nothing."""

    text: str | None


Input = SessionEvent | ShardReport | CurrentTime | Maintenance | AlarmRaised
Action = PublishGateway | Probe | Reconnect


class ConnectionCore:
    """`gateway` is the link as it now stands. `now` in seconds, monotonic."""

    def __init__(self, host: str, port: int) -> None:
        self.gateway = Gateway(state="connecting", host=host, port=port)
        self._escalation = Escalation()

    def handle(self, happened: Input, now: float) -> list[Action]:
        match happened:
            case ShardReport():
                return self._shard_reported(happened, now)
            case CurrentTime():
                self._escalation.answered()
                return []
            case Maintenance(text):
                return self._became(msgspec.structs.replace(self.gateway, maintenance=text))
            case AlarmRaised(text):
                return self._became(msgspec.structs.replace(self.gateway, alarm=text))
            case _:
                return self._became(_after(self.gateway, happened))

    def _shard_reported(self, report: ShardReport, now: float) -> list[Action]:
        actions: list[Action] = []
        for step in self._escalation.reported(report, now, link_up=self.gateway.state == "up"):
            if isinstance(step, Reason):
                actions += self._became(msgspec.structs.replace(self.gateway, reason=step.text))
            else:
                actions.append(step)
        return actions

    def _became(self, after: Gateway) -> list[Action]:
        if after == self.gateway:
            return []
        self.gateway = after
        return [PublishGateway(after)]


def _after(link: Gateway, event: SessionEvent) -> Gateway:
    """The link after `notice`."""
    change = msgspec.structs.replace
    match event:
        case session_events.SessionUp():
            return change(
                link,
                state="up" if event.upstream else "upstream_lost",
                server_version=event.server_version,
                accounts=event.accounts,
                upstream="connected" if event.upstream else "lost",
                reason=None,
            )
        case session_events.SessionLost(reason=reason) | session_events.ConnectFailed(reason=reason):
            return _down(change(link, state="disconnected", reason=reason))
        case session_events.WaitingClientId(client_id=client_id):
            reason = f"another connection holds client ID {client_id} (326)"
            return _down(change(link, state="waiting_client_id", reason=reason))
        case session_events.PortMoved(port=port):
            return change(link, reason=f"the gateway moves to port {port} (1300)")
        case session_events.UpstreamLost(code=code, text=text):
            link = change(link, upstream="lost", reason=f"{text} ({code})")
            return change(link, state="upstream_lost") if link.state == "up" else link
        case session_events.DataLost(how=how):
            return _restored(link, f"the gateway reaches IBKR again, its subscriptions are lost ({how})")
        case session_events.DataMaintained(how=how):
            return _restored(link, f"the gateway reaches IBKR again, its subscriptions go on ({how})")
        case session_events.FarmStatus(name=name, state=state):
            return change(link, farms={**link.farms, name: state.value})
        case _:
            return link


def _down(link: Gateway) -> Gateway:
    return msgspec.structs.replace(link, server_version=None, upstream="unknown", farms={})


def _restored(link: Gateway, reason: str) -> Gateway:
    state = "up" if link.state == "upstream_lost" else link.state
    return msgspec.structs.replace(link, state=state, upstream="connected", reason=reason)

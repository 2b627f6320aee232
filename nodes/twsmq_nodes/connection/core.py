"""The state of the link to the gateway, folded from what this node's own session notices.

    disconnected   no session; another attempt follows by itself
    connecting     the first attempt since this process started
    waiting_client_id   another connection holds our client ID (326)
    up             session up, and the gateway reaches IBKR as far as it has told
    upstream_lost  session up, but the gateway has lost IBKR (1100, 2110; see `tws/upstream.py`)

Every node has a session of its own and acts on its own notices; this one tells everybody else. `upstream`
and `farms` are known only while the session is up. Accounts are kept: the last known ones still tell whose
gateway this is. An event goes out only when something changed, and repeats nothing.

It also hears the market-data shards: `escalation` decides about feeds that stay silent.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from twsmq_protocol.system_events import Gateway

from twsmq_nodes.tws import notices
from twsmq_nodes.tws.events import CurrentTime
from twsmq_nodes.tws.notices import Notice

from .escalation import Escalation, Probe, Reason, Reconnect, ShardHeard


class PublishGateway(Struct, frozen=True):
    """Tell the link's state on `gateway/`."""

    event: Gateway


class Maintenance(Struct, frozen=True):
    """The gateway is about to be restarted or reconnected by us; None: no more."""

    text: str | None


class AlarmRaised(Struct, frozen=True):
    """What only a person can do about the gateway; None: nothing."""

    text: str | None


Input = Notice | ShardHeard | CurrentTime | Maintenance | AlarmRaised
Action = PublishGateway | Probe | Reconnect


class ConnectionCore:
    """`gateway` is the link as it now stands. `now` in seconds, monotonic."""

    def __init__(self, host: str, port: int) -> None:
        self.gateway = Gateway(state="connecting", host=host, port=port)
        self._escalation = Escalation()

    def handle(self, happened: Input, now: float) -> list[Action]:
        match happened:
            case ShardHeard():
                return self._shard_heard(happened, now)
            case CurrentTime():
                self._escalation.answered()
                return []
            case Maintenance(text):
                return self._became(msgspec.structs.replace(self.gateway, maintenance=text))
            case AlarmRaised(text):
                return self._became(msgspec.structs.replace(self.gateway, alarm=text))
            case _:
                return self._became(_after(self.gateway, happened))

    def _shard_heard(self, heard: ShardHeard, now: float) -> list[Action]:
        actions: list[Action] = []
        for step in self._escalation.heard(heard, now, link_up=self.gateway.state == "up"):
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


def _after(link: Gateway, notice: Notice) -> Gateway:
    """The link after `notice`."""
    change = msgspec.structs.replace
    match notice:
        case notices.SessionUp():
            return change(
                link,
                state="up" if notice.upstream else "upstream_lost",
                server_version=notice.server_version,
                accounts=notice.accounts,
                upstream="connected" if notice.upstream else "lost",
                reason=None,
            )
        case notices.SessionLost(reason=reason) | notices.ConnectFailed(reason=reason):
            return _down(change(link, state="disconnected", reason=reason))
        case notices.WaitingClientId(client_id=client_id):
            reason = f"another connection holds client ID {client_id} (326)"
            return _down(change(link, state="waiting_client_id", reason=reason))
        case notices.PortMoved(port=port):
            return change(link, reason=f"the gateway moves to port {port} (1300)")
        case notices.UpstreamLost(code=code, text=text):
            link = change(link, upstream="lost", reason=f"{text} ({code})")
            return change(link, state="upstream_lost") if link.state == "up" else link
        case notices.DataLost(how=how):
            return _restored(link, f"the gateway reaches IBKR again, its subscriptions are lost ({how})")
        case notices.DataMaintained(how=how):
            return _restored(link, f"the gateway reaches IBKR again, its subscriptions go on ({how})")
        case notices.FarmStatus(name=name, state=state):
            return change(link, farms={**link.farms, name: state.value})
        case _:
            return link


def _down(link: Gateway) -> Gateway:
    return msgspec.structs.replace(link, server_version=None, upstream="unknown", farms={})


def _restored(link: Gateway, reason: str) -> Gateway:
    state = "up" if link.state == "upstream_lost" else link.state
    return msgspec.structs.replace(link, state=state, upstream="connected", reason=reason)

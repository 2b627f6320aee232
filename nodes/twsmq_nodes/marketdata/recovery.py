"""What interrupts a line, and how it comes back.

Theory. A line breaks with the session, with the gateway's own connection (1100, 1101, 1102), with a data
farm, or silently (`silence`); or the gateway refuses it (`gateway_errors`). A gap is announced
at once, and its end when data flow again. What was lost is asked for again, most listened to first; what
the gateway says goes on is left alone, except histories kept up to date, which are gone in spite of a 1102
and would have a hole (`FeedSpec.refilled`; nautilus_trader #952, ib_insync #533).

Nothing waits for an event that may never come: each request has a time after which it is looked at again, and
each refusal that is not known to be final a growing pause after which it is asked again.

Which farm serves a line is not known: one that breaks interrupts all it could serve, and those of other farms
are "resumed" with their next data. While something is wrong, and for a minute after, the gateway's "no
definition" (200) is not believed: in a reset it says so of everything (ib_insync #330). Later it is final
only of what the gateway never knew; all else is looked up and asked for again with growing pauses.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_protocol.config import Marketdata

from twsmq_nodes.tws.codes import DATA_LOST, suggested
from twsmq_nodes.tws.contracts import Contract
from twsmq_nodes.tws.events import GatewayError, MarketDataType, RerouteMktData
from twsmq_nodes.tws.outages import SETTLE_S, Outages, broken_words, farm_of, kind_of
from twsmq_nodes.tws.session_events import (
    DataLost,
    DataMaintained,
    FarmState,
    FarmStatus,
    SessionEvent,
    SessionUp,
    UpstreamLost,
)

from . import events as ev
from .asking import DATA_TYPES
from .deadlines import Deadlines, GrantsDue, LineDue, OutageSettled
from .feeds import bar_seconds
from .gateway_errors import BELIEVED_IN_CALM, DOUBTFUL, WHATS, Meaning, Verdict
from .line import RETRY_S, Gap, Line, LineState, pause_s
from .lines import Lines
from .listings import PAID_ONCE, REROUTED_AGAIN, Refusal
from .silence import note_pace, patience, silent_lines
from .stream_status import StatusAnnouncer

DELAYED = DATA_TYPES["delayed"]
PACED_S, MOST_PACED_S = 2.0, 60.0
FARM_S = 5.0  # how long after a farm is back a line may take to tick before it is asked for again
UNDER_WAY_S = 1.0
"""Data already on its way when a gap opened does not prove that it has closed."""
NOTHING_THERE = Verdict(Meaning.FINAL, leaves_line=False)
UPDATES = "market"
"""The kind of farms from which the present comes."""
DEAD_S = 600.0
"""After so long without data a line whose contract is gone does not flow."""
CALM_S = 300.0
"""After so long without a farm that flapped, the next flap is the first again."""
NO_LIVE_S = 10.0
"""How long delayed data may take to come after the refusal of live ones."""


class Recovery:
    """`ask` asks for a line that waits, if the session is up; `rerouted` looks up where its data come from.
    `do` takes the actions, in order.
    """

    def __init__(
        self,
        lines: Lines,
        announcer: StatusAnnouncer,
        deadlines: Deadlines,
        config: Marketdata,
        *,
        ask: Callable[[Line, float], None],
        do: Callable[[ev.Action], None],
    ) -> None:
        self._lines = lines
        self._announcer = announcer
        self._deadlines = deadlines
        self._config = config
        self._ask = ask
        self._do = do
        self.outages = Outages()
        self.had_session = False
        self._grants_due = False

    # -- the session and the gateway's own connections

    def session_up(self, happened: SessionUp, now: float) -> None:
        self.note(happened, now)
        self._announcer.set_blocked(None if happened.upstream else "the gateway does not reach IBKR")
        self._lines.renew_grants()
        if not self.had_session:  # the gateway may have been started with us: it is asked again later
            self._deadlines.add(now + SETTLE_S, OutageSettled())
        self.had_session = True

    def note(self, happened: SessionEvent, now: float) -> None:
        """What is wrong with the gateway's own connections, or over."""
        before = self.outages.settled_at
        self.outages.note(happened, now)
        if self.outages.settled_at != before:
            self._deadlines.add(self.outages.settled_at, OutageSettled())

    def session_lost(self, since: float, reason: str, *, surely: bool = True) -> None:
        """Its requests are gone; unless `surely`, they may stand and are cancelled."""
        for line in self._lines:
            paid = _is_paid(line)
            if surely:
                self._lines.release(line)
            else:
                self._lines.withdraw(line)
            if paid:
                self._announcer.announce(line, line.refused(PAID_ONCE, since))
                continue
            line.unanswered = line.renewals = 0
            self._announcer.announce(line, line.lost(since, reason))

    def upstream_lost(self, happened: UpstreamLost, now: float) -> None:
        self.note(happened, now)
        reason = f"{happened.code} {happened.text}"
        self._announcer.set_blocked(reason)
        for line in self._lines:
            self._interrupt(line, now, reason)

    def data_lost(self, happened: DataLost, now: float) -> None:
        self.note(happened, now)
        self._announcer.set_blocked(None)
        words = "the gateway reaches IBKR again, its subscriptions are lost or may be"
        self.session_lost(now, f"{words} ({happened.how})", surely=happened.how == str(DATA_LOST))

    def data_maintained(self, happened: DataMaintained, now: float) -> None:
        """While a farm that could serve a line is missing, its data must show that it flows. A line that has
        not started may have been asked for in vain.
        """
        self.note(happened, now)
        self._announcer.set_blocked(None)
        for line in self._lines:
            missing = min((farm for farm in self.outages.broken if line.may_need(farm)), default=None)
            if line.spec.refilled and line.req_id is not None:
                words = "a gateway keeps no history up to date through an outage, which is over"
                self.renew(line, now, f"{words} ({happened.how})", now)
            elif missing is not None:
                self._announcer.announce(line, line.still_interrupted(broken_words(missing), missing))
            elif line.state is LineState.FLOWING:
                line.maintained_at = now
                self._announcer.announce(line, line.flowed(now))
            else:
                self._look_soon(line, now)

    def farm_changed(self, happened: FarmStatus, now: float) -> None:
        farm = farm_of(happened)
        was_broken = farm in self.outages.broken
        self.note(happened, now)
        if happened.state is FarmState.BROKEN:
            for line in self._lines:
                if line.may_need(farm):
                    self._interrupt(line, now, broken_words(farm), farm)
        elif was_broken and farm not in self.outages.broken:
            for line in self._lines:
                if line.gap is not None and line.gap.farm == farm:
                    self._deadlines.add(now + FARM_S, LineDue(line.feed))
                elif line.may_need(farm):
                    self._look_soon(line, now)

    def _look_soon(self, line: Line, now: float) -> None:
        """Something wrong is over: what was asked meanwhile may be lost, what was refused granted."""
        soon = now + FARM_S
        if line.state is LineState.ASKED:
            line.doubted_at = now
        elif line.retry_at is not None and line.retry_at > soon:
            line.retry_at = soon
        else:
            return
        self._deadlines.add(soon, LineDue(line.feed))

    def _interrupt(self, line: Line, since: float, reason: str, farm: str = "") -> None:
        """Announce that data may be missing; the core receives the next that come."""
        self._announcer.announce(line, statuses := line.interrupted(since, reason, farm))
        if statuses and line.req_id is not None:
            self._do(ev.Arm(line.req_id))

    # -- data, and their absence

    def data_flowed(self, happened: ev.DataFlowed, now: float) -> None:
        line = self._lines.asked.get(happened.req_id)
        if line is None:
            return
        if line.gap is not None and line.state is LineState.FLOWING:
            since = max(line.gap.since, line.past_at)
            if now < since + UNDER_WAY_S:
                self._do(ev.Arm(happened.req_id))
                return
            line.updated_at = now
            if line.spec.refilled and now >= since + bar_seconds(line.feed):
                self.renew(line, now, line.gap.reason, now)  # whole bars may be missing
                return
        farm = self._doubtful_updates(line)
        if farm is None:
            self._announcer.announce(line, line.flowed(now))
        else:
            self._announcer.announce(line, line.past_came(now, broken_words(farm), farm))
            self._do(ev.Arm(happened.req_id))

    def _doubtful_updates(self, line: Line) -> str | None:
        """The past of a line comes from a farm that is well, its updates from another: the one that is broken
        and may be that, unless they have come since.
        """
        if not line.spec.refilled or line.state is not LineState.ASKED:
            return None
        broken = sorted(self.outages.broken.items())
        doubtful = (farm for farm, since in broken if kind_of(farm) == UPDATES and line.updated_at < since)
        return next(doubtful, None)

    def type_changed(self, happened: MarketDataType) -> None:
        line = self._lines.asked.get(happened.req_id)
        if line is not None:
            self._announcer.announce(line, line.turned(happened.market_data_type))
            self._do(ev.UseDataType(happened.req_id, line.delayed))

    def lines_checked(self, checked: ev.LinesChecked, now: float) -> None:
        note_pace(self._lines, checked, now)
        for line, since in silent_lines(self._lines, checked, now, self._config.silent_s):
            waited = patience(line, self._config.silent_s)
            line.renewals += 1
            if line.state is LineState.ASKED and not self._excused(line):
                line.unanswered += 1
            reason = f"no data for {now - since:.0f} s, where {waited:.0f} s are normal"
            self.renew(line, since, reason, now)

    def _excused(self, line: Line) -> bool:
        """Its silence has a reason that is known."""
        return line.gap is not None and line.gap.farm in self.outages.broken

    def renew_if_dead(self, line: Line, now: float) -> None:
        """The gateway no longer knows its contract: it says so when it is asked for anew."""
        if line.last_data is not None and now - line.last_data > DEAD_S:
            self.renew(line, line.last_data, "the gateway no longer knows its contract", now)

    def renew(self, line: Line, since: float, reason: str, now: float, *, told_to: bool = False) -> None:
        """End the line's request and ask again under another id; what costs a fee only if `told_to` by the
        gateway."""
        paid = _is_paid(line) and not told_to
        self._lines.withdraw(line)
        if paid:
            self._announcer.announce(line, line.refused(PAID_ONCE, now))
            return
        self._announcer.announce(line, line.lost(since, reason))
        if line.gap is None:
            self._announcer.announce(line, line.waits(reason))
        elif line.gap.farm not in self.outages.broken:  # what it broke is asked for anew
            line.gap = Gap(line.gap.since, line.gap.reason)
        self._ask(line, now)

    # -- what becomes of requests

    def error(self, line: Line, happened: GatewayError, verdict: Verdict, now: float) -> None:
        """An error about a line that was asked for."""
        refusal = Refusal(happened.code, happened.text)
        match verdict.meaning:
            case Meaning.NOTICE:
                if line.state is LineState.ASKED:
                    self._announcer.announce(line, line.waits(f"{refusal.code} {refusal.text}"))
            case Meaning.DELAYED:
                self._announcer.announce(line, line.turned(DELAYED))
                self._do(ev.UseDataType(happened.req_id, delayed=True))
            case Meaning.RESET:
                self._do(ev.Reset(happened.req_id))
            case Meaning.NO_LIVE if line.feed.data in ("delayed", "any"):
                line.no_live = refusal
                self._deadlines.add(now + NO_LIVE_S, LineDue(line.feed))
            case Meaning.OTHERWISE if (what := self._suggested(line, happened.text)) is not None:
                line.what = what
                self.renew(line, now, f"{happened.code} the gateway wants {what} asked for", now)
            case Meaning.AGAIN if _is_paid(line):
                self._refuse(line, PAID_ONCE, verdict, now)
            case Meaning.AGAIN if line.renewed_at is None or now > line.renewed_at + RETRY_S:
                line.renewed_at = now
                self._give_up(line, verdict)
                self._announcer.announce(line, line.lost(now, f"{refusal.code} {refusal.text}"))
                self._ask(line, now)
            case Meaning.PACED:
                self._refuse(line, refusal, verdict, now, pause_s(PACED_S, line.pauses, MOST_PACED_S))
            case Meaning.FULL:
                self._refuse(line, refusal, verdict, now)
                self._lines.grant(line.feed.kind)
                line.crowded = True
                self._try_more_later(now)
            case Meaning.AGAIN | Meaning.LATER:
                self._refuse(line, refusal, verdict, now, pause_s(RETRY_S, line.pauses))
            case meaning if meaning in BELIEVED_IN_CALM:
                self._refuse(line, refusal, verdict, now, self._pause_unless_believed(line, meaning, now))
            case _:
                self._refuse(line, refusal, verdict, now)

    def _pause_unless_believed(self, line: Line, meaning: Meaning, now: float) -> float | None:
        """After which to ask again for what was refused, None where that is believed. What there was before
        may be there again: no outage is announced for some of what the gateway forgets.
        """
        if self.outages.doubt(now) is not None:
            return pause_s(FARM_S, line.pauses, SETTLE_S)
        was_known = meaning is Meaning.UNKNOWN_CONTRACT and line.listing.looked_up
        return pause_s(RETRY_S, line.pauses) if line.had_data or was_known else None

    def refuse(self, line: Line, refusal: Refusal, now: float) -> None:
        """This node itself says no; nothing is at the gateway."""
        self._lines.release(line)
        self._announcer.announce(line, line.refused(refusal, now))

    def unknown(self, line: Line, refusal: Refusal, now: float) -> None:
        """A look-up no longer knows the contract of a line that waits for it."""
        pause = self._pause_unless_believed(line, Meaning.UNKNOWN_CONTRACT, now)
        self._refuse(line, refusal, NOTHING_THERE, now, pause)

    def rerouted(self, line: Line, happened: RerouteMktData, now: float) -> bool:
        """The line's data come from another contract: ask for that one, once. Whether it is."""
        if line.source is not None:
            self._refuse(line, REROUTED_AGAIN, Verdict(Meaning.FINAL), now)
            return False
        line.source = Contract(con_id=happened.con_id, exchange=happened.exchange)
        self.renew(line, now, "the gateway takes the data from another contract", now, told_to=True)
        return True

    def _refuse(
        self, line: Line, refusal: Refusal, verdict: Verdict, now: float, pause: float | None = None
    ) -> None:
        self._give_up(line, verdict)
        retry_at = None if pause is None else now + pause
        self._announcer.announce(line, line.refused(refusal, now, retry_at))
        if retry_at is not None:
            line.pauses += 1
            self._deadlines.add(retry_at, LineDue(line.feed))

    def _give_up(self, line: Line, verdict: Verdict) -> None:
        objected = line.no_live is not None  # before, in words that leave it there
        if verdict.leaves_line or objected or line.state is LineState.FLOWING:
            self._lines.withdraw(line)
        else:
            self._lines.release(line)

    def _suggested(self, line: Line, text: str) -> str | None:
        return suggested(text, line.feed.what, WHATS) if line.what is None else None

    def _try_more_later(self, now: float) -> None:
        if not self._grants_due:
            self._grants_due = True
            self._deadlines.add(now + RETRY_S, GrantsDue())

    # -- what is due

    def ask_again_in_calm(self, now: float) -> None:
        """What was refused while things were not right deserves another answer."""
        for line in self._lines:
            if line.refusal is not None and line.refusal.code in DOUBTFUL:
                line.forgive()
                self._ask(line, now)

    def grants_due(self, now: float) -> None:
        self._grants_due = False
        if self._lines.raise_grants():
            self._try_more_later(now)

    def line_due(self, line: Line, now: float) -> None:
        if line.state is LineState.WAITING:
            self._ask(line, now)
        elif line.retry_at is not None and now >= line.retry_at:
            line.forgive()
            self._ask(line, now)
        elif line.no_live is not None and line.state is LineState.ASKED:
            pause = self._pause_unless_believed(line, Meaning.NO_LIVE, now)
            self._refuse(line, line.no_live, Verdict(Meaning.FINAL), now, pause)
        elif (
            line.state is LineState.ASKED and line.doubted_at is not None and now >= line.doubted_at + FARM_S
        ):
            self.renew(line, now, "nothing came of asking during an outage; asked for again", now)
        elif line.gap is not None and line.gap.farm and line.gap.farm not in self.outages.broken:
            self._renew_after_flap(line, line.gap, now)

    def _renew_after_flap(self, line: Line, gap: Gap, now: float) -> None:
        """Farms may break and be OK again every few seconds, for minutes (nautilus_trader #4412)."""
        if now > line.flapped_at + CALM_S:
            line.flaps = 0
        earliest = line.flapped_at + pause_s(FARM_S, line.flaps, SETTLE_S)
        if now < earliest:
            self._deadlines.add(earliest, LineDue(line.feed))
            return
        line.flaps += 1
        line.flapped_at = now
        self.renew(line, gap.since, gap.reason, now)


def _is_paid(line: Line) -> bool:
    """It may cost a fee once more to ask for it again."""
    return line.feed.regulatory and line.req_id is not None and line.written_at is not None

"""The kill switch: halts that outlive the node, and callers who wait for what remains.

Invariants: a halt holds from the moment it is asked for, and is answered once it is on disk and the cancels
it asked for have come to an end, or `PATIENCE_S` have passed: then the answer says what remains. A disk that
stalls holds no answer up for longer than `DURABLE_S`: the answer says that the halt is not durable yet.
Durable is said of a wish only once it itself, and not an earlier one, is on disk. Names that nobody trades
under are bounded, and so is what waits for the disk.
"""

from __future__ import annotations

from collections import deque

from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.order_control_requests import Halt, Resume
from twsmq_protocol.order_requests import CancelOrders

from . import queries
from .actions import Action, Caller, Now, Reply, SaveSetting
from .book import Book
from .intake import EVERYBODY, Intake

PATIENCE_S = 5.0
DURABLE_S = 0.5
MOST_HALTED = 1000
"""Strategies; beyond that only those that have orders here, and everybody."""
MOST_UNSAVED = 16
"""Wishes of one name that wait for the disk."""
_PREFIX = "halt/"


class _Save(Struct, eq=False):
    """One wish on its way to the disk. `halts`: not a resume."""

    halts: bool
    saved: bool = False


class _Waiting(Struct, eq=False):
    caller: Caller
    strategy: str | None
    save: _Save
    patience: float  # how long it waits for cancels
    patient_until: float
    durable_until: float  # and for the disk until then


class Halts:
    """`settings`: what the journal has, by name."""

    def __init__(self, book: Book, intake: Intake, settings: dict[str, str], actions: list[Action]) -> None:
        self._book = book
        self._intake = intake
        self._actions = actions
        self._waiting: list[_Waiting] = []
        self._unsaved: dict[str, deque[_Save]] = {}  # by name, the oldest first
        for name, reason in settings.items():
            if name.startswith(_PREFIX):
                intake.halted[name.removeprefix(_PREFIX)] = reason

    def halt(self, args: Halt, caller: Caller, now: Now) -> None:
        strategy = args.strategy or EVERYBODY
        self._require_room(strategy)
        self._intake.halt(strategy, args.reason)
        if args.cancel:
            self._intake.killed.add(strategy)
            everything = args.strategy is None
            self._intake.cancel_all(CancelOrders(strategy=args.strategy, all=everything), now)
        save = self._save(strategy, args.reason, caller.who)
        patience = PATIENCE_S if args.cancel else 0.0
        self._wait(caller, args.strategy, save, patience, now)

    def stop(self, why: str) -> None:
        """Halt everybody unasked, until somebody resumes."""
        before = self._intake.halted.get(EVERYBODY)
        reason = why if before is None else f"{before}; {why}"
        self._intake.halt(EVERYBODY, reason)
        self._save(EVERYBODY, reason, "")

    def _require_room(self, strategy: str) -> None:
        halted = self._intake.halted
        known = strategy == EVERYBODY or strategy in halted or strategy in self._book.strategy_nos
        if not known and len(halted) >= MOST_HALTED:
            why = (
                f"{len(halted)} strategies are halted, and {strategy} has no order here; resume some of them"
            )
            raise RequestError(ErrorCode.CONFLICT, why, field="strategy")

    def _wait(self, caller: Caller, strategy: str | None, save: _Save, patience: float, now: Now) -> None:
        durable = now.mono + DURABLE_S
        self._waiting.append(_Waiting(caller, strategy, save, patience, now.mono + patience, durable))

    def resume(self, args: Resume, caller: Caller, now: Now) -> None:
        strategy = args.strategy or EVERYBODY
        if len(self._unsaved.get(_PREFIX + strategy, ())) >= MOST_UNSAVED:
            why = "the disk stalls, and many wishes about this halt wait for it; it holds; try again later"
            raise RequestError(ErrorCode.THROTTLED, why, field="strategy")
        self._intake.halted.pop(strategy, None)
        self._intake.killed.discard(strategy)
        save = self._save(strategy, None, caller.who)
        self._wait(caller, args.strategy, save, 0.0, now)

    def setting_saved(self, name: str) -> None:
        """The oldest wish under this name is on disk: reported once for each."""
        unsaved = self._unsaved.get(name)
        if unsaved:
            unsaved.popleft().saved = True
            if not unsaved:
                del self._unsaved[name]

    @property
    def wanted(self) -> bool:
        return bool(self._waiting)

    @property
    def due(self) -> list[float]:
        """When to call `answer`, monotonic."""
        return [w.patient_until if w.save.saved else w.durable_until for w in self._waiting]

    def answer(self, mono: float) -> None:
        """Answer whoever need not wait any longer."""
        for waiting in list(self._waiting):
            outcome = queries.halted(self._book, self._intake.halted, waiting.strategy)
            if not waiting.save.saved:
                if mono < waiting.durable_until:
                    continue
                outcome = replace(outcome, durable=False)  # waiting would not show what remains
            elif waiting.patience and outcome.remaining and mono < waiting.patient_until:
                continue
            self._waiting.remove(waiting)
            self._actions.append(Reply(waiting.caller, outcome))

    def _save(self, strategy: str, reason: str | None, who: str) -> _Save:
        unsaved = self._unsaved.setdefault(_PREFIX + strategy, deque())
        if len(unsaved) >= MOST_UNSAVED and unsaved[-1].halts and reason is not None:
            return unsaved[-1]  # that it is halted is on its way to the disk already
        unsaved.append(_Save(halts=reason is not None))
        self._actions.append(SaveSetting(_PREFIX + strategy, reason, who))
        return unsaved[-1]

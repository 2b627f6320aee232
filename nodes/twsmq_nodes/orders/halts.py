"""The kill switch: halts that outlive the node, and callers who wait for what remains.

Invariants: a halt holds from the moment it is asked for, and is answered once it is on disk and the cancels
it asked for have come to an end, or `PATIENCE_S` have passed: then the answer says what remains. A disk that
stalls holds no answer up for longer than `DURABLE_S`: the answer says that the halt is not durable yet.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace
from twsmq_protocol.order_control_requests import Halt, Resume
from twsmq_protocol.order_requests import CancelOrders

from . import queries
from .actions import Action, Caller, Now, Reply, SaveSetting
from .book import Book
from .intake import EVERYBODY, Intake

PATIENCE_S = 5.0
DURABLE_S = 0.5
_PREFIX = "halt/"


class _Waiting(Struct, eq=False):
    caller: Caller
    strategy: str | None
    name: str
    patience: float  # how long it waits for cancels
    patient_until: float
    durable_until: float  # and for the disk until then
    saved: bool = False


class Halts:
    """`settings`: what the journal has, by name."""

    def __init__(self, book: Book, intake: Intake, settings: dict[str, str], actions: list[Action]) -> None:
        self._book = book
        self._intake = intake
        self._actions = actions
        self._waiting: list[_Waiting] = []
        for name, reason in settings.items():
            if name.startswith(_PREFIX):
                intake.halted[name.removeprefix(_PREFIX)] = reason

    def halt(self, args: Halt, caller: Caller, now: Now) -> None:
        strategy = args.strategy or EVERYBODY
        self._intake.halt(strategy, args.reason)
        if args.cancel:
            self._intake.killed.add(strategy)
            everything = args.strategy is None
            self._intake.cancel_all(CancelOrders(strategy=args.strategy, all=everything), now)
        self._save(strategy, args.reason, caller.who)
        patience = PATIENCE_S if args.cancel else 0.0
        self._wait(caller, args.strategy, patience, now)

    def _wait(self, caller: Caller, strategy: str | None, patience: float, now: Now) -> None:
        name = _PREFIX + (strategy or EVERYBODY)
        durable = now.mono + DURABLE_S
        self._waiting.append(_Waiting(caller, strategy, name, patience, now.mono + patience, durable))

    def resume(self, args: Resume, caller: Caller, now: Now) -> None:
        strategy = args.strategy or EVERYBODY
        self._intake.halted.pop(strategy, None)
        self._intake.killed.discard(strategy)
        self._save(strategy, None, caller.who)
        self._wait(caller, args.strategy, 0.0, now)

    def setting_saved(self, name: str) -> None:
        """The oldest wish under this name is on disk: reported once for each."""
        for waiting in self._waiting:
            if waiting.name == name and not waiting.saved:
                waiting.saved = True
                break

    @property
    def wanted(self) -> bool:
        return bool(self._waiting)

    @property
    def due(self) -> list[float]:
        """When to call `answer`, monotonic."""
        return [w.patient_until if w.saved else w.durable_until for w in self._waiting]

    def answer(self, mono: float) -> None:
        """Answer whoever need not wait any longer."""
        for waiting in list(self._waiting):
            outcome = queries.halted(self._book, self._intake.halted, waiting.strategy)
            if not waiting.saved:
                if mono < waiting.durable_until:
                    continue
                outcome = replace(outcome, durable=False)  # waiting would not show what remains
            elif waiting.patience and outcome.remaining and mono < waiting.patient_until:
                continue
            self._waiting.remove(waiting)
            self._actions.append(Reply(waiting.caller, outcome))

    def _save(self, strategy: str, reason: str | None, who: str) -> None:
        self._actions.append(SaveSetting(_PREFIX + strategy, reason, who))

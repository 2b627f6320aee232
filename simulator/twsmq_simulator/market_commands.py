"""Operations of the control socket on the market: prices, halts, the clock, floods and replays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from twsmq_protocol.instruments import Instrument as Spelling

from twsmq_simulator.command import Command, CommandRefused, named
from twsmq_simulator.feeds import TopOfBook
from twsmq_simulator.flood import Flood, encode_ticks
from twsmq_simulator.market import replay
from twsmq_simulator.market.recorded import is_recording, read_recording
from twsmq_simulator.wire import tick_messages

if TYPE_CHECKING:
    from twsmq_simulator.gateway import Gateway


class PriceJump(Command, frozen=True):
    """Moves the fair price of an instrument by a percentage at once."""

    symbol: str
    percent: float
    sec_type: str = "STK"

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if not -99 < self.percent < 10_000:
            raise CommandRefused("invalid_argument", "percent must be between -99 and 10000", "percent")
        for instrument in named(gateway, self.symbol, self.sec_type):
            gateway.exchange.required(instrument.con_id).jump(1 + self.percent / 100)
        return {}


class SetPrice(Command, frozen=True):
    """Puts the market of an instrument at a price."""

    symbol: str
    price: float
    sec_type: str = "STK"

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        for instrument in named(gateway, self.symbol, self.sec_type):
            gateway.exchange.required(instrument.con_id).set_price(self.price)
        return {}


class Halt(Command, frozen=True):
    """Halts trading in an instrument (tick 49 is 1): nothing trades until it is switched off."""

    symbol: str
    sec_type: str = "STK"
    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        for instrument in named(gateway, self.symbol, self.sec_type):
            gateway.exchange.required(instrument.con_id).halted = self.on
            for follower in gateway.floor.followers.get(instrument.con_id, ()):
                value = 1.0 if self.on else 0.0
                tick = tick_messages.tick_generic(follower.request_id, tick_messages.HALTED, value)
                follower.session.write(tick)
        return {}


class Unsubscribed(Command, frozen=True):
    """The account has no live market data for an instrument while it is on; for requests from now on."""

    symbol: str
    sec_type: str = "STK"
    on: bool = True

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        for instrument in named(gateway, self.symbol, self.sec_type):
            gateway.permissions.set(instrument.con_id, subscribed=not self.on)
        return {}


class Step(Command, frozen=True):
    """Moves the clock ahead by some seconds; everything that falls due happens. For a stepped clock."""

    seconds: float

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if not 0 < self.seconds <= 86_400 * 7:
            raise CommandRefused("invalid_argument", "seconds must be positive and at most a week", "seconds")
        gateway.step_clock(int(self.seconds * 1e9))
        return {"now": gateway.clock.now()}


class StartFlood(Command, frozen=True):
    """Sends pre-encoded ticks to every market data subscription of an instrument: at least `messages` to
    each, `per_second` at most (0: as many as the client takes).
    """

    symbol: str
    messages: int
    per_second: int = 0
    sec_type: str = "STK"

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        subscribers = 0
        for instrument in named(gateway, self.symbol, self.sec_type):
            book = gateway.exchange.required(instrument.con_id)
            for follower in gateway.floor.followers.get(instrument.con_id, ()):
                if isinstance(follower, TopOfBook):
                    data, count = encode_ticks(follower, book, gateway.clock.now())
                    Flood(follower.session, data, count, self.messages, self.per_second)
                    subscribers += 1
        return {"subscribers": subscribers}


class StartReplay(Command, frozen=True):
    """Replays a tick file (see market/replay.py) into an instrument, or a recording of `twsmq record` into
    all it holds, or only into `symbol`; `speed` times as fast as recorded.
    """

    path: str
    symbol: str = ""
    speed: float = 1.0
    sec_type: str = "STK"

    def apply(self, gateway: Gateway) -> dict[str, Any]:
        if self.speed <= 0:
            raise CommandRefused("invalid_argument", "speed must be positive", "speed")
        path = Path(self.path)
        try:
            ticks = self._recorded(gateway, path) if is_recording(path) else self._captured(gateway, path)
        except replay.BadTickFile as error:
            raise CommandRefused("invalid_argument", str(error), "path") from error
        start = gateway.clock.now()
        for con_id, each in ticks.items():
            book = gateway.exchange.required(con_id)
            gateway.floor.replays[con_id] = replay.Replay(book, each, start, self.speed)
        return {"ticks": sum(len(each) for each in ticks.values())}

    def _captured(self, gateway: Gateway, path: Path) -> dict[int, list[replay.Tick]]:
        if not self.symbol:
            raise CommandRefused("invalid_argument", "a tick file names no instrument: give symbol", "symbol")
        ticks = replay.read(path)
        return {instrument.con_id: ticks for instrument in named(gateway, self.symbol, self.sec_type)}

    def _recorded(self, gateway: Gateway, path: Path) -> dict[int, list[replay.Tick]]:
        """By the recorded conId, else by symbol and type where only one instrument is called so."""
        wanted = named(gateway, self.symbol, self.sec_type) if self.symbol else None

        def find(con_id: int | None, spelling: Spelling) -> int | None:
            alike = gateway.catalogue.underlying(spelling.symbol, spelling.sec_type)
            found = gateway.catalogue.get(con_id or spelling.con_id or 0)
            if found is None and len(alike) == 1:
                (found,) = alike
            return found.con_id if found is not None and (wanted is None or found in wanted) else None

        return read_recording(path, find)

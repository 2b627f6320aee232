"""What can be set from outside. Everything has a default that makes a usable market."""

from pathlib import Path

import msgspec

from twsmq_simulator.errors import BadSettings
from twsmq_simulator.market.permissions import STAND_INS
from twsmq_simulator.wire.zones import ZONE_STYLES


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """`port` 0 takes a free one. `tick_rate` is book events per second and followed instrument.

    `clock_speed` 0 is a clock that only the control socket moves; `start` is ns UTC, None for now. `hours` is
    "always" (every market trades around the clock) or "exchange" (the usual hours of each). `limits` is
    "paper" (rates and numbers of subscriptions as a paper Gateway has them) or "none".
    `control_keys` is a cluster's key folder, whose operators alone command then.
    `unsubscribed` names exchanges and security types without live market data; `delayed_data` says what
    stands in for it: "available" (who asks for it gets it), "disabled" or "none". `reports` is "captured"
    (orders are reported in one of the ways real gateways were seen to, by seed) or "plain" (always one way).
    `zones` spells time zones ("captured", "iana", "windows", "utc"); `chains` "full" lists SPX options as a
    real chain has them, some twenty thousand.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    control_port: int | None = None
    control_keys: Path | None = None
    seed: int = 1
    tick_rate: float = 4.0
    accounts: tuple[str, ...] = ("DU1234567",)
    latency_ms: float = 2.0
    clock_speed: float = 1.0
    start: int | None = None
    hours: str = "always"
    max_version: int = 200
    limits: str = "paper"
    master_client_id: int | None = None
    unsubscribed: tuple[str, ...] = ()
    delayed_data: str = "available"
    reports: str = "captured"
    zones: str = "captured"
    chains: str = "small"

    def checked(self) -> "Settings":
        """Itself, or BadSettings naming the setting and the cure."""
        if not 0 < self.tick_rate <= 1_000_000:
            raise BadSettings(f"tick-rate {self.tick_rate} is out of range: choose 0.1 to 1000000 per second")
        if self.hours not in ("always", "exchange"):
            raise BadSettings(f"hours '{self.hours}' is unknown: choose always or exchange")
        if self.limits not in ("paper", "none"):
            raise BadSettings(f"limits '{self.limits}' is unknown: choose paper or none")
        if self.reports not in ("captured", "plain"):
            raise BadSettings(f"reports '{self.reports}' is unknown: choose captured or plain")
        if self.zones not in ZONE_STYLES:
            raise BadSettings(f"zones '{self.zones}' is unknown: choose {', '.join(ZONE_STYLES)}")
        if self.chains not in ("small", "full"):
            raise BadSettings(f"chains '{self.chains}' is unknown: choose small or full")
        if self.delayed_data not in STAND_INS:
            raise BadSettings(
                f"delayed-data '{self.delayed_data}' is unknown: choose available, disabled or none"
            )
        if not self.accounts or not all(a.startswith(("DU", "DF")) for a in self.accounts):
            raise BadSettings("the simulated accounts are paper accounts: name them DU… (or DF…)")
        if self.clock_speed < 0:
            raise BadSettings("clock-speed cannot be negative: 1 is real time, 0 is a stepped clock")
        if not 157 <= self.max_version <= 200:
            raise BadSettings("max-version must be 157 to 200")
        return self

"""The findings as a table for people: what was asked for, what was found, and how."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version

from . import sides
from .experiments import Crowd, Rest, Settings, Table
from .sides import Kind


@dataclass
class Findings:
    """Of one run. `latency` by subscribers, then rate; `throughput` by instruments."""

    settings: Settings
    load_before: float
    throughput: dict[int, Table] = field(default_factory=dict)
    latency: dict[int, dict[int, Table]] = field(default_factory=dict)
    burst: Table = field(default_factory=dict)
    fan_out: Table = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)
    crowd: Crowd | None = None
    rest: Rest | None = None


@dataclass(frozen=True)
class Claim:
    """`found` must be at least (or at most) `wanted`."""

    text: str
    found: float
    wanted: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        return self.found >= self.wanted if self.at_least else self.found <= self.wanted


P50: Callable[[sides.Result], float | None] = lambda run: run.p50  # noqa: E731
P99: Callable[[sides.Result], float | None] = lambda run: run.p99  # noqa: E731


def claims(found: Findings) -> Iterator[Claim]:
    for instruments, table in found.throughput.items():
        for kind, factor in ((sides.IBAPI, 12), (sides.IB_ASYNC, 3), (sides.COUNT, 4)):
            text = f"lossless ticks/s, {instruments} instruments: × {kind.name}"
            yield Claim(text, table[sides.TWSMQ.name].rate / table[kind.name].rate, factor)
        yield Claim(f"ticks lost, {instruments} instruments", table[sides.TWSMQ.name].lost, 0, at_least=False)
    yield from _latency_claims(found)
    if found.burst:
        share = _seconds(found.burst, sides.TWSMQ) / _seconds(found.burst, sides.IBAPI)
        yield Claim("burst, until the last is delivered: share of ibapi's time", share, 0.2, at_least=False)
    for kind, factor in ((sides.VNPY, 5), (sides.NATS, 3)):
        for ours in (sides.TWSMQ, sides.OUTBOX):
            if kind.name in found.fan_out:
                ratio = found.fan_out[ours.name].rate / found.fan_out[kind.name].rate
                yield Claim(
                    f"{found.settings.fan_out} subscribers, {ours.name}: × {kind.name}", ratio, factor
                )
    if found.crowd is not None:
        rss = found.crowd.rss_mb
        yield Claim(f"{found.settings.crowd} subscribers: ticks lost", found.crowd.lost, 0, at_least=False)
        yield Claim(
            "the same: memory after ÷ memory after the first slice", rss[-1] / rss[1], 1.02, at_least=False
        )
    if found.rest is not None:
        yield Claim("at rest: % CPU", found.rest.cpu_percent, 1, at_least=False)
        yield Claim("at rest: MB RSS", found.rest.rss_mb, 80, at_least=False)


def _latency_claims(found: Findings) -> Iterator[Claim]:
    for subscribers, by_rate in found.latency.items():
        for rate, table in by_rate.items():
            ours, peers = table[sides.TWSMQ.name], (table[sides.IBAPI.name], table[sides.IB_ASYNC.name])
            for name, figure in (("p50", P50), ("p99", P99)):
                best = min(peer.median(figure) for peer in peers)
                text = f"{name} at {rate:,}/s, {subscribers} subscribers: share of the better peer's"
                yield Claim(text, ours.median(figure) / best, 1, at_least=False)
            if sides.HOP.name in table:
                bare = table[sides.TCP.name].median(P50) + table[sides.HOP.name].median(P50)
                yield Claim(
                    f"p50 at {rate:,}/s ÷ (bare TCP + bare ZeroMQ hop)", ours.median(P50) / bare, 1.25, False
                )


def _seconds(table: Table, kind: Kind) -> float:
    return table[kind.name].median(lambda run: run.seconds)


def markdown(found: Findings) -> str:
    return "\n".join([*_head(found), *_claims(found), *_rates(found), *_ages(found), *_rest(found)]) + "\n"


def _head(found: Findings) -> Iterator[str]:
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("nautilus-ibapi", "ib_async", "pyzmq", "uvloop")
    )
    yield "# Market data beside its peers"
    yield ""
    yield (
        f"Medians of {found.settings.repeats} runs, the sides taking turns before one feed. {os.cpu_count()} "
        f"cores, shared with whatever else ran (load {found.load_before:.1f} before), {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}; {versions}. A tick is one message of the "
        "gateway. Absolute figures are this machine's and this hour's: look at the ratios."
    )
    for name, what in found.lacking.items():
        yield f"\n{name} was not measured for want of {what}."


def _claims(found: Findings) -> Iterator[str]:
    yield "\n| what | found | wanted | |\n|---|---:|---:|---|"
    for claim in claims(found):
        wanted, met = f"{'≥' if claim.at_least else '≤'} {claim.wanted:g}", "✓" if claim.met else "✗"
        yield f"| {claim.text} | {claim.found:,.2f} | {wanted} | {met} |"


def _rates(found: Findings) -> Iterator[str]:
    if found.throughput:
        yield "\n## As fast as they come, one subscriber\n"
        yield "| side | instruments | ticks/s | lost | its CPU, µs a tick |\n|---|---:|---:|---:|---:|"
        for instruments, table in found.throughput.items():
            for name, series in table.items():
                cpu = f"{series.median(lambda run: run.cpu_us):.1f}" if name != sides.COUNT.name else ""
                yield f"| {name} | {instruments} | {series.rate:,.0f} | {series.lost} | {cpu} |"
    if found.burst:
        yield f"\n## A burst of {found.settings.burst:,} ticks at once\n"
        yield "| side | ms until the last is delivered |\n|---|---:|"
        for name, series in found.burst.items():
            yield f"| {name} | {1000 * series.median(lambda run: run.seconds):,.1f} |"
    if found.fan_out:
        yield f"\n## As fast as they come, {found.settings.fan_out} subscribers\n"
        yield "| side | ticks/s to each | lost |\n|---|---:|---:|"
        for name, series in found.fan_out.items():
            yield f"| {name} | {series.rate:,.0f} | {series.lost} |"
    if found.crowd is not None:
        yield f"\n## {found.settings.crowd} subscribers\n"
        yield "| side | ticks/s to each | lost |\n|---|---:|---:|"
        for name, series in found.crowd.peers.items():
            yield f"| {name} | {series.rate:,.0f} | {series.lost} |"
        first, last, most = found.crowd.rss_mb[1], found.crowd.rss_mb[-1], max(found.crowd.rss_mb)
        yield f"| twsmq, for {found.crowd.seconds:.0f} s | {found.crowd.rate:,} | {found.crowd.lost} |"
        yield f"\nIts memory: {first:.1f} MB after a slice, {last:.1f} at the end, {most:.1f} at most."


def _ages(found: Findings) -> Iterator[str]:
    if found.latency:
        yield "\n## From the feed's write to the subscriber's hand, µs\n"
        yield "| side | subscribers | ticks/s | p50 | p99 | lost |\n|---|---:|---:|---:|---:|---:|"
        for subscribers, by_rate in found.latency.items():
            for rate, table in by_rate.items():
                for name, series in table.items():
                    ages = f"{series.median(P50):,.0f} | {series.median(P99):,.0f}"
                    yield f"| {name} | {subscribers} | {rate:,} | {ages} | {series.lost} |"


def _rest(found: Findings) -> Iterator[str]:
    if found.rest is not None:
        yield (
            f"\n## At rest\n\nWith {found.rest.lines} silent lines and a subscriber the node takes "
            f"{found.rest.cpu_percent:.2f} % of a core and {found.rest.rss_mb:.0f} MB."
        )

"""The findings as tables: what was promised, what was found, and how."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version

from . import sides
from .claims import claims, p50, p99, seconds
from .experiments import Findings


def markdown(found: Findings) -> str:
    return "\n".join([*_head(found), *_claims(found), *_rates(found), *_ages(found), *_rest(found)]) + "\n"


def _head(found: Findings) -> Iterator[str]:
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("nautilus-ibapi", "ib_async", "pyzmq", "uvloop")
    )
    yield "# Market data beside its peers"
    yield ""
    yield (
        f"Medians of {found.settings.repeats} runs (of latency: {found.settings.latency_repeats}), the sides "
        f"taking turns before one feed. {os.cpu_count()} cores, shared with whatever else ran (load "
        f"{found.load_before:.1f} before), {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}; {versions}. A tick is one message of the gateway. Absolute figures "
        "are this machine's and this hour's: look at the ratios, each the "
        "median of what it was turn by turn."
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
            yield f"| {name} | {1000 * series.median(seconds):,.1f} |"
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
        kept = f"{found.crowd.kept:,.0f}, sent {found.crowd.rate:,}"
        yield f"| twsmq, for {found.crowd.seconds:.0f} s | {kept} | {found.crowd.lost} |"
        yield (
            f"\nThe node with `{sides.CROWDED.settings}`. Its memory: {first:.1f} MB after a slice, "
            f"{last:.1f} at the end, {most:.1f} at most."
        )


def _ages(found: Findings) -> Iterator[str]:
    if found.latency:
        yield "\n## From the feed's write to the subscriber's hand, µs\n"
        yield "| side | subscribers | ticks/s | p50 | p99 | lost |\n|---|---:|---:|---:|---:|---:|"
        for subscribers, by_rate in found.latency.items():
            for rate, table in by_rate.items():
                for name, series in table.items():
                    ages = f"{series.median(p50):,.0f} | {series.median(p99):,.0f}"
                    yield f"| {name} | {subscribers} | {rate:,} | {ages} | {series.lost} |"


def _rest(found: Findings) -> Iterator[str]:
    if found.rest is not None:
        yield (
            f"\n## At rest\n\nWith {found.rest.lines} silent lines and a subscriber the node takes "
            f"{found.rest.cpu_percent:.2f} % of a core and {found.rest.rss_mb:.0f} MB."
        )

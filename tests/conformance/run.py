"""`make conformance`: every client plays every scenario; the table of verdicts goes into simulator/README.md.

`python -m conformance.run [-c CLIENT]… [SCENARIO]…` in the folder `tests` plays some of them and leaves the
table alone. CLIENT is a part of a package's name. Exit code 1 if anything failed.
"""

from __future__ import annotations

import argparse
import sys
import time

from .catalogue import SCENARIOS
from .clients import CLIENTS, CannotInstall
from .judge import Verdict, play
from .table import Results, write


def main() -> int:
    parser = argparse.ArgumentParser(prog="conformance")
    parser.add_argument("-c", "--client", action="append", default=[], help="part of a package's name")
    parser.add_argument("scenario", nargs="*", help=", ".join(SCENARIOS))
    options = parser.parse_args()
    clients = [c for c in CLIENTS.values() if any(part in c.package for part in options.client or [""])]
    scenarios = options.scenario or list(SCENARIOS)
    if unknown := set(scenarios) - set(SCENARIOS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}. Known: {', '.join(SCENARIOS)}")
    if not clients:
        parser.error(f"no such client. Known: {', '.join(CLIENTS)}")
    results: Results = {}
    try:
        for client in clients:
            client.install()
    except CannotInstall as missing:
        print(missing, file=sys.stderr)
        return 2
    for client in clients:
        began = time.monotonic()
        results[client.package] = {name: play(client, name) for name in scenarios}
        report(client.package, results[client.package], time.monotonic() - began)
    if len(clients) == len(CLIENTS) and len(scenarios) == len(SCENARIOS):
        write(results)
    return int(any(v.outcome == "fail" for verdicts in results.values() for v in verdicts.values()))


def report(package: str, verdicts: dict[str, Verdict], seconds: float) -> None:
    passed = sum(v.outcome == "pass" for v in verdicts.values())
    print(f"{package}: {passed} of {len(verdicts)} passed in {seconds:.0f} s", flush=True)
    for name, verdict in verdicts.items():
        if verdict.outcome != "pass":
            print(f"  {name}: {verdict.outcome}: {verdict.detail}", flush=True)
        for note in verdict.notes:
            print(f"  {name}: {note}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""`make conformance`: every client, unmodified and in an environment of its own, plays every scenario against
the simulated gateway, each against a fresh one. The table it makes goes into simulator/README.md.

Exit code 1 if anything failed. `run.py CLIENT…` plays some of them only and leaves the table alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from simulated_gateway import CLIENTS, running_gateway  # noqa: E402 - the path is set above

README = ROOT / "simulator" / "README.md"
IBAPI = "ibapi_scenarios.py"
ASYNC = "ib_async_scenarios.py"
PROGRAMS = {
    "ibapi==9.81.1.post1": IBAPI,
    "nautilus-ibapi==10.19.4": IBAPI,
    "nautilus-ibapi==10.30.1": IBAPI,
    "nautilus-ibapi==10.37.2": IBAPI,
    "nautilus-ibapi==10.46.1": IBAPI,
    "ibapi-stable==10.50.2": IBAPI,
    "ib_async==2.1.0": ASYNC,
    "ib_insync==0.9.86": ASYNC,
    "@stoqey/ib@1.6.10": "stoqey_scenarios.js",
}
WITHOUT_DEPENDENCIES = ("ibapi", "nautilus")  # what they need, protobuf, is installed with ours
TABLE = re.compile(r"(<!-- conformance -->\n).*(<!-- /conformance -->)", re.DOTALL)


def install(client: str) -> Path:
    """The client's own folder, filled on first use."""
    folder = CLIENTS / client.replace("/", "-")
    if folder.is_dir():
        return folder
    print(f"installing {client} ...", flush=True)
    if client.startswith("@"):
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), client]
    else:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps"] if client.startswith(WITHOUT_DEPENDENCIES) else []
        command += ["--target", str(folder), client]
    folder.mkdir(parents=True)
    try:
        subprocess.run(command, check=True)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder


def play(client: str) -> dict[str, dict[str, object]]:
    """{scenario: {"ok", "detail"}} of one client."""
    folder = install(client)
    program = PROGRAMS[client]
    environment = {"PATH": os.environ["PATH"]}
    if program.endswith(".js"):
        command = ["node", str(HERE / program)]
        environment["NODE_PATH"] = str(folder / "node_modules")
    else:
        command = [sys.executable, str(HERE / program)]
        environment["PYTHONPATH"] = str(folder)
    with (
        tempfile.TemporaryDirectory() as data_dir,
        running_gateway(Path(data_dir), "--tick-rate", "20") as gateway,
    ):
        command += ["127.0.0.1", str(gateway.port)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    rows = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    assert rows, f"{client} played nothing:\n{run.stderr[-2000:]}"
    return {row["scenario"]: row for row in rows}


def table(results: dict[str, dict[str, dict[str, object]]]) -> str:
    scenarios = list(max(results.values(), key=len))
    lines = ["| scenario | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    for scenario in scenarios:
        cells = [
            ("✓" if played[scenario]["ok"] else "✗") if scenario in played else "–"
            for played in results.values()
        ]
        lines.append(f"| {scenario} | " + " | ".join(cells) + " |")
    versions = [str(played["connect"]["detail"]).removeprefix("version ") for played in results.values()]
    lines.append("| *negotiated version* | " + " | ".join(versions) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    wanted = sys.argv[1:] or list(PROGRAMS)
    results = {}
    for client in wanted:
        results[client] = play(client)
        failed = {name: row["detail"] for name, row in results[client].items() if not row["ok"]}
        print(f"{client}: {len(results[client]) - len(failed)} of {len(results[client])}", flush=True)
        for name, detail in failed.items():
            print(f"  {name}: {str(detail)[:1500]}", flush=True)
    if wanted == list(PROGRAMS):
        README.write_text(TABLE.sub(lambda found: found[1] + table(results) + found[2], README.read_text()))
    return int(any(not row["ok"] for played in results.values() for row in played.values()))


if __name__ == "__main__":
    sys.exit(main())

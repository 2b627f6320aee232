"""The client libraries of the conformance suite: how each is got, unmodified, and how its driver is started.

Each has a folder of its own below `.venv/conformance`, filled on first use. Python clients run on the bare
standard library and that folder (`-S`), so that nothing installed for this project lends a hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / ".venv" / "conformance"
PROTOBUF = "protobuf>=5.29,<8"  # ibapi imports it from 10.37 on; not every wheel asks for it


class CannotInstall(Exception):
    """The text says what is missing."""


@dataclass(frozen=True)
class Client:
    """`negotiates` is the server version its sessions must have: the lower of what it speaks and 200."""

    package: str
    negotiates: int
    driver: str
    extra: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return FOLDER / self.package.replace("/", "-").lstrip("@")

    def command(self) -> list[str]:
        program = str(HERE / "drivers" / self.driver)
        return ["node", program] if self.driver.endswith(".js") else [sys.executable, "-S", program]

    def environment(self) -> dict[str, str]:
        """Nothing of ours but the path: what the libraries find is in their folder."""
        if self.driver.endswith(".js"):
            return {"PATH": os.environ["PATH"], "NODE_PATH": str(self.folder / "node_modules")}
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def install(self) -> None:
        """Fills the folder unless it is complete. Raises CannotInstall."""
        done = self.folder / ".complete"
        if done.exists():
            return
        print(f"installing {self.package} ...", flush=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        if self.driver.endswith(".js"):
            self._run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(self.folder))
        else:
            pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            self._run(*pip, "--target", str(self.folder), *self.extra)
        done.touch()

    def _run(self, *command: str) -> None:
        if shutil.which(command[0]) is None:
            raise CannotInstall(f"{self.package} needs {command[0]}: install it and try again")
        run = subprocess.run([*command, self.package], capture_output=True, text=True, timeout=600)
        if run.returncode:
            raise CannotInstall(f"{self.package} could not be installed:\n{run.stderr[-2000:]}")


CLIENTS = {
    client.package: client
    for client in (
        Client("ibapi==9.81.1.post1", 157, "ibapi_driver.py"),
        Client("nautilus-ibapi==10.19.4", 176, "ibapi_driver.py"),
        Client("nautilus-ibapi==10.30.1", 187, "ibapi_driver.py"),
        Client("nautilus-ibapi==10.37.2", 200, "ibapi_driver.py", (PROTOBUF,)),
        Client("nautilus-ibapi==10.46.1", 200, "ibapi_driver.py", (PROTOBUF,)),
        Client("ibapi-stable==10.50.2", 200, "ibapi_driver.py", (PROTOBUF,)),
        Client("ib_async==2.1.0", 178, "ib_async_driver.py"),
        Client("ib_insync==0.9.86", 176, "ib_async_driver.py"),
        Client("@stoqey/ib@1.6.10", 193, "stoqey_driver.js"),
    )
}

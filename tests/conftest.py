"""What tests with real processes share: ports and a folder of their own, and no process left behind."""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings
from support.cluster import Cluster
from support.patience import patient

# How long an example takes is no property of ours, least of all on a machine that does other things too.
# A change is judged by the same examples each time; new ones are looked for by `make fuzz`.
settings.register_profile(
    "twsmq", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("quick", settings.get_profile("twsmq"), max_examples=10)
settings.register_profile("fuzz", settings.get_profile("twsmq"), derandomize=False)
settings.load_profile("twsmq")

# A run in the background or under nohup ignores these, and every process it starts would as well.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

GUARD_OFFSET = 99  # never used by a cluster; whoever has it bound owns the hundred below
GATEWAY_OFFSET = 95
MARK = "TWSMQ_TEST_MARK"


PROPERTY = Path(__file__).parent / "property"


@pytest.fixture(autouse=True)
def no_coverage(request: pytest.FixtureRequest) -> Iterator[None]:
    """Coverage is not counted in random machines and long stories: it triples the time they take, and they
    pass the same lines again and again. (The marker `no_cover` does nothing in a worker of xdist.)"""
    if PROPERTY not in request.path.parents:
        yield
        return
    counting = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(counting)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where asked for, a test of real processes that failed is run a second time, and the summary names it:
    what stands still for a minute is the machine. What needs no process has no such excuse.
    """
    if os.environ.get("TWSMQ_SECOND_TRY"):
        folders = {Path(__file__).parent / name for name in ("integration", "chaos", "browser")}
        for item in items:
            if folders.intersection(item.path.parents):
                item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How soon the page showed what happened (`support.truth`), whichever worker ran it."""
    reports = [each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, [])]
    shown = [text for report in reports for name, text in report.user_properties if name == "shown"]
    if shown:
        terminalreporter.section("from the event to the page")
        terminalreporter.write_line("\n".join(map(str, shown)))


@contextmanager
def reserved_ports() -> Iterator[int]:
    """The first of a hundred ports that are free and that no other test of any worker is given meanwhile."""
    bases = list(range(10_000, 32_000, 100))  # below the range the kernel hands out by itself
    random.shuffle(bases)
    for base in bases:
        with socket.socket() as guard:
            if _bound(guard, base + GUARD_OFFSET) and _all_free(base):
                yield base
                return
    raise AssertionError("no hundred free ports on this machine")


def _all_free(base: int) -> bool:
    for port in range(base, base + GUARD_OFFSET):
        with socket.socket() as probe:
            if not _bound(probe, port):
                return False
    return True


def _bound(sock: socket.socket, port: int) -> bool:
    try:
        sock.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


@contextmanager
def orphans_refused() -> Iterator[None]:
    """Fail if a process started inside outlives it. Processes are known by a mark in their environment."""
    with pytest.MonkeyPatch.context() as patch:
        mark = uuid.uuid4().hex
        patch.setenv(MARK, mark)
        yield
    deadline = time.monotonic() + patient(3)
    while (left := _marked(mark)) and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.1)
    for process in left:
        process.kill()
    assert not left, f"processes outlived the test: {left}"


def _marked(mark: str) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue  # gone, or not ours to look at
    return found


@pytest.fixture
def port_base() -> Iterator[int]:
    with reserved_ports() as base:
        yield base


@pytest.fixture
def no_orphans() -> Iterator[None]:
    with orphans_refused():
        yield


@pytest.fixture
def config_file(tmp_path: Path, port_base: int) -> Path:
    """A `twsmq.toml` for a cluster of the test's own."""
    path = tmp_path / "twsmq.toml"
    path.write_text(
        f"[cluster]\nport_base = {port_base}\n[gateway]\nport = {port_base + GATEWAY_OFFSET}\n"
        "messages_per_second = 0\n[web]\nenabled = false\n"
    )
    return path


@pytest.fixture
def eventually() -> Callable[..., None]:
    """`eventually(lambda: …, within=5)`, for what gives no event to await, like a process being gone."""

    def wait(condition: Callable[[], object], within: float = 10, what: str = "") -> None:
        deadline = time.monotonic() + patient(within)
        while not condition():
            assert time.monotonic() < deadline, f"not within {within} s: {what or condition}"
            time.sleep(0.02)

    return wait


@contextmanager
def running_cluster(folder: Path, extra: str = "") -> Iterator[Cluster]:
    """A whole cluster as `twsmq up` starts it, with `extra` in its configuration, ended by Ctrl-C."""
    with reserved_ports() as base, orphans_refused():
        running = Cluster(folder, base, base + GATEWAY_OFFSET, extra)
        try:
            running.start()
            yield running
            if running.process is not None:
                running.stop()
        finally:
            running.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Shared by the tests of one file."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running

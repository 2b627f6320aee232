"""What is in deploy/ holds together, as far as it can be checked without an engine, a cluster or a service
manager."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from twsmq_protocol.config import parse_config
from twsmq_protocol.processes import process_of
from twsmq_supervisor.children import cluster
from twsmq_supervisor.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNIT = DEPLOY / "systemd" / "twsmq.service"
MOST_EXPOSED = 2.0

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def test_every_process_has_a_service_that_runs_it_and_asks_for_its_health(tmp_path: Path) -> None:
    file = tmp_path / "twsmq.toml"
    file.write_text("[web]\nenabled = true\n")
    for name in cluster(load_settings(file)):
        service = SERVICES[name]
        if name == "simulator":
            assert service["command"] == ["twsmq", "simulator"]
            continue
        assert service["command"][:3] == ["python", "-m", process_of(name).module]
        assert service["healthcheck"]["test"] == ["CMD", "twsmq", "health", name]


def test_pinning_keeps_what_else_is_in_the_file_and_writes_nothing_when_a_digest_is_missing(
    tmp_path: Path,
) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\nfor last; do :; done\n[ "$last" != "$REFUSED" ] && echo sha256:0a1b\n')
    docker.chmod(0o755)
    file = tmp_path / ".env"
    before = "TWS_USERID=me\nTWS_PASSWORD=s=e c\nBASE=python:old\n"
    file.write_text(before)
    path = f"{tmp_path}:/usr/bin:/bin"

    def pin(refused: str) -> int:
        command = ["sh", str(DEPLOY / "pin.sh"), str(file)]
        environment = {"PATH": path, "REFUSED": refused}
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode

    assert pin("grafana/grafana:12.1.0") != 0
    assert file.read_text() == before
    assert [found.name for found in tmp_path.glob(".env*")] == [".env"]
    for _ in range(2):
        assert pin("") == 0
        lines = file.read_text().splitlines()
        assert lines[:2] == ["TWS_USERID=me", "TWS_PASSWORD=s=e c"]
        assert "BASE=python@sha256:0a1b   # 3.12-slim" in lines
        assert len(lines) == 6
    assert file.stat().st_mode & 0o077 == 0


def test_our_containers_are_as_small_a_target_as_they_can_be() -> None:
    ours = [service for service in SERVICES.values() if service["image"].startswith("twsmq")]
    assert len(ours) >= 8
    for service in ours:
        assert service["read_only"] is True
        assert service["user"] == "1000:1000"
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_gateways_times_are_of_the_zone_that_they_are_meant_in_and_its_settings_stay() -> None:
    gateway = SERVICES["gateway"]
    environment = gateway["environment"]
    assert environment["TIME_ZONE"] == "America/New_York"
    kept = [volume.split(":")[1] for volume in gateway["volumes"]]
    assert environment["TWS_SETTINGS_PATH"] in kept
    assert environment["RELOGIN_AFTER_TWOFA_TIMEOUT"] == "no"
    test = gateway["healthcheck"]["test"]
    assert test[2] in kept, "the handshake, not the port"


def test_every_volume_and_file_that_is_mounted_is_there() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), (name, source)
            else:
                assert source in COMPOSE["volumes"], (name, source)


def test_the_dockerfile_runs_as_nobody_in_particular() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["1000:1000"]
    assert "HEALTHCHECK" in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)")
def test_the_unit_is_valid_and_hardly_exposed(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = re.search(r"Overall exposure level for twsmq.service: (\d+\.\d+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSED
    here = tmp_path / "twsmq.service"  # its program is not installed on this machine
    here.write_text(UNIT.read_text().replace("/opt/twsmq/bin/python", "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "twsmq.service" not in done.stderr, done.stderr


def test_the_unit_is_told_that_it_lives() -> None:
    text = UNIT.read_text()
    for line in (
        "Type=notify",
        "WatchdogSec=15",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "KillMode=mixed",
    ):
        assert f"\n{line}\n" in text
    assert "twsmq_supervisor" in text


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    done = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes")], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_kubernetes_renders_to_valid_resources(rendered: list[dict[str, Any]]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    kinds = sorted(resource["kind"] for resource in rendered)
    assert kinds == ["ConfigMap", "NetworkPolicy", "Service", "StatefulSet"]
    for resource in rendered:
        kubernetes_validate.validate(resource, "1.31", strict=True)


def test_the_pod_probes_what_it_should_and_keeps_what_it_must(rendered: list[dict[str, Any]]) -> None:
    spec = next(one for one in rendered if one["kind"] == "StatefulSet")["spec"]
    pod = spec["template"]["spec"]
    ours = next(one for one in pod["containers"] if one["name"] == "twsmq")
    assert ours["livenessProbe"]["exec"]["command"][:3] == ["twsmq", "health", "supervisor"]
    assert ours["readinessProbe"]["exec"]["command"][:3] == ["twsmq", "health", "orders"]
    assert ours["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert spec["replicas"] == 1
    assert {one["metadata"]["name"] for one in spec["volumeClaimTemplates"]} == {"data", "gateway"}
    config = next(one for one in rendered if one["kind"] == "ConfigMap")["data"]["twsmq.toml"]
    assert parse_config(config).gateway.mode == "external"

"""compose.yaml runs exactly the processes there are, in one network namespace, each watched for health."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from twsmq_protocol.config import Config
from twsmq_protocol.endpoints import node_names

ROOT = Path(__file__).parents[2]
MONITORING = ("prometheus", "grafana")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_every_node_has_a_service_of_its_own(services: dict[str, Any]) -> None:
    assert services.keys() == {*node_names(Config()), "simulator", "gateway", "netns", *MONITORING}
    for name in node_names(Config()):
        module = "twsmq_web" if name == "web" else f"twsmq_nodes.{name.partition('-')[0]}"
        assert services[name]["command"][:3] == ["python", "-m", module]
        assert services[name]["healthcheck"]["test"] == ["CMD", "twsmq", "health", name]


def test_all_share_one_network_namespace_and_come_back(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["restart"] == "unless-stopped"
        if name != "netns":
            assert service["network_mode"] == "${TWSMQ_NETWORK:-service:netns}"
            assert service["depends_on"] == ["netns"]


def test_the_two_gateways_are_alternatives(services: dict[str, Any]) -> None:
    assert services["simulator"]["profiles"] == ["simulated"]
    assert services["gateway"]["profiles"] == ["gateway"]
    assert all(services[name]["profiles"] == ["monitoring"] for name in MONITORING)
    assert not any("profiles" in services[name] for name in node_names(Config()))

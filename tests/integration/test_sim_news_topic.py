"""The simulated headlines on the market data node's `news/` topic."""

from __future__ import annotations

from pathlib import Path

from support.node_process import running_node
from support.plain_client import PlainClient
from support.simulated_gateway import running_gateway


def test_a_providers_headlines_are_published(tmp_path: Path, port_base: int) -> None:
    client = PlainClient(port_base)
    try:
        with running_gateway(tmp_path / "sim") as gateway:
            config = tmp_path / "twsmq.toml"
            config.write_text(f"[cluster]\nport_base = {port_base}\n[gateway]\nport = {gateway.port}\n")
            with running_node("marketdata", config):
                client.subscribe("news/BRFG/")
                event = client.await_event(lambda _, event: event["type"] == "headline")
                assert event["provider"] == "BRFG"
                assert event["article_id"].startswith("BRFG$")
    finally:
        client.close()

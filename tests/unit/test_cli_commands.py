"""What the command line says without a cluster: help that teaches, and one clear line for what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click import Option
from click.testing import CliRunner, Result
from twsmq.cli import main
from twsmq.cli.risk import set_limits
from twsmq_protocol.risk_limits import RiskLimits

AN_ORDER = ["--instrument", "STK:A:SMART:USD", "--side", "BUY", "--quantity", "1", "--order-type", "MKT"]
EVERY_COMMAND = (
    ("up",),
    ("up", "--detach"),
    ("down",),
    ("status",),
    ("watch", "gateway/"),
    ("order", "place", *AN_ORDER),
    ("order", "cancel", "--client-order-id", "a"),
    ("order", "list"),
    ("order", "modify", "--client-order-id", "a", "--limit-price", "1"),
    ("order", "bracket", *AN_ORDER[:6], "--stop-loss", "1"),
    ("order", "preview", *AN_ORDER),
    ("order", "cancel-all", "--strategy", "a"),
    ("order", "resolve", "--client-order-id", "a", "--status", "filled", "--reason", "a"),
    ("order", "watch"),
    ("orders", "executions"),
    ("positions",),
    ("account",),
    ("flatten", "--instrument", "STK:A:SMART:USD"),
    ("halt", "--reason", "a"),
    ("resume",),
    ("risk", "show"),
    ("risk", "set", "--max-position", "1"),
    ("simulator",),
    ("snapshot", AN_ORDER[1]),
    ("contract", AN_ORDER[1]),
    ("chain", AN_ORDER[1]),
    ("search", "AAP"),
    ("scanner", "TOP_PERC_GAIN"),
    ("news", AN_ORDER[1]),
    ("history", "bars", AN_ORDER[1], "--size", "1m", "--duration", "1D"),
    ("history", "ticks", AN_ORDER[1], "--from", "2026-01-05"),
    ("history", "head", AN_ORDER[1]),
    ("history", "schedule", AN_ORDER[1], "--from", "2026-01-05"),
    ("history", "histogram", AN_ORDER[1]),
    (
        "history",
        "download",
        *AN_ORDER[:2],
        "--from",
        "2026-01-05",
        "--to",
        "2026-01-06",
        "--size",
        "1m",
        "-o",
        "x",
    ),
)


def twsmq(*words: str) -> Result:
    return CliRunner().invoke(main, words, prog_name="twsmq")


@pytest.mark.parametrize(
    "command",
    [(), ("up",), ("status",), ("watch",), ("order", "place"), ("order", "list"), ("simulator",)]
    + [
        ("order", name)
        for name in ("modify", "bracket", "preview", "cancel", "cancel-all", "resolve", "watch")
    ]
    + [(name,) for name in ("positions", "account", "flatten", "halt", "resume", "risk")]
    + [("risk", "set"), ("orders", "executions"), ("history", "download")]
    + [(name,) for name in ("snapshot", "contract", "chain", "search", "scanner", "news", "history")]
    + [("history", name) for name in ("bars", "ticks", "head", "schedule", "histogram")],
)
def test_help_teaches_by_example(command: tuple[str, ...]) -> None:
    result = twsmq(*command, "--help")
    assert result.exit_code == 0
    assert f"  twsmq {' '.join(command[:1])}" in result.output


def test_every_limit_has_an_option_and_its_help() -> None:
    offered = {
        parameter.name: parameter.help for parameter in set_limits.params if isinstance(parameter, Option)
    }
    assert set(RiskLimits.__struct_fields__) <= offered.keys()
    assert all(offered[name] for name in RiskLimits.__struct_fields__)


def test_the_version_is_the_distributions() -> None:
    assert twsmq("--version").output.startswith("twsmq 0.")


@pytest.mark.parametrize("command", EVERY_COMMAND)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[cluster]\nport_base = 15500\nport_bse = 1\n",
            ":3: cluster.port_bse is unknown; known here: ",
        ),
        ('[gateway]\nport = "4002"\n', ":2: gateway.port"),
        ("[cluster\n", "not valid TOML"),
    ],
)
def test_a_bad_configuration_is_one_line_with_the_place_and_exit_code_2(
    tmp_path: Path, command: tuple[str, ...], text: str, told: str
) -> None:
    file = tmp_path / "twsmq.toml"
    file.write_text(text)
    result = twsmq(*command, "--config", str(file))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert str(file) in result.stderr
    assert told in result.stderr
    assert not result.stdout


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = twsmq("status", "--config", str(tmp_path / "nowhere.toml"))
    assert result.exit_code == 2
    assert "nowhere.toml" in result.stderr


@pytest.mark.parametrize("gateway", ["4002", "host:", ":4002", "host:port", "host:99999"])
def test_a_gateway_that_is_no_address_is_refused(config_file: Path, gateway: str) -> None:
    result = twsmq("up", "--config", str(config_file), "--gateway", gateway)
    assert result.exit_code == 2
    assert "HOST:PORT" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [("status",), ("status", "--json")])
def test_status_without_a_cluster_says_so(
    config_file: Path, port_base: int, command: tuple[str, ...]
) -> None:
    result = twsmq(*command, "--config", str(config_file))
    assert result.exit_code == 3
    assert f"no cluster is running on port {port_base}" in result.stderr
    assert not result.stdout


def test_down_without_a_cluster_has_nothing_to_do(config_file: Path, port_base: int) -> None:
    result = twsmq("down", "--config", str(config_file))
    assert result.exit_code == 0
    assert f"no cluster is running on port {port_base}" in result.output


def test_an_order_without_a_cluster_was_not_placed(config_file: Path) -> None:
    result = twsmq("order", "place", *AN_ORDER, "--config", str(config_file))
    assert result.exit_code == 3
    assert "does not listen" in result.stderr


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_what_became_of_an_order_is_stated_with_how_it_is_known(config_file: Path, reason: str) -> None:
    stated = ("order", "resolve", "--client-order-id", "a", "--status", "filled", "--reason", reason)
    result = twsmq(*stated, "--config", str(config_file))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"--reason has {len(reason)} characters" in result.stderr


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (("order", "cancel-all"), "everything"),
        (("halt", "--reason", "a", "--cancel"), "everything"),
        (("flatten",), "flatten"),
        (("flatten", "--account", "DU1"), "flatten"),
    ],
)
def test_what_hits_all_orders_wants_a_word(config_file: Path, command: tuple[str, ...], word: str) -> None:
    result = twsmq(*command, "--config", str(config_file))
    assert result.exit_code == 2
    assert f"--confirm {word}" in result.stderr
    result = twsmq(*command, "--confirm", "yes", "--config", str(config_file))
    assert result.exit_code == 2
    result = twsmq(*command, "--confirm", word, "--config", str(config_file))
    assert result.exit_code == 3, "it went on and found no cluster"


def test_a_missing_option_is_named() -> None:
    result = twsmq("order", "place", "--side", "BUY")
    assert result.exit_code == 2
    assert "--instrument" in result.stderr


@pytest.mark.parametrize(
    ("mode", "rate", "warned"),
    [("external", 500, True), ("external", 0, True), ("external", 50, False), ("simulated", 0, False)],
)
def test_a_rate_that_a_real_gateway_refuses_is_warned_of(
    tmp_path: Path, mode: str, rate: int, warned: bool
) -> None:
    file = tmp_path / "twsmq.toml"
    nowhere = '[cluster]\ndata_dir = "/dev/null/var"\n'  # it ends there, right after the warning
    file.write_text(f'{nowhere}[gateway]\nmode = "{mode}"\nmessages_per_second = {rate}\n')
    result = twsmq("up", "--config", str(file))
    assert result.exit_code == 2
    assert ("messages_per_second" in result.stderr) is warned


@pytest.mark.parametrize(
    ("setting", "mode", "warned"),
    [
        ('webhook = "https://x.example/s3cret"', 0o644, True),
        ('apprise = ["slack://s3cret"]', 0o660, True),
        ('deadman_url = "https://x.example/s3cret"', 0o604, True),
        ('command = ["page", "--token", "s3cret"]', 0o644, True),
        ('webhook = "https://x.example/s3cret"', 0o600, False),
        ("log = true", 0o644, False),
    ],
)
def test_a_secret_in_a_file_that_others_may_read_is_warned_of(
    tmp_path: Path, setting: str, mode: int, warned: bool
) -> None:
    file = tmp_path / "twsmq.toml"
    file.write_text(f'[cluster]\ndata_dir = "/dev/null/var"\n[alerts]\n{setting}\n')
    file.chmod(mode)
    result = twsmq("up", "--config", str(file))
    assert result.exit_code == 2
    assert (f"chmod 600 {file}" in result.stderr) is warned
    assert "s3cret" not in result.stderr


def test_the_changelog_names_every_command() -> None:
    told = (Path(__file__).parents[2] / "CHANGELOG.md").read_text()
    with main.make_context("twsmq", ["--help"], resilient_parsing=True) as context:
        missing = [name for name in main.list_commands(context) if not re.search(f"`{name}\\b", told)]
    assert missing == []


@pytest.mark.parametrize(
    "command",
    [
        ("budget", "--seconds", "inf"),
        ("budget", "--seconds", "-1"),
        ("restart", "orders", "--wait", "--timeout", "nan"),
        ("reload", "--apply", "--timeout", "1e300"),
        ("health", "orders", "--timeout", "nan"),
        ("up", "--detach", "--timeout", "-3"),
        ("order", "watch", "--seconds", "nan"),
        ("record", "order/", "-o", "never.msgpack", "--seconds", "nan"),
        ("order", "modify", "--client-order-id", "a", "--limit-price", "1", "--timeout", "nan"),
        ("order", "place", *AN_ORDER, "--timeout", "nan"),
        ("client-ids", "--claim", "scanner", "--days", "-1"),
        ("doctor", "--client-id", "0"),
        ("logs", "-n", "-1"),
    ],
)
def test_a_time_or_a_count_that_is_none_is_wrong_usage(command: tuple[str, ...]) -> None:
    result = twsmq(*command)
    assert result.exit_code == 2, result.output
    assert result.exc_info is not None
    assert result.exc_info[0] is SystemExit


def test_logs_of_times_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    logs = tmp_path / "var" / "logs"
    logs.mkdir(parents=True)
    stamps = ("9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00", "2026-11-28T10:00:00Z")
    lines = [f'{{"event":"said {number}","timestamp":"{stamp}"}}' for number, stamp in enumerate(stamps)]
    (logs / "orders.log").write_text("\n".join(lines) + "\n")
    shown = twsmq("logs")
    assert shown.exit_code == 0, shown.output
    assert all(f"said {number}" in shown.output for number in range(len(stamps)))
    for since in ("99999999999d", "0001-01-01", "-5m"):
        refused = twsmq("logs", f"--since={since}")
        assert (refused.exit_code, refused.exc_info is not None and refused.exc_info[0]) == (2, SystemExit), (
            since
        )

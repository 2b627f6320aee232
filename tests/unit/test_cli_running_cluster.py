"""A cluster that runs is found by what it was started with, whatever the configuration's file says by now."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from twsmq.cli import main
from twsmq.cli.budget import shown_rate
from twsmq.cli.logs import LogFile
from twsmq.cli.options import running_from
from twsmq.cli.own_address import page_url, page_url_elsewhere
from twsmq.cli.views import page_line
from twsmq_protocol.config import parse_config
from twsmq_protocol.config_file import load_config
from twsmq_protocol.endpoints import web_port
from twsmq_protocol.key_folder import KeyFolder
from twsmq_protocol.supervision import started_with
from twsmq_supervisor.front import changes
from twsmq_supervisor.lock import as_it_runs, holder
from twsmq_supervisor.preflight import take_lock
from twsmq_supervisor.settings import load_settings

EVERYWHERE = '[cluster]\nbind = "0.0.0.0"\nkeys = "on"\n[web]\nenabled = true\n'


def twsmq(*words: str) -> Result:
    return CliRunner().invoke(main, words, prog_name="twsmq")


@pytest.fixture
def running(config_file: Path) -> Iterator[Path]:
    """The lock of a supervisor that was started with this file."""
    held = take_lock(load_settings(config_file))
    yield config_file
    os.close(held)


# --- where it is --------------------------------------------------------------------------------------------


def test_an_address_that_was_changed_meanwhile_is_not_where_the_cluster_is(
    running: Path, port_base: int, capsys: pytest.CaptureFixture[str]
) -> None:
    text = running.read_text().replace(f"port_base = {port_base}", 'port_base = 7000\nkeys = "on"')
    running.write_text(text + "[marketdata]\nlines = 40\n")
    found = running_from(running).config
    assert (found.cluster.port_base, found.cluster.keys) == (port_base, "off")
    assert found.marketdata.lines == 40, "all else is as the file says"
    said = capsys.readouterr().err
    assert f"port_base = {port_base}, not 7000" in said
    assert "keys = off, not on" in said
    assert "down" in said


def test_where_none_runs_the_file_decides(config_file: Path, port_base: int) -> None:
    os.close(take_lock(load_settings(config_file)))
    config_file.write_text("[cluster]\nport_base = 7000\n")
    assert running_from(config_file).config.cluster.port_base == 7000


@pytest.mark.parametrize("rest", [b"", b"{", b"[]\n", b'{"cluster.port_base": "x"}', b'{"a": 1}', b"\xff"])
def test_what_else_may_stand_in_the_lock_changes_nothing(running: Path, rest: bytes) -> None:
    settings = load_settings(running)
    settings.lock_file.write_bytes(b"4711\n" + rest)
    held = holder(settings.lock_file)
    assert held is not None
    assert held.pid == "4711"
    assert as_it_runs(settings).config == settings.config


def test_a_restarted_process_keeps_to_the_cluster_though_the_file_is_another_s(tmp_path: Path) -> None:
    """Another journal, other ports or a live gateway in the place of the simulated one would be taken over by
    whichever process happens to die."""
    file = tmp_path / "twsmq.toml"
    file.write_text("[cluster]\nport_base = 6000\n")
    before = load_config(file)
    file.write_text(
        '[cluster]\nport_base = 7000\ndata_dir = "other"\nkeys = "on"\nbind = "0.0.0.0"\nlogs_mb = 50\n'
        '[gateway]\nmode = "external"\nhost = "10.0.0.7"\nclient_id_base = 500\n[marketdata]\ninstances = 3\n'
    )
    after = load_config(file, started=started_with(before.config))
    assert after.data_dir == before.data_dir
    assert after.config.cluster.logs_mb == 50
    assert after.config.gateway == before.config.gateway
    assert after.config.marketdata.instances == 1
    assert started_with(after.config) == started_with(before.config)


def test_a_restarted_process_keeps_to_the_gateway_that_the_others_speak_to(tmp_path: Path) -> None:
    file = tmp_path / "twsmq.toml"
    paper, live = (f'[gateway]\nmode = "external"\nhost = "10.0.0.{n}"\nport = {4000 + n}\n' for n in (2, 1))
    file.write_text(paper)
    before = load_config(file)
    file.write_text(live)
    assert load_config(file, started=started_with(before.config)).config.gateway == before.config.gateway
    changed = {row.key: row for row in changes(load_config(file).config, {"orders": before.config})}
    assert {key: (row.restart, row.cluster) for key, row in changed.items()} == {
        "gateway.host": ([], True),
        "gateway.port": ([], True),
    }


# --- keys beside it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [(), ("--bind", "0.0.0.0")])
def test_keys_are_not_made_beside_a_cluster_that_runs_without(running: Path, more: tuple[str, ...]) -> None:
    before = running.read_text()
    done = twsmq("keys", "init", *more, "--config", str(running))
    assert done.exit_code == 2
    assert f"supervisor pid {os.getpid()}" in done.stderr
    assert "twsmq down" in done.stderr
    assert running.read_text() == before
    assert not KeyFolder(load_settings(running).data_dir).exists()


@pytest.mark.parametrize("name", [".", "..", "-x", "a b", "é", "a/b", "x" * 41, "a\n", ""])
def test_a_name_that_would_make_a_file_nobody_sees_or_means_is_none(config_file: Path, name: str) -> None:
    assert twsmq("keys", "init", "--config", str(config_file)).exit_code == 0
    done = twsmq("keys", "add", "--rights", "reader", "--config", str(config_file), "--", name)
    assert done.exit_code == 2
    assert "is no name of a key" in done.stderr
    assert list(Path().glob("*.key")) == []


def test_keys_are_completed_beside_a_cluster_that_runs_with_them(config_file: Path) -> None:
    assert twsmq("keys", "init", "--config", str(config_file)).exit_code == 0
    held = take_lock(load_settings(config_file))
    done = twsmq("keys", "init", "--bind", "0.0.0.0", "--config", str(config_file))
    os.close(held)
    assert done.exit_code == 0, done.output


# --- what a browser can open --------------------------------------------------------------------------------


def test_every_interface_is_no_address_for_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twsmq.cli.own_address.own_address", lambda: "192.168.4.2")
    config = parse_config(EVERYWHERE)
    port = web_port(config)
    assert page_url(config) == f"http://127.0.0.1:{port}/"
    assert page_url_elsewhere(config) == f"http://192.168.4.2:{port}/"
    file = tmp_path / "twsmq.toml"
    file.write_text(EVERYWHERE)
    shown = page_line(load_settings(file))
    assert "0.0.0.0" not in shown
    assert f"from other machines http://192.168.4.2:{port}/" in shown
    assert twsmq("keys", "init", "--config", str(file)).exit_code == 0
    done = twsmq("web", "--config", str(file))
    assert (done.exit_code, done.stdout) == (3, ""), "a link to a page that is not there"
    assert "no cluster runs here" in done.stderr
    held = take_lock(load_settings(file))
    done = twsmq("web", "--config", str(file))
    os.close(held)
    assert "0.0.0.0" not in done.output
    assert done.stdout.startswith(f"http://127.0.0.1:{port}/#login=")
    assert f"http://192.168.4.2:{port}/#login=" in done.stderr


def test_a_page_of_this_machine_or_of_one_address_is_named_once() -> None:
    assert page_url_elsewhere(parse_config("")) is None
    one = parse_config('[cluster]\nbind = "10.1.2.3"\nkeys = "on"\n')
    assert page_url(one) == page_url_elsewhere(one) == f"http://10.1.2.3:{web_port(one)}/"


# --- what is shown ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "shown"), [(2.25, "2.25"), (4.5, "4.5"), (18.0, "18"), (0.35, "0.35"), (None, ""), (2.7, "2.7")]
)
def test_a_share_is_shown_as_it_is(share: float | None, shown: str) -> None:
    assert shown_rate(share) == shown


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-28 09:30:00 orders: ready", "orders: ready"),
        ("2026-11-28 09:30:00,123 a library's warning", "a library's warning"),
        ("2026-11-28T09:30:00 said", "said"),
        ("--- 2026-11-28 09:30:00 python -m x", "--- python -m x"),
        ("ImportError: broken", "ImportError: broken"),
        ("2026-11-28 99:30:00 no time", "2026-11-28 99:30:00 no time"),
    ],
)
def test_a_line_that_has_its_own_time_is_stamped_once(tmp_path: Path, text: str, words: str) -> None:
    assert LogFile(tmp_path / "x.log", "x").line(text).words == words


@pytest.mark.parametrize("stamp", ["2026-11-28 09:30:00.250123", "--- 2026-11-28 09:30:00,250"])
def test_a_plain_line_keeps_its_part_of_the_second(tmp_path: Path, stamp: str) -> None:
    """Else what the supervisor says comes before what was written up to a second earlier."""
    assert round(LogFile(tmp_path / "x.log", "x").line(f"{stamp} said").at % 1, 2) == 0.25


def test_the_supervisors_lines_show_one_time(config_file: Path) -> None:
    settings = load_settings(config_file)
    settings.log_dir.mkdir(parents=True)
    settings.log_file("supervisor").write_text("2026-11-28 09:30:00 orders: ready\n")
    done = twsmq("logs", "--config", str(config_file))
    assert done.stdout.count("09:30:00") == 1, done.stdout
    told = twsmq("logs", "--json", "--config", str(config_file)).stdout
    assert '"event":"orders: ready"' in told
    assert '"timestamp":"2026-11-2' in told


# --- secrets and git ----------------------------------------------------------------------------------------


def test_what_a_cluster_writes_keeps_itself_out_of_a_repository(config_file: Path) -> None:
    settings = load_settings(config_file)
    os.close(take_lock(settings))
    assert (settings.data_dir / ".gitignore").read_text() == "*\n"


def test_a_folder_that_was_there_is_not_hidden_but_its_keys_are(config_file: Path) -> None:
    settings = load_settings(config_file)
    settings.data_dir.mkdir()
    os.close(take_lock(settings))
    assert not (settings.data_dir / ".gitignore").exists()
    assert twsmq("keys", "init", "--config", str(config_file)).exit_code == 0
    assert (settings.data_dir / "keys" / ".gitignore").read_text() == "*\n"


def test_a_clients_key_in_a_repository_that_would_take_it_is_warned_of(
    config_file: Path, tmp_path: Path
) -> None:
    import shutil
    import subprocess

    git = shutil.which("git")
    if git is None:
        pytest.skip("needs git")
    subprocess.run([git, "init", "-q", str(tmp_path)], check=True)
    assert twsmq("keys", "init", "--config", str(config_file)).exit_code == 0
    add = ("--rights", "reader", "--config", str(config_file))
    done = twsmq("keys", "add", "a", *add, "-o", str(tmp_path / "a.key"))
    assert "never commit it" in done.stderr
    (tmp_path / ".gitignore").write_text("*.key\n")
    done = twsmq("keys", "add", "b", *add, "-o", str(tmp_path / "b.key"))
    assert done.stderr == ""


ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["*.key", ".env", "config.ini"])
@pytest.mark.parametrize("file", [".gitignore", ".dockerignore"])
def test_the_repository_ignores_what_holds_secrets(file: str, name: str) -> None:
    assert any(line.endswith(name) for line in (ROOT / file).read_text().splitlines())

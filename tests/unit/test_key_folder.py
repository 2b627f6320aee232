"""The folder of keys: changed by one at a time and never into what cannot be read, mended where it is
damaged; and the gatekeeper, who goes by the key and not by its name."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec
import pytest
import zmq
from click.testing import CliRunner, Result
from rich.pretty import pretty_repr
from structlog.testing import capture_logs
from twsmq.cli import main
from twsmq.sockets import new_context
from twsmq_protocol.config import Cluster, Config
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.key_folder import MOST_PENDING, PENDING_S, KeyFolder
from twsmq_protocol.keys import Admitted, ClientFile
from twsmq_simulator.control_keys import ControlKeys
from twsmq_supervisor.errors import StartRefused
from twsmq_supervisor.preflight import require_keys
from twsmq_supervisor.settings import load_settings
from twsmq_transport.gatekeeper import Gatekeeper, new_pair
from twsmq_transport.grants import Grants
from twsmq_transport.security import Security
from zmq.utils import z85

TEMPLATE = ClientFile(name="x", public_key="", secret_key="", server_key="")
PROCESSES = ("supervisor", "orders")


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    made = KeyFolder(tmp_path / "var")
    made.complete(PROCESSES, new_pair, TEMPLATE)
    return made


def row(public: str, *rights: str) -> Admitted:
    return Admitted(public_key=public, rights=rights)


def let_in(folder: KeyFolder, **rows: Admitted) -> None:
    with folder.change() as listed:
        listed.update(rows)
    time.sleep(0.06)  # readers look twenty times a second


def handshake(public: str) -> list[bytes]:
    key = z85.decode(public.encode())
    return [b"peer", b"", b"1.0", b"7", b"orders.requests", b"127.0.0.1", b"", b"CURVE", key]


# --- the gatekeeper -----------------------------------------------------------------------------------------


def test_a_name_that_goes_to_another_key_gives_the_first_nothing(folder: KeyFolder) -> None:
    stolen, fresh = new_pair()[0], new_pair()[0]
    let_in(folder, alpha=row(stolen, "trader:alpha"))
    keeper = Gatekeeper(folder)
    user = keeper.answer(handshake(stolen))[-2].decode()
    assert keeper.identity(user).name == "alpha"
    let_in(folder, alpha=row(stolen))
    assert keeper.identity(user).rights == ()
    let_in(folder, alpha=row(fresh, "trader:alpha"))
    assert keeper.identity(user).rights == (), "its connections live on, and have no right any more"
    assert keeper.identity(keeper.answer(handshake(fresh))[-2].decode()).name == "alpha"


def test_a_right_that_is_lost_is_noted_whoever_looked_first(folder: KeyFolder) -> None:
    key = new_pair()[0]
    let_in(folder, alpha=row(key, "operator"))
    keeper = Gatekeeper(folder)
    keeper.answer(handshake(key))
    assert keeper.take_lost() == {}
    let_in(folder, alpha=row(key, "reader"))
    assert keeper.answer(handshake(key))[4] == b"200", "another connection of it comes, before the timer"
    assert keeper.take_lost() == {key: "alpha"}
    assert keeper.take_lost() == {}
    let_in(folder, alpha=row(key, "reader", "accounts"))
    assert keeper.take_lost() == {}, "more is no loss"


def test_refusals_of_a_key_that_comes_again_and_again_are_logged_once_a_minute(folder: KeyFolder) -> None:
    again, other = new_pair()[0], new_pair()[0]
    keeper = Gatekeeper(folder)
    with pytest.MonkeyPatch.context() as patch, capture_logs() as logged:
        now = 1000.0
        patch.setattr("twsmq_transport.gatekeeper.monotonic", lambda: now)
        for _ in range(100):
            assert keeper.answer(handshake(again))[4] == b"300"
        keeper.answer(handshake(other))
        now += 61.0
        keeper.answer(handshake(again))
        for _ in range(3000):
            keeper.answer(handshake(new_pair()[0]))
    assert [(line["key"], line.get("times")) for line in logged[:3]] == [
        (again, None), (other, None), (again, 100),
    ]  # fmt: skip


def test_a_list_that_is_spoilt_ends_nothing_and_says_so(folder: KeyFolder) -> None:
    key = new_pair()[0]
    let_in(folder, alpha=row(key, "reader"))
    keeper = Gatekeeper(folder)
    assert keeper.answer(handshake(key))[4] == b"200"
    for spoilt in ("[alpha", '[alpha]\npublic_key = "short"\nrights = ["operator"]\n'):
        folder.authorized.write_text(spoilt)
        time.sleep(0.06)
        assert keeper.identity(key).name == "alpha"
        assert keeper.answer(handshake(new_pair()[0]))[4] == b"300"


def test_a_list_that_is_rewritten_in_place_within_one_tick_of_the_clock_is_read_again(
    folder: KeyFolder,
) -> None:
    key = new_pair()[0]
    let_in(folder, alpha=row(key, "reader"))
    assert key in folder.admitted()
    before = folder.authorized.stat()
    text = folder.authorized.read_text()
    folder.authorized.write_text(text.replace('["reader"]', '["operator"]'))
    os.utime(folder.authorized, ns=(before.st_atime_ns, before.st_mtime_ns))
    time.sleep(0.06)
    assert [right.kind for right in folder.admitted()[key][1].rights] == ["operator"]


def test_the_simulated_gateway_goes_by_the_key_too_and_a_spoilt_list_takes_nobody_s_command(
    folder: KeyFolder,
) -> None:
    first, second = new_pair()[0], new_pair()[0]
    let_in(folder, ops=row(first, "operator"))
    control = ControlKeys(folder.path)
    assert control.judge(z85.decode(first.encode())) == (b"200", first.encode())
    let_in(folder, ops=row(second, "operator"))
    assert not control.may_command(first)
    assert control.may_command(second)
    folder.authorized.write_text("[half")
    time.sleep(0.06)
    assert control.may_command(second)
    assert not control.may_command(first)
    assert control.judge(z85.decode(first.encode()))[0] == b"300"


# --- changes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bad name", "", "x" * 60, "alpha\n", "ümlaut"])
def test_what_could_not_be_read_again_is_not_written(folder: KeyFolder, name: str) -> None:
    before = folder.authorized.read_text()
    with pytest.raises(ConfigError), folder.change() as rows:
        rows[name] = row(new_pair()[0], "reader")
    assert folder.authorized.read_text() == before


def test_one_key_under_two_names_is_not_written(folder: KeyFolder) -> None:
    key = new_pair()[0]
    let_in(folder, alpha=row(key, "reader"))
    with pytest.raises(ConfigError, match="same key"):
        let_in(folder, beta=row(key, "operator"))
    with pytest.raises(ConfigError, match="same key"):
        let_in(folder, beta=row(key))
    assert "beta" not in folder.rows()


def test_those_who_change_it_at_once_take_nothing_back_from_each_other(folder: KeyFolder) -> None:
    keys = {f"key{number}": new_pair()[0] for number in range(12)}

    def add(name: str) -> None:
        with KeyFolder(folder.path.parent).change() as rows:
            time.sleep(0.002)
            rows[name] = row(keys[name], "reader")

    threads = [threading.Thread(target=add, args=(name,)) for name in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(keys) <= set(folder.rows())


# --- damage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lost", ["server.key", "local.key", "authorized.toml", "own/orders.key", "pending", "own"]
)
def test_what_is_missing_is_made_and_what_is_there_stays(folder: KeyFolder, lost: str) -> None:
    client = new_pair()[0]
    let_in(folder, alpha=row(client, "reader"))
    path = folder.path / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = KeyFolder(folder.path.parent)
    again.complete(PROCESSES, new_pair, TEMPLATE)
    admitted = again.admitted()
    for process in PROCESSES:
        assert admitted[again.own(process).public_key][0] == f"node/{process}"
    assert admitted[again.local().public_key][0] == "local"
    assert again.local().server_key == again.server().public_key
    assert (client in admitted) is (lost != "authorized.toml")
    assert again.complete(PROCESSES, new_pair, TEMPLATE) == (), "nothing is missing now"


def test_a_folder_that_others_may_enter_is_refused_with_the_cure(folder: KeyFolder) -> None:
    for path in (folder.path, folder.path / "own"):
        path.chmod(0o755)
        with pytest.raises(ConfigError, match=f"chmod 700 {path}$"):
            folder.own("orders")
        path.chmod(0o700)
    folder.own("orders")


@pytest.mark.parametrize("spoilt", ["server.key", "own/orders.key", "local.key"])
def test_a_pair_that_is_none_is_named_by_whoever_would_show_it(folder: KeyFolder, spoilt: str) -> None:
    """Else every client hears of a wrong server key, and a new file does not help."""
    file = folder.path / spoilt
    file.write_text(re.sub(r'secret_key = ".*"', f'secret_key = "{new_pair()[1]}"', file.read_text()))
    says = rf"{spoilt}: its secret_key does not belong to its public_key.*twsmq keys init"
    config = Config(cluster=Cluster(data_dir=str(folder.path.parent), keys="on"))
    shows: dict[str, list[Callable[[], object]]] = {
        "server.key": [lambda: Security(folder, "orders"), lambda: ControlKeys(folder.path)],
        "own/orders.key": [lambda: Security(folder, "orders")],
        "local.key": [lambda: new_context(config)],
    }
    for show in shows[spoilt]:
        with pytest.raises(ConfigError, match=says):
            show()


def test_keys_that_knock_are_noted_and_the_oldest_make_room_in_time(folder: KeyFolder) -> None:
    for number in range(MOST_PENDING):
        (folder.path / "pending" / f"{number:080x}").write_text("1 x")
    key = new_pair()[0]
    folder.knock(key, "10.0.0.1")
    assert key not in [one.public_key for one in folder.pending()]
    long_ago = time.time() - PENDING_S - 1
    os.utime(folder.path / "pending" / f"{5:080x}", (long_ago, long_ago))
    for _ in range(2):  # another process each time: none looks again at once
        KeyFolder(folder.path.parent).knock(key, "10.0.0.1")
    assert (folder.path / "pending" / key.encode().hex()).exists()
    assert not (folder.path / "pending" / f"{5:080x}").exists()


def test_no_secret_shows_where_a_value_is_shown(folder: KeyFolder) -> None:
    for value in (folder.server(), folder.local(), folder.own("orders")):
        for text in (repr(value), str([value]), pretty_repr({"keys": value})):
            assert value.secret_key not in text
            assert value.public_key in text
        assert msgspec.structs.asdict(value)["secret_key"] == value.secret_key


# --- the commands -------------------------------------------------------------------------------------------


def keys(config: Path, *words: str) -> Result:
    result = CliRunner().invoke(main, ["keys", *words, "--config", str(config)], prog_name="twsmq")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "twsmq.toml"
    file.write_text("")
    assert keys(file, "init").exit_code == 0
    return file


def test_a_cluster_that_its_own_commands_could_not_speak_to_does_not_start(config: Path) -> None:
    local = config.parent / "var" / "keys" / "local.key"
    require_keys(load_settings(config))
    local.write_text(re.sub(r'server_key = ".*"', f'server_key = "{new_pair()[0]}"', local.read_text()))
    with pytest.raises(StartRefused, match=r"another server\.key.*twsmq keys init"):
        require_keys(load_settings(config))
    assert keys(config, "init").exit_code == 0
    require_keys(load_settings(config))


def test_no_command_spoils_the_list(config: Path) -> None:
    file = config.parent / "var" / "keys" / "authorized.toml"
    alpha = str(config.parent / "alpha.key")
    assert keys(config, "add", "alpha", "--rights", "reader", "-o", alpha).exit_code == 0
    known = keys(config, "show", "alpha").stdout.strip()
    before, fresh = file.read_text(), new_pair()[0]
    for words in (
        ("add", "bad name", "--rights", "reader", "-o", str(config.parent / "b.key")),
        ("add", "node/web", "--rights", "reader", "-o", str(config.parent / "b.key")),
        ("add", "local", "--rights", "reader", "-o", str(config.parent / "b.key")),
        ("add", "beta", "--rights", "reader", "--host", "fe80::1%eth0", "-o", str(config.parent / "b.key")),
        ("accept", "no-key", "--name", "beta", "--rights", "reader"),
        ("accept", known, "--name", "beta", "--rights", "operator"),
        ("accept", fresh, "--name", "alpha", "--rights", "operator"),
        ("accept", fresh, "--name", "node/x", "--rights", "operator"),
        ("revoke", "local"),
        ("revoke", "node/orders"),
    ):
        refused = keys(config, *words)
        assert refused.exit_code == 2, (words, refused.stdout)
        assert file.read_text() == before, words
        assert not (config.parent / "b.key").exists()


def test_a_revoked_key_stays_revoked_when_its_name_goes_to_another(config: Path) -> None:
    for number in range(3):
        target = str(config.parent / f"{number}.key")
        assert keys(config, "add", "alpha", "--rights", "trader:alpha", "-o", target).exit_code == 0
        if number < 2:
            assert keys(config, "revoke", "alpha").exit_code == 0
    rows = KeyFolder(config.parent / "var").rows()
    assert [(name, one.rights) for name, one in rows.items() if name.startswith("alpha")] == [
        ("alpha", ("trader:alpha",)),
        ("alpha/1", ()),
        ("alpha/2", ()),
    ]
    gone = rows["alpha/1"].public_key
    assert Gatekeeper(KeyFolder(config.parent / "var")).answer(handshake(gone))[4] == b"400"
    assert "revoked" in keys(config, "accept", gone, "--name", "beta", "--rights", "reader").stderr


# --- grants -------------------------------------------------------------------------------------------------


def test_a_prefix_ends_with_the_last_wish_that_came_to_it() -> None:
    grants = Grants()
    grants.grant("order/", ("order/alpha/",))
    grants.grant("order/alpha/", ("order/alpha/",))
    grants.grant("order/alpha/", ("order/alpha/",))
    grants.grant("", ("quote/", "order/alpha/"))
    assert grants.withdraw("order/") == []
    assert grants.withdraw("never/") == []
    assert grants.withdraw("") == ["quote/"]
    assert grants.withdraw("order/alpha/") == ["order/alpha/"]
    grants.grant("order/", ("order/alpha/",))
    grants.grant("order/", ("order/",))  # it may more meanwhile
    assert grants.withdraw("order/") == ["order/alpha/", "order/"]


def test_libzmq_keeps_a_prefix_once_however_often_it_is_granted() -> None:
    """Which is why `Grants` counts."""
    with zmq.Context() as context, context.socket(zmq.XPUB) as pub, context.socket(zmq.SUB) as sub:
        pub.linger = sub.linger = 0
        pub.setsockopt(zmq.XPUB_MANUAL, 1)
        port = pub.bind_to_random_port("tcp://127.0.0.1")
        sub.connect(f"tcp://127.0.0.1:{port}")
        for wish in (b"order/", b"order/alpha/"):
            sub.subscribe(wish)
            assert pub.recv() == b"\1" + wish
            pub.setsockopt(zmq.SUBSCRIBE, b"order/alpha/")
        sub.unsubscribe(b"order/")
        assert pub.recv() == b"\0order/"
        pub.setsockopt(zmq.UNSUBSCRIBE, b"order/alpha/")
        pub.send(b"order/alpha/1")
        assert not sub.poll(300)


def test_a_public_key_that_begins_with_a_dash_is_no_option(tmp_path: Path) -> None:
    config = tmp_path / "twsmq.toml"
    config.write_text("[cluster]\n")

    def run(command: str, *words: str) -> Result:
        return CliRunner().invoke(main, ["keys", command, "--config", str(config), *words])

    assert run("init").exit_code == 0
    rights = ("--rights", "reader")
    for place, name in enumerate(("first", "last", "marked")):
        public = next(key for key in (new_pair()[0] for _ in count()) if key.startswith("-"))
        words = ((public, *rights), (*rights, public), (*rights, "--", public))[place]
        done = run("accept", "--name", name, *words)
        assert done.exit_code == 0, done.output
        assert run("show", name).output.strip() == public
    assert "No such option" in run("accept", "--name", "other", *rights, "-!").output

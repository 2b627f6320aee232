"""Key files: what is written is read back, what is wrong is named, and no secret is ever in a message."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import zmq
from twsmq import Client
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.keys import (
    Admitted,
    ClientFile,
    Pair,
    parse_admitted,
    parse_client,
    parse_pair,
    written,
    written_admitted,
)
from twsmq_protocol.rights import Right


def pair() -> tuple[str, str]:
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def client() -> ClientFile:
    public, secret = pair()
    return ClientFile(
        name="alpha", public_key=public, secret_key=secret, server_key=pair()[0], rights=("trader:alpha",)
    )


def test_a_client_s_file_is_read_back() -> None:
    for _ in range(50):  # Z85 holds every kind of bracket and quote-like character there is
        made = client()
        assert parse_client(written(made), "alpha.key") == made


def test_any_language_reads_it_with_a_regular_expression() -> None:
    made = client()
    found = dict(re.findall(r'^([a-z_]+) = "?([^"\n]*?)"?$', written(made), re.MULTILINE))
    assert found["secret_key"] == made.secret_key
    assert found["port_base"] == "5500"


def test_a_pair_is_read_back() -> None:
    public, secret = pair()
    made = Pair(name="server", public_key=public, secret_key=secret)
    assert parse_pair(written(made), "server.key") == made


def test_those_who_are_let_in_are_found_by_their_key() -> None:
    one, two = pair()[0], pair()[0]
    text = written_admitted(
        {
            "alpha": Admitted(public_key=one, rights=("trader:alpha",)),
            "node/status": Admitted(public_key=two, rights=("operator",)),
        }
    )
    admitted = parse_admitted(text, "authorized.toml")
    assert admitted[one][1].rights == (Right("trader", "alpha"),)
    assert admitted[two][0] == "node/status"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("secret_key", "secretkey"),
        lambda text: re.sub(r'secret_key = "(.{39}).', r'secret_key = "\1', text),
        lambda text: text.replace("port_base = 5500", "port_base = 99999"),
        lambda text: text + 'mood = "calm"\n',
        lambda text: text.replace('"', ""),
        lambda _: "[" * 5000,
        lambda text: text * 5000,
    ],
)
def test_a_spoilt_file_is_refused_without_its_secret(spoil) -> None:
    made = client()
    with pytest.raises(ConfigError) as refused:
        parse_client(spoil(written(made)), "alpha.key")
    assert "alpha.key" in str(refused.value)
    assert made.secret_key[:20] not in str(refused.value)


@pytest.mark.parametrize("host", ["fe80::1%eth0", "::1", "my desk", "0", "a/b"])
def test_a_host_that_nothing_connects_to_is_refused_with_the_file(tmp_path: Path, host: str) -> None:
    file = tmp_path / "alpha.key"
    file.touch(mode=0o600)
    file.write_text(written(msgspec.structs.replace(client(), host=host)))
    with pytest.raises(ConfigError, match=r"alpha\.key: host = "):
        Client(keys=file)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_secret_that_others_may_read_is_refused_with_the_cure(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "alpha.key"
    file.write_text(written(client()))
    file.chmod(mode)
    with pytest.raises(ConfigError, match=rf"mode {mode:o}.*chmod 600 {file}$"):
        Client(keys=file)
    file.chmod(0o600)
    Client(keys=file).close()


NO_PAIR = [
    {"secret_key": pair()[1]},
    {"public_key": pair()[0]},
]


@pytest.mark.parametrize("wrong", NO_PAIR, ids=["another secret", "another public key"])
def test_a_secret_of_another_pair_is_called_that_and_not_a_wrong_server_key(
    tmp_path: Path, wrong: dict[str, str]
) -> None:
    file = tmp_path / "alpha.key"
    file.touch(mode=0o600)
    spoilt = msgspec.structs.replace(client(), **wrong)
    file.write_text(written(spoilt))
    for keys in (file, spoilt):
        with pytest.raises(
            ConfigError, match=r"secret_key does not belong to its public_key.*twsmq keys add"
        ):
            Client(keys=keys)


@pytest.mark.parametrize("name", ["public_key", "secret_key", "server_key"])
@pytest.mark.parametrize("value", ["short", "#" * 40, "~" * 40, "", "x" * 41])
def test_what_is_no_key_is_named_in_words_with_the_cure(name: str, value: str) -> None:
    made = client()
    with pytest.raises(ConfigError) as refused:
        parse_client(written(msgspec.structs.replace(made, **{name: value})), "alpha.key")
    assert str(refused.value).startswith(f"alpha.key: {name} is no key: a key is 40 characters")
    assert "twsmq keys add" in str(refused.value)
    with pytest.raises(ConfigError, match="is no key"):
        Client(keys=msgspec.structs.replace(made, **{name: value}))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('public_key = "short"\nrights = []', r"\[alpha\] public_key is no key"),
        ("rights = []", r"\[alpha\] public_key is missing"),
        ('public_key = "%s"\nrights = "reader"', r"\[alpha\] rights must be a list"),
        ('public_key = "%s"\nrights = ["boss"]', r"\[alpha\] 'boss' is no right"),
    ],
)
def test_a_row_of_the_list_that_cannot_be_is_named(row: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse_admitted("[alpha]\n" + row.replace("%s", pair()[0]) + "\n", "authorized.toml")


def test_two_names_with_one_key_are_refused() -> None:
    public = pair()[0]
    rows = {name: Admitted(public_key=public, rights=("reader",)) for name in ("alpha", "beta")}
    with pytest.raises(ConfigError, match="same key"):
        parse_admitted(written_admitted(rows), "authorized.toml")

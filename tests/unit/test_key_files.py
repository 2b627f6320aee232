"""Key files: what is written is read back, what is wrong is named, and no secret is ever in a message."""

from __future__ import annotations

import re

import pytest
import zmq
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


def test_two_names_with_one_key_are_refused() -> None:
    public = pair()[0]
    rows = {name: Admitted(public_key=public, rights=("reader",)) for name in ("alpha", "beta")}
    with pytest.raises(ConfigError, match="same key"):
        parse_admitted(written_admitted(rows), "authorized.toml")

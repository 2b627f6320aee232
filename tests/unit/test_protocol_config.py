"""The configuration file: what is refused, and the one line that says where, what and how to mend it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from twsmq.cli.config_edit import with_values
from twsmq_protocol import endpoints
from twsmq_protocol.config import Config, parse_config
from twsmq_protocol.config_file import load_config
from twsmq_protocol.errors import ConfigError
from twsmq_protocol.hosts import address
from twsmq_protocol.processes import lasting_rate, message_burst, message_share


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        parse_config(text, "my.toml")
    return refused.value


def test_every_key_is_optional():
    assert parse_config("") == Config()
    assert parse_config("[gateway]\nport = 7497").gateway.port == 7497


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[gateway]\nprot = 1", 2, "gateway.prot is unknown; known here: mode, host, port"),
        ("# a comment\n[gatway]\nport = 1", 2, "gatway is unknown; known here: cluster, gateway"),
        ("\ncluster = 3", 2, "cluster must be a map"),
        ("[gateway]\n\nport = '4002'", 3, "gateway.port must be an integer, not a string"),
        ("[gateway]\nport = 0", 2, "gateway.port must be an integer >= 1"),
        ("[gateway]\nport = 70000", 2, "gateway.port must be an integer <= 65535"),
        ("[gateway]\nhost = ''", 2, "gateway.host must be a string of length >= 1"),
        ("[gateway]\nmode = 'live'", 2, "gateway.mode must be one of external, simulated"),
        ("[gateway]\nmessages_per_second = nan", 2, "gateway.messages_per_second must be a number >= 0"),
        ("[marketdata]\ngrace_s = inf", 2, "marketdata.grace_s must be a number <= 3600"),
        ("[marketdata]\ninstances = 6", 2, "marketdata.instances must be an integer <= 5"),
        ("[orders]\nallow_live = 1", 2, "orders.allow_live must be true or false, not an integer"),
        ("[cluster]\nport_base = 80", 2, "cluster.port_base must be an integer >= 1024"),
        ("[cluster]\nport_base = 5500\nbind = '0.0.0.0'", 3, "without keys; use 127.0.0.1"),
        *(
            (f"[gateway]\nhost = '{host}'", 2, "the simulated gateway, which has no keys; use 127.0.0.1")
            for host in ("0.0.0.0", "::", "10.0.0.7", "fe80::1%eth0", "::ffff:10.0.0.7", "desk", "127.1")
        ),
        *(
            (f"[cluster]\nkeys = 'on'\nbind = '{bind}'", 3, "is no IPv4 address")
            for bind in ("0", "127.1", "2130706433", "::", "fe80::1%eth0", "*", "1.2.3.4.5")
        ),
        *(
            (f"[cluster]\nbind = '{bind}'", 2, "without keys; use 127.0.0.1")
            for bind in ("0.0.0.0", "10.0.0.7", "desk", "eth0", "169.254.1.1", "LOCALHOST", "localhost.")
        ),
        ("gateway.prot = 1", 1, "gateway.prot is unknown"),
        ("gateway = { port = 4002,\n  prot = 1 }", None, "not valid TOML"),
        ("x = 1\ngateway = { prot = 1 }", 1, "x is unknown"),
        ("\ngateway = { prot = 1 }", 2, "gateway.prot is unknown"),
        ("[gateway.tls]\non = true", 1, "gateway.tls is unknown"),
        ("[gateway]\n[cluster]\n'bind' = 5", 3, "cluster.bind must be a string, not an integer"),
        ("[gateway]\nport = 'x'\n[orders]\nport = 1", 2, "gateway.port"),
        ("[orders.risk]\nmax = 1", 2, "orders.risk.max is unknown; known here: max_order_quantity, "),
        (
            "[orders.risk.strategy.x]\nmax_position = 1\n[orders.risk.strategy.y]\n\nmax_positon = 1",
            5,
            "orders.risk.strategy.y.max_positon is unknown; known here: max_order_quantity, ",
        ),
        (
            "[orders.risk.account.DU1]\nmax_position = 1\n[orders.risk.account.'D.2']\nmax_position = '1'",
            4,
            "orders.risk.account.D.2.max_position must be a number or nil, not a string",
        ),
        ("[orders.risk.account]\nDU1 = { missing = 'x' }", 2, "DU1.missing must be one of allow, refuse"),
        ("[orders.risk.strategy.x]\n\ntime_zone = 'Mars'", 3, "'Mars' is no time zone"),
        ("[gateway]\nhost = 'gateway..lan'", 2, "'gateway..lan' is no name and no address"),
        (f"[gateway]\nhost = '{'x' * 70}'", 2, "is no name and no address"),
        ("[gateway.life]\ntime_zone = 'Mars'", 2, "'Mars' is no time zone"),
        ("[alerts]\nrestart_time_zone = 'Mars'", 2, "'Mars' is no time zone"),
        ("[gateway.life]\n\nlogin_hours = '07:00-Fri 22:00'", 3, "names one day: name both"),
        ("[gateway.life]\nlogin_hours = '00:00-00:00'", 2, "the whole day is '00:00-23:59'"),
        ("[gateway.life]\nreset = ['00:15-01:45', 'Fri 23:00-03:00']", 2, "names one day: name both"),
        ("[gateway.life]\n\ntime_zone = 'Mars'", 3, "gateway.life.time_zone: 'Mars'"),
        ("[gateway.life]\nibc_host = 'a..b'", 2, "gateway.life.ibc_host: host 'a..b'"),
        ("[gateway.life]\nlogin_hours = '7-22'", 2, "login_hours must be written like '07:00-22:00' or 'Fri"),
        ("[gateway.life]\nweek_ends = 'Sunday 1:00'", 2, "week_ends must be written like 'Sun 01:00'"),
        ("[gateway.life]\nrestart_at = ['11:45 PM']", 2, "restart_at[0] must be written like '23:45'"),
        ('[gateway.life]\n\nrestart_at = ["23:45\\n"]', 3, "restart_at[0] must be written like '23:45'"),
        ("[gateway.life]\nrestart_at = '23:45'", 2, "put it in brackets"),
        ("[gateway.life]\nstart = ['']", 2, "gateway.life.start[0]"),
        ("[alerts]\nrestart_at = '24:00'", 2, "alerts.restart_at must be written like '23:45'"),
        ("[alerts]\nwebhook = 'hooks.example/secret'", 2, "alerts.webhook: webhook must begin with https://"),
        ("[alerts]\ndeadman_url = 'ftp://x'", 2, "alerts.deadman_url: "),
        ("[alerts]\ncommand = ['']", 2, "alerts.command[0]"),
        ("[web]\nhosts = ['http://desk']", 2, "web.hosts: 'http://desk' is no NAME"),
        ("[gateway]\nmode = 'external'\nhost = '300.1.1.1'", 3, "gateway.host: host '300.1.1.1' is no IPv4"),
        ("[gateway]\nhost = 'http://127.0.0.1'", 2, "gateway.host: host 'http://127.0.0.1' is a URL"),
        ("x = 1\n[[cluster]]\nport_base = 1", 1, "x is unknown"),
        ("\n[[cluster]]\nport_base = 1", 2, "cluster must be a map, not a list"),
        ("[cluster]\nlogs_mb = 50\nlogs_mb = 60", 3, "not valid TOML"),
        ("[gateway\n", 1, "not valid TOML"),
        ("x = 1" + "0" * 5000, None, "not valid TOML"),
        ("x = " + "[" * 5000, None, "not valid TOML"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line_with_place_key_and_cure(
    text: str, line: int | None, says: str
):
    error = refusal(text)
    assert says in str(error)
    assert "\n" not in str(error)
    if line is not None:
        assert str(error).startswith(f"my.toml:{line}: ")
    assert str(error).startswith("my.toml:")


def test_a_secret_in_an_address_is_not_shown():
    assert "secret" not in str(refusal("[alerts]\nwebhook = 'hooks.example/secret'"))


def test_a_file_as_windows_writes_it_is_read():
    assert parse_config("\ufeff[cluster]\r\nport_base = 6000\r\n").cluster.port_base == 6000


def test_the_tables_in_the_readme_can_be_used():
    readme = Path(__file__).parents[2] / "README.md"
    tables = re.findall(r"```toml\n(.*?)```", readme.read_text(encoding="utf-8"), re.DOTALL)
    configs = [parse_config(table) for table in tables]
    assert configs[0] == Config()  # it says that these are the defaults
    assert configs[1].orders.risk.strategy["alpha"].max_position == 500


def test_the_line_named_is_that_of_the_table_the_key_is_wrong_in():
    """The same key in another table is not the culprit, wherever it stands."""
    error = refusal("[simulator]\nseed = 1\n\n[cluster]\nseed = 1\n")
    assert (error.file, error.line) == ("my.toml", 5)


def test_a_file_is_found_read_and_its_folder_is_where_data_lives(tmp_path: Path):
    file = tmp_path / "twsmq.toml"
    file.write_text('[cluster]\ndata_dir = "data"\n')
    assert load_config(file).data_dir == tmp_path / "data"
    with pytest.raises(ConfigError, match="--config"):
        load_config(tmp_path / "no-such.toml")


@pytest.mark.parametrize(
    ("gateway", "host", "port"),
    [("[::1]:4002", "::1", 4002), ("[fe80::1%eth0]:7497", "fe80::1%eth0", 7497), ("gw.lan:1", "gw.lan", 1)],
)
def test_a_gateway_on_the_command_line_may_be_an_ipv6_address(gateway: str, host: str, port: int) -> None:
    table = load_config(gateway=gateway).config.gateway
    assert (table.mode, table.host, table.port) == ("external", host, port)
    assert address(table.host, table.port) == gateway


@pytest.mark.parametrize(
    ("gateway", "cure"),
    [
        ("::1", "in brackets, like [::1]:4002"),
        ("http://127.0.0.1:4002", "is a URL"),
        ("::1:4002", "in brackets, like [::1]:4002"),
        ("fe80::1:4002", "in brackets, like [::1]:4002"),
        ("[::1]", "in brackets, like [::1]:4002"),
        ("[localhost]:4002", "no IPv6 address"),
        ("[::1:4002", "in brackets"),
        ("a b:4002", "no name and no address"),
        ("host:\u0664002", "is not HOST:PORT"),
    ],
)
def test_what_is_no_address_says_how_to_write_one(gateway: str, cure: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(cure)):
        load_config(gateway=gateway)


@pytest.mark.parametrize("host", ["[::1]", "127.0.0.1:4002", "a b"])
def test_a_host_in_the_file_has_neither_brackets_nor_port(host: str) -> None:
    with pytest.raises(ConfigError, match="host"):
        parse_config(f"[gateway]\nhost = '{host}'")


@pytest.mark.parametrize("gateway", ["4002", ":4002", "host:", "host:0", "host:70000", "host:x"])
def test_a_gateway_on_the_command_line_must_be_host_and_port(gateway: str):
    with pytest.raises(ConfigError, match="HOST:PORT"):
        load_config(gateway=gateway)


def test_a_gateway_on_the_command_line_is_an_external_one():
    table = load_config(gateway="10.0.0.5:7497").config.gateway
    assert (table.mode, table.host, table.port) == ("external", "10.0.0.5", 7497)


def test_endpoints_follow_from_the_port_base():
    config = parse_config("[cluster]\nport_base = 6000\n[marketdata]\ninstances = 5")
    assert endpoints.requests_endpoint(config, "supervisor") == "tcp://127.0.0.1:6000"
    assert endpoints.events_endpoint(config, "supervisor") == "tcp://127.0.0.1:6001"
    assert endpoints.requests_endpoint(config, endpoints.marketdata(4)) == "tcp://127.0.0.1:6028"
    assert endpoints.events_endpoint(config, "orders") == "tcp://127.0.0.1:6031"
    assert endpoints.requests_endpoint(config, "reference") == "tcp://127.0.0.1:6050"
    page = int("web" in endpoints.node_names(config))  # where its extra is installed
    assert len(endpoints.ports(config)) == 2 * (1 + len(endpoints.node_names(config))) + page


def test_the_page_runs_where_it_is_wanted_or_can_be():
    assert "web" in endpoints.node_names(parse_config("[web]\nenabled = true"))
    assert "web" not in endpoints.node_names(parse_config("[web]\nenabled = false"))
    assert endpoints.web_port(Config()) == 5580


@pytest.mark.parametrize(
    "name", ["marketdata-5", "marketdata-05", "marketdata-٣", "marketdata", "Orders", ""]
)
def test_a_name_that_is_no_process_has_no_endpoint(name: str):
    with pytest.raises(ConfigError, match="no process"):
        endpoints.requests_endpoint(Config(), name)


def test_client_ids_are_distinct_and_fixed():
    config = parse_config("[marketdata]\ninstances = 5\n[gateway]\nclient_id_base = 200")
    ids = {name: endpoints.client_id(config, name) for name in endpoints.node_names(config)}
    assert ids["orders"] == 201
    assert ids["marketdata-4"] == 214
    assert len(set(ids.values())) == len(ids)
    assert endpoints.client_id(config, "supervisor") is None


@pytest.mark.parametrize("shards", range(1, 6))
@pytest.mark.parametrize("rate", [15, 40, 45, 90, 1000])
def test_no_second_sees_more_than_the_gateway_allows_whatever_all_processes_have_saved_up(
    shards: int, rate: int
):
    config = parse_config(f"[marketdata]\ninstances = {shards}\n[gateway]\nmessages_per_second = {rate}")
    shares = [message_share(config, name) for name in endpoints.node_names(config)]
    lasting = sum(shares)
    second = lasting + sum(message_burst(share) for share in shares if share)
    assert lasting == pytest.approx(lasting_rate(config))
    assert rate / 2 <= lasting <= rate
    assert second <= rate * 10 / 9 + 1e-6 or lasting == pytest.approx(rate / 2)
    assert second >= rate * 10 / 9 - 1e-6, "and no more is given away than need be"


def test_without_a_limit_nobody_has_one():
    config = parse_config("[gateway]\nmessages_per_second = 0")
    assert {message_share(config, name) for name in endpoints.node_names(config)} == {0.0}


@pytest.mark.parametrize(
    "line", [" " * 300_000, "a" + " " * 300_000 + "= 1", "# " + "= " * 150_000, "\t" * 300_000 + "#"]
)
def test_a_line_of_whatever_length_is_looked_through_once(line: str):
    """The supervisor reads the file again while it keeps all others alive."""
    before = time.perf_counter()
    error = refusal(f'[x]\n{line}\n[cluster]\nport_base = "x"\n')
    assert str(error).startswith("my.toml:")
    assert time.perf_counter() - before < 2.0


def test_the_line_at_fault_is_named_however_it_is_written():
    for text, line in (
        ('[ cluster ]\n  "port_base"  = "x"\n', 2),
        ('# [cluster]\n[cluster] # port_base = 1\n# port_base = 2\nport_base="x"', 4),
        ('cluster = {port_base = "x"}\n', 1),
        ('[gateway]\nport = 1\n\n[cluster]\nlogs_mb = 100\nport_base= "x" # = y\n', 6),
    ):
        assert f"my.toml:{line}: " in str(refusal(text)), text


@pytest.mark.parametrize(
    ("line", "comment"),
    [('keys = "off" # why', " # why"), ('keys = "off"', ""), ("keys = 'a # b'", ""),
     ('keys = "off"\t# a # b', "\t# a # b"),
     ('keys = "off" ' + " " * 100_000, ""), ('keys = "off"#tight', "")],
)  # fmt: skip
def test_a_comment_behind_a_value_that_is_set_stays(line: str, comment: str):
    before = time.perf_counter()
    changed = with_values(f"[cluster]\n{line}\n", "cluster", {"keys": "on"}, "my.toml")
    assert changed == f'[cluster]\nkeys = "on"{comment}\n'
    assert time.perf_counter() - before < 1.0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_the_simulated_gateway_listens_on_this_machine_only(host: str) -> None:
    assert parse_config(f"[gateway]\nhost = '{host}'").gateway.host == host
    away = parse_config("[gateway]\nmode = 'external'\nhost = '10.0.0.7'")
    assert away.gateway.host == "10.0.0.7"

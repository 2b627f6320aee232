"""docs/configuration.md has every key of `twsmq.toml`, as the code has it."""

from __future__ import annotations

import msgspec
from support.docs_scripts import DOCS, docs_script
from twsmq_protocol.config import Config, parse_config
from twsmq_protocol.supervision import flat

PAGE = docs_script("configuration")


def test_the_page_is_what_the_generator_writes() -> None:
    written = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert written == PAGE.page(), "docs/configuration.md is stale: make configuration"


def test_every_key_has_a_meaning_and_stands_under_its_table() -> None:
    tables = dict(PAGE.tables())
    assert {"cluster", "gateway.life", "orders.risk.strategy.NAME", "alerts.rules.NAME"} <= tables.keys()
    keys = 0
    for name, kind in tables.items():
        told = PAGE.meanings(kind)
        for field in msgspec.structs.fields(kind):
            below = f"{name}.{field.encode_name}"
            if below in tables or f"{below}.NAME" in tables:
                continue
            keys += 1
            assert told.get(field.name), f"{below}: write its meaning below it"
    assert keys > 60
    for key in flat(parse_config("")):
        table, _, name = key.partition(".")
        section = PAGE.page().partition(f"## `[{table}]`\n")[2].partition("\n## `[")[0]
        assert f"| `{name}` |" in section or key in tables or f"{key}.NAME" in tables, key
    assert {field.encode_name for field in msgspec.structs.fields(Config)} <= tables.keys()

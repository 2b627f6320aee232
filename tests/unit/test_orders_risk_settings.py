"""Limits that are set at run time: kept, read again, and bounded."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from support.orders_desk import Desk
from twsmq_nodes.orders.risk.guard import RiskGuard
from twsmq_nodes.orders.risk.live_inputs import LiveRiskInputs
from twsmq_nodes.orders.risk.settings import MOST_BYTES, MOST_LAYERS, MOST_WAITING, RiskSettings
from twsmq_protocol.errors import FieldError, RequestError, Unmendable
from twsmq_protocol.order_control_requests import SetRisk
from twsmq_protocol.risk_limits import Risk, RiskLimits


@pytest.mark.parametrize(
    ("limits", "field", "words"),
    [
        ({"order_types": ("LMT", "LMX")}, "order_types", "did you mean LMT?"),
        ({"order_types": ("mkt",)}, "order_types", "did you mean MKT?"),
        ({"price_collar": 5.0}, "price_collar", "5 would be 500% of the price"),
        ({"trading_windows": ("09:30-09:30",)}, "trading_windows", "no time at all"),
        ({"instruments": ("AAPL",)}, "instruments", "instrument 'AAPL'"),
        ({"instruments": ("stk:*",)}, "instruments", "STK:AAPL:SMART:USD"),
    ],
)
def test_limits_that_nobody_means_are_refused_by_their_field(
    limits: dict[str, Any], field: str, words: str
) -> None:
    """When they are set, and in the file; what was kept before that was checked still holds."""
    with pytest.raises(FieldError, match=re.escape(words)) as refused:
        SetRisk(scope="default", limits=RiskLimits(**limits))
    assert refused.value.field == f"limits.{field}"
    layer: dict[str, Any] = {"account": {"DU1": RiskLimits(**limits)}}
    for where, given in (("", limits), ("account.DU1.", layer)):
        with pytest.raises(FieldError, match=re.escape(words)) as refused:
            Risk(**given)
        assert refused.value.field == f"{where}{field}"
    desk = Settings()
    desk.settings.restore({"risk/strategy/s": msgspec.json.encode(RiskLimits(**limits)).decode()})
    assert [layer.name for layer in desk.guard.listed().layers] == ["", "s"]


@pytest.mark.parametrize(
    "instrument", ["STK:AAPL:SMART:USD", "STK:*", "S*", "*", "CONID:*", "CONID:101:CBOE"]
)
def test_instruments_may_be_named_by_any_spelling_or_beginning(instrument: str) -> None:
    assert SetRisk(scope="default", limits=RiskLimits(instruments=(instrument,))).limits.instruments


def test_limits_of_an_account_that_the_gateway_does_not_manage_are_refused() -> None:
    desk = Settings()
    desk.settings.restore({"risk/account/DU9": '{"max_position": 1}'})
    with pytest.raises(RequestError, match="does not manage DU9; it has DU1, DU2") as refused:
        desk.set("DU9", scope="account", max_position=2.0)
    assert (refused.value.field, len(desk.saved)) == ("name", 0)
    desk.set("DU9", scope="account")  # what is there may be taken away
    desk.set("DU2", scope="account", max_position=2.0)
    desk.accounts = ()
    desk.set("DU9", scope="account", max_position=2.0)  # while nobody knows


class Asked:
    who = "me"

    def __init__(self) -> None:
        self.answers: list[Any] = []

    def succeed(self, result: Any) -> None:
        self.answers.append(result)


class Settings:
    def __init__(self) -> None:
        self.saved: list[tuple[str, str]] = []
        inputs = LiveRiskInputs(Desk().core.book, lambda _instrument: None, lambda: 0.0, repeat_s=5.0)
        self.guard = RiskGuard(Risk(), inputs)
        self.accounts: tuple[str, ...] = ("DU1", "DU2")
        self.settings = RiskSettings(
            self.guard, lambda name, value, _who: self.saved.append((name, value)), lambda: self.accounts
        )

    def set(self, name: str, *, scope: Any = "strategy", **limits: Any) -> Asked:
        asked = Asked()
        args = SetRisk(scope=scope, name=name, limits=RiskLimits(**limits))
        self.settings.set(args, asked)  # pyright: ignore[reportArgumentType]
        return asked

    def save(self) -> None:
        for name, _ in self.saved:
            self.settings.setting_saved(name)


def refusal(desk: Settings, name: str, **limits: Any) -> tuple[str, str | None]:
    layers, saved = len(desk.guard.listed().layers), len(desk.saved)
    with pytest.raises(RequestError) as refused:
        desk.set(name, **limits)
    assert (len(desk.guard.listed().layers), len(desk.saved)) == (layers, saved), "it had no effect"
    return str(refused.value.code), refused.value.field


def test_layers_are_bounded_in_number_and_one_that_is_there_can_always_be_changed() -> None:
    desk = Settings()
    for number in range(MOST_LAYERS):
        desk.set(f"s{number}", max_position=1.0)
        desk.settings.setting_saved(f"risk/strategy/s{number}")
    assert refusal(desk, "one-more", max_position=1.0) == ("conflict", "name")
    desk.set("s7", max_position=2.0)
    again = Settings()
    again.settings.restore(dict(desk.saved))
    assert refusal(again, "one-more", max_position=1.0) == ("conflict", "name")


def test_layers_are_bounded_in_bytes() -> None:
    desk = Settings()
    many = tuple(f"STK:{number:0>100}:SMART:USD" for number in range(2000))
    refused: tuple[str, str | None] | None = None
    for number in range(10):
        if sum(len(value) for _, value in desk.saved) + len(json.dumps(many)) > MOST_BYTES:
            refused = refusal(desk, f"s{number}", instruments=many)
            break
        desk.set(f"s{number}", instruments=many)
    assert refused == ("conflict", "limits")
    desk.set("s0")  # smaller ones
    desk.set("s9", instruments=many)


def test_wishes_that_wait_for_the_disk_are_bounded() -> None:
    desk = Settings()
    asked = [desk.set("s", max_position=float(number + 1)) for number in range(MOST_WAITING)]
    assert refusal(desk, "s", max_position=5.0) == ("throttled", None)
    desk.save()
    assert all(len(one.answers) == 1 for one in asked)
    desk.set("s", max_position=5.0)


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("strategy", "x" * 17),
        ("strategy", "\x1b[2J"),
        ("account", "a" * 33),
        ("account", "a/b"),
        ("account", ""),
    ],
)
def test_a_layer_of_a_name_that_nobody_can_have_is_refused(scope: Any, name: str) -> None:
    with pytest.raises(FieldError, match="name"):
        SetRisk(scope=scope, name=name, limits=RiskLimits())


@pytest.mark.parametrize(
    "value", ["", "{", "[]", '{"max_position": -1}', '{"later_rule": 1}', '{"instruments": ' + "[" * 100_000]
)
def test_limits_that_cannot_be_read_refuse_the_start_for_good(value: str) -> None:
    """To trade without them is not for a machine to decide."""
    with pytest.raises(Unmendable, match="limits of strategy s, which were set at run time, cannot be read"):
        Settings().settings.restore({"halt/": "x", "risk/strategy/s": value})

"""What the simulated market says an option is worth."""

from __future__ import annotations

import pytest
from twsmq_simulator.market.pricing import MODEL_VOLATILITY, OptionModel

NOW = 1_776_270_000_000_000_000  # 2026-04-15


def model(*, call: bool = True, under: float = 265.0) -> OptionModel:
    return OptionModel(250.0, "20260619", call=call, under=lambda: under, now=lambda: NOW)


@pytest.mark.parametrize("call", [True, False])
def test_the_fair_price_implies_the_models_volatility(call: bool) -> None:
    option = model(call=call)
    again = option.at(option.fair().price)
    assert again.volatility == pytest.approx(MODEL_VOLATILITY, abs=1e-6)
    assert again.greeks is not None
    fair = option.fair().greeks
    assert fair is not None
    assert again.greeks.delta == pytest.approx(fair.delta, abs=1e-6)


def test_call_and_put_keep_parity() -> None:
    call, put = model().fair().greeks, model(call=False).fair().greeks
    assert call is not None
    assert put is not None
    assert call.delta - put.delta == pytest.approx(1)
    assert call.gamma == pytest.approx(put.gamma)


def test_a_price_below_the_intrinsic_value_has_no_volatility() -> None:
    computed = model(under=400.0).at(100.0)
    assert (computed.volatility, computed.greeks) == (None, None)
    assert (computed.price, computed.under_price) == (100.0, 400.0)

"""Executions reported twice and executions corrected afterwards.

A correction has the same id with a higher last part (IBKR docs: "0000e0d5.69e02bfb.01.01" becomes ".02") and
replaces the original: it is booked as the difference.
"""

from decimal import Decimal

from msgspec.structs import replace

from twsmq_simulator.broker.effects import AccountChanged, CommissionReported, Effect, Executed
from twsmq_simulator.broker.model import Execution
from twsmq_simulator.broker.state import State


def repeated(execution: Execution) -> list[Effect]:
    return [Executed(execution), CommissionReported(execution)]


def correct(state: State, original: Execution, price: float) -> tuple[list[Effect], Execution]:
    """The effects and the new execution; position and cash become what they would be at the new price."""
    stem, _, suffix = original.exec_id.rpartition(".")
    corrected = replace(original, exec_id=f"{stem}.{int(suffix) + 1:02d}", price=price)
    instrument = state.instrument(original.con_id)
    if not instrument.legs:
        size, zero = original.quantity, Decimal(0)
        state.ledger.apply(
            instrument, bought=not original.bought, quantity=size, price=original.price, fee=zero
        )
        realized = state.ledger.apply(
            instrument, bought=original.bought, quantity=size, price=price, fee=zero
        )
        corrected = replace(corrected, realized=realized)
        state.save_position(instrument.con_id)
    del state.executions[original.exec_id]
    state.executions[corrected.exec_id] = corrected
    state.orders.save_record("execution", original.exec_id, None)
    state.orders.save_record("execution", corrected.exec_id, corrected)
    return [Executed(corrected), CommissionReported(corrected), AccountChanged(original.con_id)], corrected

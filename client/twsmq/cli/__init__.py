"""The `twsmq` command."""

from twsmq_protocol.first_signals import leave_meaningless

from .interrupt import killed_by_ctrl_c

leave_meaningless()  # `up` becomes the supervisor
with killed_by_ctrl_c():
    from .root import main

__all__ = ["main"]

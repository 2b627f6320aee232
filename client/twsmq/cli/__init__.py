"""The `twsmq` command."""

from .interrupt import killed_by_ctrl_c

with killed_by_ctrl_c():
    from .root import main

__all__ = ["main"]

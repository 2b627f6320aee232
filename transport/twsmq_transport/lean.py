"""structlog, imported without what it could draw colours and tracebacks with.

Where rich, colorama or better_exceptions are installed, structlog imports them for a terminal. Processes that
log for machines never use them, and they are a tenth of what such a process imports: one that was killed
is to be ready again soon.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import cast

_FOR_TERMINALS = ("rich", "colorama", "better_exceptions")


def import_structlog() -> None:
    """To be called before structlog is imported for the first time; later it does nothing."""
    if "structlog" in sys.modules:
        return
    hidden = [name for name in _FOR_TERMINALS if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = cast("ModuleType", None)  # Python's way to say that there is none
    try:
        import_module("structlog")
    finally:
        for name in hidden:
            del sys.modules[name]

"""Which release of twsmq this is, found out when it is first asked for.

`importlib.metadata` is imported then and not before: it is 3 % of what a process imports, and one that was
killed is to be ready again soon.
"""

from __future__ import annotations

from functools import cache


@cache
def release() -> str:
    from importlib.metadata import version

    return version("twsmq")

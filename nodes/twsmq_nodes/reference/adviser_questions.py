"""What is asked about an adviser's groups, and what is put in their place. Pure.

Neither is remembered: whoever has replaced them reads what is there now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twsmq_protocol import adviser_requests as ops

from .look_ups import Query
from .question import Question, rows_of

_NUMBERS: dict[ops.AdviserList, int] = {"groups": 1, "profiles": 2, "aliases": 3}


def fa_groups(args: ops.GetFaGroups) -> Question:
    (found,) = yield (Query("fa groups", (_NUMBERS[args.list],)),)
    (xml,) = rows_of(found)
    return ops.FaGroups(list=args.list, xml=xml)


def replace_fa_groups(args: ops.ReplaceFaGroups) -> Question:
    (found,) = yield (Query("replace fa groups", (_NUMBERS[args.list], args.xml)),)
    (message,) = rows_of(found)
    return ops.FaGroupsReplaced(message=message)


QUESTIONS: dict[str, Callable[[Any], Question]] = {
    "fa_groups": fa_groups,
    "replace_fa_groups": replace_fa_groups,
}
"""By op."""

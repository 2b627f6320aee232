"""The string below each field of a struct, which is its documentation in the source.

Read from the source, because Python keeps no such string. SPEC's table of limits and the pages of the
documentation are written from it.
"""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise

from msgspec import Struct


def field_docs(kind: type[Struct]) -> dict[str, str]:
    """By field; one without is left out."""
    tree = ast.parse(inspect.getsource(kind))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    found: dict[str, str] = {}
    for before, after in pairwise(body):
        text = after.value if isinstance(after, ast.Expr) else None
        if (
            isinstance(before, ast.AnnAssign)
            and isinstance(text, ast.Constant)
            and isinstance(text.value, str)
        ):
            assert isinstance(before.target, ast.Name)
            found[before.target.id] = text.value
    return found

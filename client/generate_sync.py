"""`python client/generate_sync.py [--check]`: the synchronous twins of what stands in `twsmq/_async`.

Token by token, so that strings and comments stay as they are: `async` and `await` go, `Async…` names become
`Sync…`. What cannot be had by that (sockets, waiting) is in `client.py` and `aio.py`, each in its own way.
"""

from __future__ import annotations

import io
import sys
import tokenize
from pathlib import Path

PACKAGE = Path(__file__).parent / "twsmq"
SOURCE, TARGET = PACKAGE / "_async", PACKAGE / "_sync"
_NAMES = {"AsyncIterator": "Iterator", "__aiter__": "__iter__", "__anext__": "__next__", "_async": "_sync"}
_NOTE = "# Made by client/generate_sync.py from `_async`: change that, then run `make sync`.\n"


def synchronous(source: str) -> str:
    """`source` without its `async` and `await`, everything else where it stood."""
    lines = source.splitlines(keepends=True)
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(source).readline))):
        if token.type != tokenize.NAME:
            continue
        (row, begin), (_, end) = token.start, token.end
        line = lines[row - 1]
        if token.string in ("async", "await"):
            while end < len(line) and line[end] == " ":
                end += 1
            lines[row - 1] = line[:begin] + line[end:]
        else:
            name = _NAMES.get(token.string)
            if name is None and token.string.startswith("Async"):
                name = f"Sync{token.string.removeprefix('Async')}"
            if name is not None:
                lines[row - 1] = line[:begin] + name + line[end:]
    return "".join(lines)


def main() -> int:
    stale: list[str] = []
    for source in sorted(SOURCE.glob("*.py")):
        text = synchronous(source.read_text(encoding="utf-8"))
        made = _NOTE + text
        target = TARGET / source.name
        if not target.exists() or target.read_text(encoding="utf-8") != made:
            stale.append(source.name)
            if "--check" not in sys.argv:
                target.write_text(made, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.stderr.write(f"_sync/{', '.join(stale)} is not what _async says: run `make sync`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

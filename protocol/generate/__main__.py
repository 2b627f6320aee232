"""`python protocol/generate [--check]`: write what other languages read; with --check only say what is old."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from generate import cpp, typescript
from generate.model import read
from generate.schema import broken_promises, schema
from generate.spec_tables import with_tables

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "protocol" / "SPEC.md"
SCHEMA = ROOT / "protocol" / "schema" / "twsmq.schema.json"


def files() -> dict[Path, str]:
    """Every written file and what stands in it. Raises `SystemExit` where a promise of this version is broken."""
    protocol = read()
    made = schema(protocol)
    if SCHEMA.exists() and (broken := broken_promises(json.loads(SCHEMA.read_text()), made)):
        sys.exit("within a protocol version only additions are made: " + "; ".join(broken))
    return {
        SPEC: with_tables(SPEC.read_text(encoding="utf-8")),
        SCHEMA: json.dumps(made, indent=1) + "\n",
        ROOT / "clients" / "typescript" / "src" / "types.ts": typescript.render(protocol),
        ROOT / "clients" / "cpp" / "include" / "twsmq" / "types.hpp": cpp.render(protocol),
    }


def main() -> int:
    check = "--check" in sys.argv[1:]
    old = [path for path, text in files().items() if not path.exists() or path.read_text() != text]
    for path in old:
        print(f"{path.relative_to(ROOT)}: {'older than the protocol: make vectors' if check else 'written'}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files()[path])
    return 1 if check and old else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python docs/execute_notebooks.py [--write] NOTEBOOK…`: run notebooks against the cluster of ./twsmq.toml.

Prints what each printed. --write keeps the outputs in the file, which is what the site shows. Exit code 1 when a
cell fails, with its traceback. `make notebooks` writes all of them, against a cluster of its own.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError


def execute(path: Path, *, write: bool) -> str:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": "."}}
    ).execute()
    if write:
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # when each cell ran: another one each time
        notebook.metadata["language_info"] = {"name": "python"}
        nbformat.write(notebook, path)
    return "\n".join(text for cell in notebook.cells for text in _printed(cell))


def _printed(cell: nbformat.NotebookNode) -> list[str]:
    return [
        str(output["text"] if "text" in output else output["data"].get("text/plain", ""))
        for output in cell.get("outputs", [])
    ]


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--write", action="store_true")
    options.add_argument("notebooks", nargs="+", type=Path)
    chosen = options.parse_args()
    for path in chosen.notebooks:
        try:
            sys.stdout.write(execute(path, write=chosen.write) + "\n")
        except CellExecutionError as error:
            sys.stderr.write(f"{path}: {error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

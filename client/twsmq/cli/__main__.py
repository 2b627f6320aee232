"""`python -m twsmq.cli` is the `twsmq` command."""

from . import main

if __name__ == "__main__":
    main(prog_name="twsmq")

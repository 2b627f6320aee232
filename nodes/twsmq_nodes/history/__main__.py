"""`python -m twsmq_nodes.history`: runs the history node."""

from twsmq_protocol.endpoints import HISTORY

from twsmq_nodes.runtime.process import run

from .shell import HistoryShell

if __name__ == "__main__":
    run(HISTORY, HistoryShell)

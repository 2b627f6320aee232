"""`python -m twsmq_nodes.status`: runs the status node."""

from twsmq_protocol.endpoints import STATUS

from twsmq_nodes.runtime.process import run

from .shell import StatusShell

if __name__ == "__main__":
    run(STATUS, StatusShell)

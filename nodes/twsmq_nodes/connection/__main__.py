"""`python -m twsmq_nodes.connection`: runs the connection node."""

from twsmq_protocol.endpoints import CONNECTION

from twsmq_nodes.runtime.process import run

from .shell import ConnectionShell

if __name__ == "__main__":
    run(CONNECTION, ConnectionShell)

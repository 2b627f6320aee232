"""`python -m twsmq_nodes.reference`: runs the reference node."""

from twsmq_protocol.endpoints import REFERENCE

from twsmq_nodes.runtime.process import run

from .shell import ReferenceShell

if __name__ == "__main__":
    run(REFERENCE, ReferenceShell)

"""Proof of a client in any language, without a cluster: `twsmq conform CMD…`.

CMD is a small program around the client under proof. It reads one command per line of JSON and writes one
observation per line. The runner plays the part of every process over real sockets, on free ports, and
compares values, never bytes: the golden vectors first, then the scripted sessions.
`protocol/vectors/sessions/README.md` is the contract.

    values.py   JSON that keeps 64-bit integers, and what counts as equal
    cast.py     the processes of a cluster as a session's script has them: ROUTER and XPUB
    peer.py     the program under proof, at the other end of two pipes
    runner.py   vectors and sessions, played and judged
    python.py   the program around this package's own client
"""

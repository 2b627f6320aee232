"""The page: a process of its own that speaks only the protocol and holds no session with the gateway.

    browser ── SSE, POST ──→ server ── op `board`, topic `board/`, commands ──→ the cluster

It may hang or die without anybody else noticing; what it shows comes from the status node's board, and how
old that is from the heartbeats it receives itself.

  process.py        how the process lives; connections.py one browser's connection
  app.py            what is answered, and to whom; access.py who may do what
  desk.py           what is shown; streams.py who listens
  commands.py       what an operator may do; audit.py what was done
  exposition.py     everybody's counts, for Prometheus
"""

from twsmq_protocol.first_signals import handle_if_run

handle_if_run()

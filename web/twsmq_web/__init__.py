"""The page: a process of its own that speaks only the protocol and holds no session with the gateway.

    browser ── SSE, POST ──→ server ── op `board`, topic `board/`, commands ──→ the cluster

It may hang or die without anybody else noticing; what it shows comes from the status node's board, and how
old that is from the heartbeats it receives itself. `access` knows who may do what, `streams` who listens,
`server` what is answered, `metrics` puts everybody's counts together.
"""

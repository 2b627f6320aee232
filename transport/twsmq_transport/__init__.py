"""The wire's behaviour, once for nodes, supervisor and page: sockets on the loop, mailbox, outbox, requester.

It knows the protocol and ZeroMQ, nothing of gateways or of who owns the sockets. The Python client has its
own way (it pulls, one reader); the simulator stands alone on purpose.

  sockets.py        ZeroMQ on the asyncio loop (loops.py: which one)
  mailbox.py        requests in, one answer each; replies.py their way out
  outbox.py         events out, numbered; retained.py what newcomers get again
  requester.py      requests to other processes
  wire.py           a process's mailbox and outbox, and what it answers of itself

What one client may cost
  servers.py        sockets that clients reach: turns.py whose message is next, peers.py who must go
                    (connections.py: as the system sees them), outstanding.py replies not taken,
                    allowance.py what a key may use, descriptors.py how many may connect

Who may do what
  security.py       CURVE and rights; gatekeeper.py who is let in, door.py it on the loop, grants.py
                    subscriptions by name

What every process is
  log.py            one log (log_flood.py: bounded; lean.py: cheap to import); metrics.py and
                    process_metrics.py counts; vitals.py health; lifeline.py its end with the supervisor's,
                    stop_signals.py in order; private.py files that are its owner's alone; release.py
                    its version
"""

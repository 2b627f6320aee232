"""The wire's behaviour, once for nodes and supervisor: sockets on the loop, mailbox, outbox, requester.

It knows the protocol and ZeroMQ, nothing of gateways or of who owns the sockets. The Python client has its
own way (it pulls, one reader); the simulator stands alone on purpose.
"""

"""What may stand between the gateway and subscribers, each a process of its own.

A peer is started with `GATEWAY_PORT ADDRESS INSTRUMENTS`, asks the gateway for so many instruments and
publishes every tick under the market-data node's topics, in the fastest way its library leaves open: one
frame, msgpack by msgspec, unlimited queues. So what differs is the way from the socket to the publisher.
"""

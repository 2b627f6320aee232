"""What all nodes share: state and heartbeat, the life of a process, the link to the gateway.

A node is three rooms: `core.py` decides (pure), `shell.py` does (sockets, timers, TWS session), `__main__.py`
wires. See `process.run` for how one starts and ends.
"""

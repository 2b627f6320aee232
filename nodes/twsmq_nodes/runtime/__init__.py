"""What all nodes share: state and heartbeat, the life of a process, the link to the gateway.

A node is three rooms: `core.py` decides (pure), `shell.py` does (sockets, timers, TWS session), `__main__.py`
wires.

  process.py        how a process starts and ends: `run`
  node.py           mailbox, outbox, state and heartbeat
  link.py           the TWS session, shown as the node's state
  driver.py         how a shell runs its core; alarm.py its one timer, timer.py what a core receives of it
  budget.py         a node's part in the lending of the message budget
  pacing_record.py  what all processes of the cluster asked the gateway for
  life_clock.py     the week of a gateway: restarts, resets, when its login ends
  room.py           how many may wait where several share a line
"""

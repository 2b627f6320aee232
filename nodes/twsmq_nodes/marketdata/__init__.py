"""The market data node: live streams, one gateway line for all who want the same, told when it breaks.

core.py       decides: which topics are wanted, which lines they need, what each is told (pure)
line.py       the life of one line (pure); contracts.py which contract a spelling means (pure)
feeds.py      what a line carries and how it is asked for
router.py     the way of ticks: from the session's batches to the publishers, no core, no task, no log
quotes.py     an instrument's state; publisher.py topics on their way out
store.py      what survives a restart
shell.py      sockets, timers, session
"""

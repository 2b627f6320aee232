"""The market-data node beside its peers, all fed by one simulated gateway, on one machine, in one run.

    feed.py        the gateway: pre-encoded ticks of many instruments, at a rate or as fast as they are taken
    tape.py        which tick is which: feed and subscribers agree on it, so each tick's age and loss is known
    hearing.py     what a subscriber heard of it
    peers/         what stands between gateway and subscribers, one process each
    subscriber.py  one subscriber, one process
    sides.py       starts a side: its process, its subscribers
    experiments.py what is measured
    claims.py      what was promised of it
    report.py      the table; plot.py the plot
    run.py         the command

Invariant: each side gets the same tape from the same feed, is warmed up first, and the sides take turns, so
that a busy moment of the machine hits all of them.
"""

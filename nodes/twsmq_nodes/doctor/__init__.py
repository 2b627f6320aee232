"""What stands between a gateway and a working cluster: `twsmq doctor`.

    probe.py     walks from a closed port to an order book, over a connection of its own, and notes it all
    machine.py   what can be seen on this machine: WSL, containers, several ibapis, libzmq, open files
    evidence.py  what was seen, and nothing else
    checks.py    the verdicts, pure: evidence in, findings out, with the cure of each
    __main__.py  the command

It needs no running cluster and disturbs none: it has a client ID of its own, asks for one quote and lets it
go, and places nothing. A probe that is not answered is no verdict by itself: requests before the first farm
notice may stay unanswered.
"""

from twsmq_protocol.first_signals import let_go

let_go()  # a command, of which 0 would say that all is well

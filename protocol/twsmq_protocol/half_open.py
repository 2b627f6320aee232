"""How either side of a connection finds out that the other is gone without a word: numbers only.

A machine that loses its network sends no FIN. TCP keepalive finds it while nothing is in flight, `TCP_MAXRT`
(on Linux TCP_USER_TIMEOUT) while something is. A peer that merely stands still (a debugger, SIGSTOP, a long
computation) answers keepalive for as long as it likes; if what is sent to it has filled all buffers for
`MAXRT_MS`, it is dropped too, connects again when it goes on, and sees in `seq` what it lost.

Never ZMTP heartbeats: with a bounded receive queue they end the whole process (docs/decisions/0009).
"""

from __future__ import annotations

KEEPALIVE_IDLE_S = 5
KEEPALIVE_INTERVAL_S = 2
KEEPALIVE_COUNT = 3
MAXRT_MS = 15_000

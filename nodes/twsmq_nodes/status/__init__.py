"""The status node: the health of every process, the board, alerts, positions, account values.

What the gateway sends (pure: events in, actions out)
  core.py           what is asked, and what is made of it; actions.py what it wants done
                    positions.py, accounts.py, results.py: the state machine of each

What the cluster publishes (`watch` feeds it, `knowledge` holds it)
  knowledge.py      all that is known: processes.py, order_monitor.py, market_board.py, figures.py, desk.py
                    (rows of the board), own_count.py (our own count of positions)
  follower.py       the orders node's journal, whole and in order
  sections.py       the sections of the board, each from what is known; board.py changes, pages
  facts.py          what alerts are decided by; readings.py the metrics of what is known
  restart_clock.py  the gateway's planned restart; health.py what `twsmq health` asks

Alerts
  alert_rules.py    the condition of each; alert_core.py what fires, and since when (pure)
  alerting.py       the two at work; sinks.py where alerts go

What does
  shell.py          session and ops; watch.py sockets, timers and disk of the watch over the cluster
  recorder.py       what is kept for later; records.py the file
"""

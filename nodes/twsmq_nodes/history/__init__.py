"""The history node: bars, ticks, schedules, histograms of the past, so that bulk never stands before a
look-up.

calls ─ queue (interactive first) ─ one piece at a time of each job ─ gateway ─ rows ─ answers

What decides (pure)
  core.py      who waits for which job, pacing, time-outs, pieces asked again
  jobs.py      what is gathered for one answer, a class for each op: which piece is next, what came of it;
               bars_job.py (columns.py: as columns) and ticks_job.py, the large ones
  contracts.py what is asked for, and what there is of its kind
  plan.py      how a range of time is cut into pieces the gateway will answer; times as it writes them
  refusals.py  what a code says about a piece: empty, passing, another `what`, final

What does
  shell.py     ops, session, clock
  memory.py    what was fetched before, in a thread of its own; store.py the file
"""

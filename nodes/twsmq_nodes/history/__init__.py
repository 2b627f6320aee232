"""The history node: bars, ticks, schedules, histograms of the past, so that bulk never stands before a
look-up.

calls ─ queue (interactive first) ─ one piece at a time of each job ─ gateway ─ rows ─ answers

plan.py      how a range of time is cut into pieces the gateway will answer; times as it writes them
jobs.py      what is gathered for one answer, a class for each op: which piece is next, what came of it
refusals.py  what a code says about a piece: empty, passing, another `what`, final
core.py      who waits for which job, pacing, time-outs, pieces asked again
shell.py     sockets, session, clock
"""

"""The reference node: slow, paced look-ups of contracts, shared by all who ask for the same.

What decides (pure: events in, actions out, no clock, socket or log)
  core.py           calls and the questions they ask; events.py its inputs and actions
  pending.py        the look-ups they wait for, and their requests; turns.py whose is next
  questions.py      the question of each op; question.py what a question is
                    contract_questions.py, market_questions.py, news_questions.py: them all
  standing_scans.py the configured scans that stay open, their rankings published
  look_ups.py       the kinds of look-up: one row each in KINDS; rows.py what the rows become
  memory.py         answers remembered
  hours.py, scanner_parameters.py: the gateway's texts read

What does
  shell.py          the ops, one session, one timer
"""

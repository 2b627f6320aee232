"""The connection node: owns the state of the link to the gateway, and what all processes share of it.

What decides (pure)
  core.py           the state of the link, from what this node's own session notices
  escalation.py     what is done about a shard whose lines stay silent
  life.py           what is done for a gateway that does not come back; life_events.py what goes in and
                    comes out
  budget.py         the message budget, lent by those that leave it unused
  client_ids.py     client IDs of programs beside the cluster

What does
  shell.py          session, the `gateway` event, ops
  life_keeper.py    commands for IBC (ibc.py), the configured program, what must be remembered
  client_id_desk.py the ops about client IDs, and their file
"""

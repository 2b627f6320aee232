"""What an order must not do, checked before the journal.

    inputs        what a rule may ask about the world, and the candidate it judges
    arithmetic    what an order is worth, and how far working orders can carry a position
    rules         RULES: one row a rule
    guard         which layers a candidate belongs to, what was sent before it, the refusal
    live_inputs   the world as other processes' events and our own fills show it
    unsettled     executions that the reported positions do not have yet
    settings      limits that are changed at run time, and outlive the process

To add a rule: its limit in `twsmq_protocol.risk_limits`, its row and check in `rules`, its example in
`docs/risk.md`.
"""

"""The orders node: the only writer of orders.

shell            sockets, session, journal thread and budget around the core (`runtime.driver` runs it)
core             the machine: requests and reports in, actions out
intake           a request: looked up, checked, answered or sent on its way; `answers` what requests share,
                 `adoption` what a person settles, `oca_groups` whose a group is
queries          what is asked of the book
pipeline/        gate, journal, wire, all or none: `pipeline`; `items` what goes this way, `gate` who goes
                 next, `pending` and `wire` the order as it is shown and sent, `callers` who waits, `cancels`
                 those owed, `modifications` built from the order as it stands, `previews`, `exercises`
reports/         what the gateway reports: `reports`; `refusals` error codes, `executions`, `changes`
                 modifications, `unexplained` ends without words, `duplicates` orders the broker has twice,
                 `identity` whose an execution is, `recorder` how it gets into the book, `account_notices`
reconciliation/  what is not certain and how it is found out: `reconciliation`; `in_flight` what is
                 unanswered, `snapshots` what is asked and what it proves, `conclusions` what is made of that,
                 `times` which day it covers, `follow_ups` what a report leaves open
foreign/         `orders` of others, their `cancel`; `account_executions` whoever placed the order; `watch`
                 when to look for them, `drift` of positions without one
halts            the kill switch; `maintenance` a restart of the gateway that is announced; `older_copy` a
                 journal put back from a backup
risk/            limits, their inputs, where those come from, and settings
book             all orders as a fold over `entries`; `record` one order, `states` its table, `attributes` how
                 each is believed, `results` a day's, `spellings` of a contract, `ids`, `codes` what they mean
journal/         `thread` SQLite's, `file` the database; `checkpoints` moves its log there on another thread,
                 `direct_writer` what is written to the gateway at once; `watermark` whether it is the journal
                 that was written here
"""

"""The orders node: the only writer of orders.

shell         sockets, session, journal thread and budget around the core (`runtime.driver` runs it)
core          the machine: requests and reports in, actions out
  intake      a request: looked up, checked, answered or sent on its way; `answers` what requests share,
              `adoption` what a person settles
  queries     what is asked of the book
  pipeline    gate, journal, wire, all or none; `items` what goes this way, `gate` who goes next, `ids` order
              ids, `wire` the order as it is sent and shown, `callers` who waits, `cancels` those owed,
              `modifications` built from the order as it stands, `previews` what-ifs
  reports     what the gateway reports; `refusals` (error codes, `codes` what each means), `executions`,
              `changes` (modifications), `unexplained` (ends without words), `duplicates` (orders the broker
              has twice), `recorder` how it gets into the book
  reconciliation  what is not certain and how it is found out; `in_flight` what is unanswered, `snapshots`
              what is asked and what it proves, `conclusions` what is made of that, `times` which day it
              covers, `follow_ups` what a report leaves open
  halts       the kill switch; `maintenance` a restart of the gateway that is announced
  risk/       limits, their inputs, where those come from, and settings
book          all orders as a fold over `entries`; `record` one order, `states` its table, `results` a day's,
              `spellings` of a contract
journal       SQLite's thread, `journal_file` the database; `checkpoints` moves its log there on another
              thread, `direct_writer` what is written to the gateway at once; `watermark` whether it is the
              journal that was written here
"""

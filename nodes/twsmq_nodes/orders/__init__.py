"""The orders node: the only writer of orders.

shell         sockets, session, journal thread and budget around the core (`runtime.driver` runs it)
core          the machine: requests and reports in, actions out
  intake      a request: looked up, checked, answered or sent on its way
  queries     what is asked of the book
  pipeline    gate, journal, wire, all or none; `gate` who goes next, `ids` order ids, `wire` the order
              as it is sent and shown
  reports     what the gateway says; `executions`, `changes` (modifications), `unexplained` (ends without
              words), `duplicates` (orders the broker has twice), `codes` (what a code means)
  reconciliation  what is not certain and how it is found out; `snapshots` what is asked and what it
              proves, `times` which day that covers, `follow_ups` what a report leaves open
  halts       the kill switch
  risk/       limits, their inputs and settings
book          all orders as a fold over `entries`; `states` one order's table; `spellings` of a contract
journal       SQLite and its thread; `direct_writer` what that thread writes to the gateway; `watermark`
              whether it is the journal that was written here
"""

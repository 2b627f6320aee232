"""The market data node: live streams, one gateway line for all who want the same, every break announced.

What decides (pure: events in, actions out, no clock, socket or log)
  core.py           the table of what reacts to what; the session, and whose answer it is that comes
  wanted.py         topics come, come back and go; subscription.py one of them
  lookups.py        the contract behind a spelling, asked once for all
  contracts.py      the answers put to use; listings.py what an answer means; hours.py when it trades
  feeds.py          kinds of lines and all that differs between them: one row each in FEEDS
  lines.py          which lines there are and which requests are out; line.py the life of one
  recovery.py       what interrupts a line, and how it comes back
  asking.py         requests on their way: ids, pacing (tws.ledger), the market data type in force
  gateway_errors.py what an error code means for a line; silence.py which lines are
                    silent that should not be
  stream_status.py  which `stream` event goes to whom; pending_calls.py calls that wait for the gateway
  deadlines.py      what is due when; invariants.py what must hold between any two inputs
  events.py         the core's inputs and actions

The way of data, which knows none of these (`data/`)
  router.py         request ids to channels; channels.py a feed's state on its way out: market_data.py,
                    tick_by_tick.py, news.py, depth.py, bars.py
  quotes.py         an instrument's quote; publisher.py topics, numbering, encoding

What does
  shell.py          sockets, timers and session; calls.py the ops; store.py what survives a restart
"""

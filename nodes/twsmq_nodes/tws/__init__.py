"""The TWS session: one client ID's connection to TWS or IB Gateway, as every node uses it.

    session = TwsSession(
        host, port, client_id,
        on_ticks=ticks,      # list[Tick]: (req_id, tick_type, value, attribs), see `ticks`
        on_event=event,      # one frozen struct per callback, see `events` and `reference_events`
        on_session_event=change,   # SessionUp, SessionLost, WaitingClientId, DataLost …, see `session_events`
        rate=45.0,           # messages per second, 0 for no limit
    )
    session.open()           # from here on it connects, and comes back, by itself

    # after SessionUp
    req_id = session.next_req_id()
    apple = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
    session.send(ReqMktData(req_id, apple))

    # an order takes its id when it is written, not when it is queued
    session.check(PlaceOrder(0, apple, fields))   # raises EncodeRefused: refuse it to the client
    session.send(lambda: PlaceOrder(next_order_id(), apple, fields), on_written=written, on_refused=refused)

    session.close()
    await session.wait_closed()

Rooms: `framing` cuts bytes into frames, which `bounds` limits by kind; `ticks` decodes the hot ones;
`adapter` is the codec for the rest and, with the other `adapter_*` files, all that imports ibapi; `pacing` is
the message budget, `learned_rate` what of it the gateway really grants, `ledger` what it limits beyond
messages per second (whoever asks for bars, tick-by-tick or snapshots looks there first); `codes` are the
codes that mean the same to all; `ranges` sets aside what cannot be true; `upstream` knows whether the gateway
reaches IBKR, `outages` when it does not know what it says; `core` decides (`core_events` its inputs and
actions), `session` does, `connection` is one socket. What goes out is in `requests`, `stream_requests` and
`reference_requests`, with `contracts` and `orders`.
"""

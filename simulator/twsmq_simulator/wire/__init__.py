"""The TWS text protocol as a gateway speaks it: framing, requests in, messages out, by negotiated version.

Written from recorded conversations and from IBKR's published client; it shares no code with any client
library, so that an error on one side cannot hide behind the same error on the other.
"""

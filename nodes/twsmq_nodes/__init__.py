"""The nodes. `runtime` is what all stand on, `tws` the session with the gateway; the others are one each."""

from twsmq_transport.lean import import_structlog

import_structlog()  # before anybody else does

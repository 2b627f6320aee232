"""The nodes. `runtime` is what all stand on, `tws` the session with the gateway; the others are one each."""

from twsmq_protocol.first_signals import handle_if_run
from twsmq_transport.lean import import_structlog

handle_if_run()
import_structlog()  # before anybody else does

"""The supervisor: starts the processes of a cluster in order, watches them, restarts what dies or hangs.

`policy` decides (pure), `shell` does (asyncio), `processes` holds the children, `preflight` refuses to start
where another cluster runs, `configurations` knows who was started with which. `front` is the process that
faces clients; `front_link` and `front_messages` tie it to the supervisor, which itself listens nowhere.
"""

from twsmq_protocol.first_signals import handle_if_run
from twsmq_transport.lean import import_structlog

handle_if_run()
import_structlog()  # before anybody else does

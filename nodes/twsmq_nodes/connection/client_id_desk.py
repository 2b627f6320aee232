"""The ops about client IDs: the table is kept in a file, written before anybody is answered."""

from __future__ import annotations

from time import time_ns

import msgspec
import structlog
from twsmq_protocol import endpoints
from twsmq_protocol.client_id_requests import ClaimClientId, ReleaseClientId
from twsmq_protocol.data_files import CLIENT_IDS
from twsmq_protocol.errors import ErrorCode, RequestError
from twsmq_protocol.plain_file import read_plain, write_anew
from twsmq_transport.mailbox import Call

from twsmq_nodes.runtime.node import Node

from .client_ids import ClientIds, Lease

log = structlog.stdlib.get_logger()


class ClientIdDesk:
    def __init__(self, node: Node) -> None:
        config = node.config
        self._file = node.data_dir / CLIENT_IDS
        own = {
            name: number
            for name in endpoints.node_names(config)
            if (number := endpoints.client_id(config, name)) is not None
        }
        self._ids = ClientIds(config.gateway.client_id_base, own, self._kept())
        node.mailbox.add("client_ids", lambda _, call: call.succeed(self._ids.listed(time_ns())))
        node.mailbox.add("claim_client_id", self._claim)
        node.mailbox.add("release_client_id", self._release)

    def _claim(self, args: ClaimClientId, call: Call) -> None:
        ns = time_ns()
        number = self._ids.claim(args.program, args.client_id, int(args.hold_s * 1e9), ns)
        self._keep()
        call.succeed(self._ids.listed(ns, number))

    def _release(self, args: ReleaseClientId, call: Call) -> None:
        self._ids.release(args.program)
        self._keep()
        call.succeed(self._ids.listed(time_ns()))

    def _kept(self) -> list[Lease]:
        try:
            return msgspec.json.decode(read_plain(self._file), type=list[Lease])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError, RecursionError) as error:
            log.error("client IDs of other programs cannot be read", file=str(self._file), problem=str(error))
            return []

    def _keep(self) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_anew(self._file, msgspec.json.encode(self._ids.leases))
        except OSError as error:
            text = f"client IDs cannot be written down: {error.strerror}"
            raise RequestError(ErrorCode.INTERNAL, text) from error

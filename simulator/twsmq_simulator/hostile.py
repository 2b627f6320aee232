"""What no gateway should send, for clients that have to survive it.

Each kind makes bytes as they go to the socket. Those of a broken frame leave the stream unusable behind them,
as a broken peer would.
"""

from __future__ import annotations

from collections.abc import Callable

from twsmq_simulator.wire.fields import frame, message

HUGE_INTEGER = "9" * 400
BEYOND_64_BITS = str(2**70)
ESCAPES = "\x1b]0;gone\x07\x1b[2J\u202eok"


def _price(value: str) -> Callable[[int], bytes]:
    return lambda request_id: message(1, 6, request_id, 1, value, "100", 1)


def _status(status: str, number: str) -> Callable[[int], bytes]:
    return lambda order_id: message(3, order_id, status, number, number, number, 1, 0, number, 1, "", 0)


KINDS: dict[str, Callable[[int], bytes]] = {
    "length_beyond_memory": lambda _: (0x7FFFFFFF).to_bytes(4, "big") + b"4\0",
    "negative_length": lambda _: (0xFFFFFFFF).to_bytes(4, "big"),
    "empty_frame": lambda _: frame(b""),
    "half_a_frame": lambda _: (64).to_bytes(4, "big") + b"4\x002\0",
    "garbage": lambda _: frame(bytes(range(256))),
    "not_utf8": lambda request_id: frame(b"4\0%d\x00200\0\xff\xfe\xc3\0\0000\0" % request_id),
    "unknown_message": lambda _: message(9999, "what", "is", "this"),
    "message_id_beyond_64_bits": lambda _: frame(HUGE_INTEGER.encode() + b"\0"),
    "no_fields": lambda _: frame(b"11\0"),
    "too_many_fields": lambda request_id: message(11, request_id, *["1"] * 200_000),
    "a_count_without_rows": lambda request_id: message(17, request_id, 2147483647),
    "a_negative_count": lambda request_id: message(17, request_id, -5),
    "a_field_of_a_megabyte": lambda request_id: message(4, request_id, 200, "x" * 1_000_000, "", 0),
    "a_nul_too_few": lambda request_id: frame(b"9\x001\0%d" % request_id),
    "control_characters": lambda request_id: message(4, request_id, 2104, ESCAPES, "", 0),
    "price_nan": _price("NaN"),
    "price_infinite": _price("Infinity"),
    "price_beyond_double": _price("1e400"),
    "price_no_number": _price("twelve"),
    "size_beyond_64_bits": lambda request_id: message(2, 6, request_id, 0, BEYOND_64_BITS),
    "size_negative": lambda request_id: message(2, 6, request_id, 0, "-100"),
    "tick_type_unknown": lambda request_id: message(1, 6, request_id, 99_999, "1.0", "1", 0),
    "order_id_beyond_64_bits": lambda _: message(9, 1, BEYOND_64_BITS),
    "order_id_negative": lambda _: message(9, 1, -7),
    "status_beyond_64_bits": lambda request_id: message(
        3, request_id, "Submitted", "0", "1", "0", BEYOND_64_BITS, "0", "0", 1, "", "0"
    ),
    "status_filled_nan": _status("Filled", "NaN"),
    "status_unknown": _status("Vanished", "0"),
    "error_code_beyond_64_bits": lambda request_id: message(4, request_id, BEYOND_64_BITS, "?", "", 0),
    "time_beyond_64_bits": lambda _: message(49, 1, BEYOND_64_BITS),
}

"""Placing orders fast: ibapi encodes the first order of a shape, the next ones are patched into its bytes.

Strategies send the same order over and over with another id, reference, quantity and price. ibapi takes
140 µs for each, on the way of every order; patching takes 5, and the order as ibapi wants it need not even be
made.

Which fields of the message vary is not assumed but found, per connection and shape (all the rest of an
order, in the words of whoever places it): ibapi encodes the shape with marks in the place of what varies. If
a mark is not a whole field, or is there more than once, or the first order patched is not byte for byte what
ibapi makes of it, all of this shape go through ibapi. So does a shape when it is first seen, and every number
that ibapi might write in a form of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from twsmq_nodes.tws.framing import frame
from twsmq_nodes.tws.requests import PlaceOrder

MAX_SHAPES = 256
_LARGEST = 1e9  # ibapi leaves out 2147483647 and writes others with an exponent
_NUMBERS = ("total_quantity", "limit_price", "aux_price")
_MARK_ID, _MARK_REF = 1987654321, "mark-of-the-reference"
_MARKS = {"total_quantity": 98765.0, "limit_price": 87654.25, "aux_price": 76543.75}


class ShapedOrder(Struct, frozen=True):
    """An order to place. `made` gives it whole; orders of one `shape` differ in nothing but what stands
    here beside it.
    """

    shape: bytes
    order_id: int
    order_ref: str
    total_quantity: float
    limit_price: float | None
    aux_price: float | None
    made: Callable[[], PlaceOrder]


class _Template(Struct, frozen=True):
    """The message as a `%` format, and the names of what goes into it, in this order."""

    form: bytes
    names: tuple[str, ...]


class OrderTemplates:
    """Encodes the orders of one connection. `encode` is ibapi's way: framed bytes, or EncodeRefused."""

    def __init__(self, encode: Callable[[PlaceOrder], bytes]) -> None:
        self._encode = encode
        self._templates: dict[bytes, _Template | None] = {}
        self._seen: set[bytes] = set()

    def encode(self, order: ShapedOrder) -> bytes:
        """What `encode` makes of it, sooner. Raises EncodeRefused."""
        template = self._templates.get(order.shape)
        texts = _texts(order)
        if texts is None:
            return self._encode(order.made())
        if template is not None:
            return _patched(template, texts)
        request = order.made()
        data = self._encode(request)
        if order.shape in self._templates:
            return data
        if order.shape in self._seen:
            self._templates[order.shape] = self._template(order, request, texts, data)
        elif len(self._seen) >= MAX_SHAPES:
            self._seen.clear()
            self._templates.clear()
        self._seen.add(order.shape)
        return data

    def _template(
        self, order: ShapedOrder, request: PlaceOrder, texts: dict[str, bytes], data: bytes
    ) -> _Template | None:
        marks: dict[str, Any] = {name: _MARKS[name] for name in _NUMBERS if getattr(order, name) is not None}
        fields = replace(request.order, **marks, order_ref=_MARK_REF)
        sample = self._encode(PlaceOrder(_MARK_ID, request.contract, fields))[4:].split(b"\0")
        marked = _texts(replace(order, **marks, order_id=_MARK_ID, order_ref=_MARK_REF)) or {}
        if any(sample.count(mark) != 1 for mark in marked.values()):
            return None
        names = {sample.index(mark): name for name, mark in marked.items()}
        form = b"\0".join(
            b"%b" if at in names else field.replace(b"%", b"%%") for at, field in enumerate(sample)
        )
        template = _Template(form, tuple(names[at] for at in sorted(names)))
        return template if _patched(template, texts) == data else None


def _texts(order: ShapedOrder) -> dict[str, bytes] | None:
    """What varies, as it is written; None if ibapi might write it otherwise, or refuse it."""
    reference = order.order_ref
    if not (reference.isascii() and reference.isprintable()):
        return None
    texts = {"order_id": b"%d" % order.order_id, "order_ref": reference.encode()}
    for name, value in zip(_NUMBERS, (order.total_quantity, order.limit_price, order.aux_price), strict=True):
        if value is None:
            continue
        if not -_LARGEST < value < _LARGEST:
            return None
        whole = name == "total_quantity" and float(value).is_integer()  # without a needless ".0"
        text = str(int(value) if whole else value)
        if "e" in text:
            return None
        texts[name] = text.encode()
    return texts


def _patched(template: _Template, texts: dict[str, bytes]) -> bytes:
    return frame(template.form % tuple([texts[name] for name in template.names]))

"""Open orders decoded fast: what ibapi made of one is patched for the next if it differs only slightly.

An openOrder has some 170 fields, of which ibapi and our own views take 270 µs to read; one comes for every
change of every order, and thousands at once after a reconnect. Those of one strategy differ in a handful.

Which fields those are, and what they mean, is not assumed but found, for each length of message: where two
messages differ, ibapi decodes the message with marks in that place, one after the other. If exactly those
values come out in attributes that may be patched, or nothing at all ever changes, the field may vary;
otherwise messages that differ there have nothing in common. What is patched is used only after it was once,
on a real message, equal to what ibapi made of it; and a text that ibapi might read in a way of its own always
goes to ibapi.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from twsmq_nodes.tws.events import Event, OpenOrder

OPEN_ORDER = b"5\0"
MAX_SHAPES, MAX_LAYOUTS = 256, 16
PROBES_AT_ONCE, MAX_PROBES = 12, 2_000
"""Fields whose meaning is looked for with one message, and in all on one connection. Each costs some ten
decodings: a gateway whose messages differ everywhere must not keep us at it."""
_INTEGERS = frozenset(("order_id", "client_id", "perm_id", "parent_id"))
_FLOATS = frozenset(("total_quantity", "limit_price", "aux_price", "trail_stop_price"))
_UNSET = 2**31 - 1
_PATCHABLE = _INTEGERS | _FLOATS | {"order_ref"}
_WHOLE = re.compile(rb"[0-9]{1,10}")
_NUMBER = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_TEXT = re.compile(rb"[A-Za-z0-9 ._/-]+")
_UNREAD = ((_TEXT, (b"", b"0", b"1", b"-1", b"x")), (_NUMBER, (b"", b"0", b"1", b"-1", b"2.5")))
_READ = ((_WHOLE, (b"76543210", b"1357913")), (_NUMBER, (b"43210.75", b"97531.5")), (_TEXT, (b"one", b"two")))
"""What to try in a field, by what it may then be."""

Decode = Callable[[bytes], list[Event]]


class _Field(Struct, frozen=True):
    """What a field that varies becomes: these attributes of the order, as long as its text is plain."""

    names: frozenset[str]
    plain: re.Pattern[bytes]


class _Sample:
    """A message as ibapi decoded it. `proved`: patching it has given what ibapi gives."""

    __slots__ = ("event", "fields", "proved")

    def __init__(self, fields: list[bytes], event: OpenOrder) -> None:
        self.fields = fields
        self.event = event
        self.proved = False


class _Layout:
    """Messages of one length."""

    def __init__(self) -> None:
        self.last: list[bytes] | None = None
        self.varying: dict[int, _Field] = {}  # by position
        self.probed: set[int] = set()
        self.samples: dict[bytes, _Sample | None] = {}  # None: patching went wrong once

    def shape(self, fields: list[bytes]) -> bytes:
        same = fields.copy()
        for at in self.varying:
            same[at] = b""
        return b"\0".join(same)

    def patched(self, sample: _Sample, fields: list[bytes]) -> OpenOrder | None:
        """None: a text that only ibapi should read."""
        changes: dict[str, Any] = {}
        for at, field in self.varying.items():
            text = fields[at]
            if text == sample.fields[at]:
                continue
            if not field.plain.fullmatch(text):
                return None
            for name in field.names:
                value = changes[name] = _value(name, text)
                if value is None:
                    return None
        order = replace(sample.event.order, **changes)
        return replace(sample.event, order_id=order.order_id, order=order)


class OpenOrderTemplates:
    """Decodes the openOrder messages of one connection. `decode` is ibapi's way."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._layouts: dict[int, _Layout] = {}
        self._probes_left = MAX_PROBES

    def decode(self, frame: bytes) -> list[Event]:
        """What `decode` makes of it, sooner."""
        fields = frame.split(b"\0")
        layout = self._layouts.get(len(fields))
        if layout is None:
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            layout = self._layouts[len(fields)] = _Layout()
        shape = layout.shape(fields)
        sample = layout.samples.get(shape)
        patched = None if sample is None else layout.patched(sample, fields)
        if sample is not None and sample.proved and patched is not None:
            return [patched]
        events = self._decode(frame)
        match events:
            case [OpenOrder() as event]:
                if patched is not None and sample is not None:
                    sample.proved = patched == event
                    if not sample.proved:
                        layout.samples[shape] = None
                elif shape not in layout.samples:
                    self._learn(layout, fields, event)
            case _:
                pass
        return events

    def _learn(self, layout: _Layout, fields: list[bytes], event: OpenOrder) -> None:
        last = layout.last or fields
        differing = (at for at, (old, new) in enumerate(zip(last, fields, strict=True)) if old != new)
        unknown = [at for at in differing if at != 0 and at not in layout.probed]
        for at in unknown[: min(PROBES_AT_ONCE, self._probes_left)]:
            layout.probed.add(at)
            self._probes_left -= 1
            field = self._meaning(fields, at, event)
            if field is not None:
                layout.varying[at] = field
                layout.samples.clear()
        layout.last = fields
        if len(layout.samples) >= MAX_SHAPES:
            layout.samples.clear()
        layout.samples[layout.shape(fields)] = _Sample(fields, event)

    def _meaning(self, fields: list[bytes], at: int, event: OpenOrder) -> _Field | None:
        """What the field at this position becomes; None if it may not vary."""
        for plain, marks in _UNREAD:
            if not any(self._names(fields, at, event, mark) != frozenset() for mark in marks):
                return _Field(frozenset(), plain)
        for plain, marks in _READ:
            if plain.fullmatch(fields[at]):
                one, other = (self._names(fields, at, event, mark) for mark in marks)
                return _Field(one, plain) if one and one == other else None
        return None

    def _names(self, fields: list[bytes], at: int, event: OpenOrder, mark: bytes) -> frozenset[str] | None:
        probe = fields.copy()
        probe[at] = mark
        return _patched_by(event, self._decode(b"\0".join(probe)), mark)


def _patched_by(before: OpenOrder, events: list[Event], mark: bytes) -> frozenset[str] | None:
    """The order's attributes that differ, if each is what `mark` stands for and nothing else differs."""
    match events:
        case [OpenOrder() as after]:
            pass
        case _:
            return None
    order, changed = before.order, after.order
    names = frozenset(n for n in order.__struct_fields__ if getattr(order, n) != getattr(changed, n))
    if not names <= _PATCHABLE:
        return None
    values = {name: _value(name, mark) for name in names}
    expected = replace(order, **values)
    same = replace(before, order_id=expected.order_id, order=expected) == after
    return names if same else None


def _value(name: str, text: bytes) -> Any:
    """The attribute's value, None if the text is none for it."""
    if name == "order_ref":
        return text.decode()
    if name in _INTEGERS:
        return int(text) if _WHOLE.fullmatch(text) and int(text) < _UNSET else None
    return float(text) if _NUMBER.fullmatch(text) else None

"""What the tests use of msgpack, which ships no types."""

from collections.abc import Iterator
from typing import Any

class ExtType:
    def __init__(self, code: int, data: bytes) -> None: ...

class Timestamp:
    def __init__(self, seconds: int, nanoseconds: int = ...) -> None: ...

class Unpacker(Iterator[Any]):
    def __init__(self, file_like: Any = ..., *, raw: bool = ..., strict_map_key: bool = ...) -> None: ...
    def feed(self, data: bytes) -> None: ...
    def __next__(self) -> Any: ...

def packb(o: object, *, use_bin_type: bool = ..., use_single_float: bool = ...) -> bytes: ...
def unpackb(
    packed: bytes | bytearray | memoryview,
    *,
    raw: bool = ...,
    strict_map_key: bool = ...,
    timestamp: int = ...,
    ext_hook: Any = ...,
    object_pairs_hook: Any = ...,
) -> Any: ...

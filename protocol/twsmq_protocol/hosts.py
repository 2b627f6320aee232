"""Names and addresses of machines, as configuration and commands give them."""

from __future__ import annotations

import ipaddress
import re

from .errors import FieldError

LOOPBACK = frozenset(("127.0.0.1", "localhost"))
EVERY_INTERFACE = "0.0.0.0"  # noqa: S104 - what a user may write


def address(host: str, port: int | str) -> str:
    """`host:port` as people and ZeroMQ write it: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it; of a name nobody knows where it leads."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def check_host(host: str, *, ipv6: bool = False, field: str = "host") -> None:
    """Raises FieldError unless it is a name or an address, without brackets; `ipv6`: an IPv6 address."""
    if host.startswith("[") or host.endswith("]"):
        raise FieldError(
            field, f"host {host!r} is in brackets, which belong to HOST:PORT only: leave them out"
        )
    if "://" in host:
        raise FieldError(field, f"host {host!r} is a URL: leave out what stands before and after the name")
    if ":" in host or ipv6:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise FieldError(field, f"host {host!r} is no IPv6 address; a port is a key of its own") from None
    elif not host.isprintable() or " " in host or "/" in host or not _is_name(host):
        raise FieldError(field, f"host {host!r} is no name and no address")
    elif re.fullmatch(r"[0-9]+(\.[0-9]+){3}", host) and not is_ipv4(host):
        raise FieldError(field, f"host {host!r} is no IPv4 address: four numbers up to 255, as in 10.0.0.7")


def _is_name(host: str) -> bool:
    """Whether it can be asked of a name server at all: no empty part, none too long."""
    try:
        name = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return False
    return all(0 < len(part) < 64 for part in name.removesuffix(".").split("."))

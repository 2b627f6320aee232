"""Who holds which client ID at the gateway, and IDs for other programs beside a cluster's own."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .envelope import Args
from .forms import form

Program = Annotated[str, form(r"^[A-Za-z0-9._-]{1,40}$", "1 to 40 characters of A-Z a-z 0-9 . _ -")]


class ClaimClientId(Args, frozen=True, kw_only=True):
    """`claim_client_id` (connection): a client ID for `program`, its own for `hold_s` seconds and longer if
    it asks again; the same as before, as long as that has not been given to another. `client_id`: this one.
    """

    program: Program
    client_id: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    hold_s: Annotated[float, Meta(ge=1, le=31_536_000)] = 86_400.0


class ReleaseClientId(Args, frozen=True, kw_only=True):
    """`release_client_id` (connection): the program needs it no longer."""

    program: Program


class ClientIdRow(Struct, frozen=True, kw_only=True):
    """`kind`: a process of the cluster, its doctor, or another program; that one's until `until` (nanoseconds
    since the epoch), nil for what is for good.
    """

    client_id: int
    holder: str
    kind: Literal["process", "doctor", "program"]
    until: int | None = None


class ClientIdList(Struct, frozen=True, kw_only=True):
    """Result of `client_ids`, `claim_client_id` and `release_client_id`: every ID that is taken. `claimed`:
    the one that was asked for. `free`: the range out of which programs are given theirs.
    """

    client_ids: list[ClientIdRow]
    free_from: int
    free_to: int
    claimed: int | None = None

"""The wire contract of twsmq: topics, instruments, messages, codec, errors, configuration and endpoints.

No sockets, no clock, no ibapi; nothing here does anything but turn values into bytes and back.
`protocol/SPEC.md` is the authoritative text for any language; `protocol/vectors/` holds golden bytes.
"""

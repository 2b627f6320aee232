"""The wire contract of twsmq: topics, instruments, messages, codec, errors, configuration and endpoints.

No sockets, no event loop, no ibapi. Most of it turns values into bytes and back; the rest is what every
package has to agree on: the files of a configuration and of keys, what files are called (`data_files`), how
one is opened where somebody else may have put something (`plain_file`). `protocol/SPEC.md` is the
authoritative text for any language; `protocol/vectors/` holds golden bytes.
"""

"""The supervisor: starts the processes of a cluster in order, watches them, restarts what dies or hangs.

`policy` decides (pure), `shell` does (asyncio), `processes` holds the children, `sockets` and `requests` face
other programs, `preflight` refuses to start where another cluster runs.
"""

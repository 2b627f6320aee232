"""The way of data: from the session's reads to the subscribers, past no core, task or log."""

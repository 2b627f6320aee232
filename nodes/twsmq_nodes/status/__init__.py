"""The status node: the health of every process, positions, account values."""

"""The reference node: slow, paced look-ups of contracts, shared by all who ask for the same."""

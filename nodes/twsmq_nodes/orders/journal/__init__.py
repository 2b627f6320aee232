"""The journal: what is durable, and what is written to the gateway the moment it is."""

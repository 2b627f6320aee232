"""The connection node: owns the state of the link to the gateway and publishes it."""

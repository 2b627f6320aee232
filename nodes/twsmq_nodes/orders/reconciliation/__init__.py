"""What is not certain, and how complete snapshots of the gateway settle it."""

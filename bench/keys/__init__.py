"""What keys cost: the same work with CURVE on and off, in turns, in one run."""

"""What the gateway reports, and what becomes of our orders by it."""

"""What both clients offer: requests by name, and handles of orders."""

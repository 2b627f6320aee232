# Made by client/generate_sync.py from `_async`: change that, then run `make sync`.
"""What both clients offer: requests by name, and handles of orders."""

"""What others do in our accounts: their orders, all executions, and cancelling an order of theirs."""

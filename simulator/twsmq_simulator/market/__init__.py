"""The simulated market: instruments, their books and the clock. Pure: time and randomness are arguments."""

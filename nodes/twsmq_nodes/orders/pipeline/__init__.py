"""The way of an order: gate, journal, wire."""

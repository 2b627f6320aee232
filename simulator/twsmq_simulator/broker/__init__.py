"""The broker's side: orders, executions, positions and cash. A pure state machine; the store keeps its
records.
"""

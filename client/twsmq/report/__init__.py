"""The report of a day: equity and results, what fills cost, what was refused, gaps; as a page and as tables.

`day` gathers it from the journal of orders and the records of the status node, `page` and `tables` write it.
"""

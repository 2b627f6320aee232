"""`python -m twsmq_nodes.marketdata --shard N`: runs one shard of the market data node."""

from twsmq_protocol import endpoints

from twsmq_nodes.runtime.process import run

from .shell import MarketdataShell

if __name__ == "__main__":
    run(endpoints.marketdata, MarketdataShell)

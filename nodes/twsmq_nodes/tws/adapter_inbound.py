"""ibapi's callbacks, each turned into one frozen event.

No logic lives here: a callback appends its event and that is all. What differs between releases is the
meaning of `error`'s arguments, the commission report's name, and types (Decimal, int or float), which
`number` levels. Callbacks without a method here become `Unhandled`.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingParameterType=false
# pyright: reportIncompatibleMethodOverride=false, reportUntypedBaseClass=false, reportAny=false
# pyright: reportExplicitAny=false, reportUnannotatedClassAttribute=false, reportImplicitOverride=false
# The overridden methods are untyped in ibapi and their signatures differ between its releases.

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ibapi.wrapper import EWrapper

from twsmq_nodes.tws import events as ev
from twsmq_nodes.tws import reference_events as ref
from twsmq_nodes.tws.absence import cleaned
from twsmq_nodes.tws.adapter_values import integer, number, plain, text
from twsmq_nodes.tws.adapter_views import (
    bar_of,
    components_of,
    contract_of,
    details_of,
    execution_of,
    last_attribs,
    order_of,
    order_state_of,
    quote_attribs,
)
from twsmq_nodes.tws.protobuf_absence import before_reading

ERROR_HAS_TIME = "errorTime" in inspect.signature(EWrapper.error).parameters


class Callbacks(EWrapper):
    """Collects the events of one frame; `local_errors` are ibapi's own complaints, not the gateway's."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[ev.Event] = []
        self.local_errors: list[tuple[int, str]] = []
        self.gateway_error = False  # the frame being decoded is the gateway's ERR_MSG
        self._bars: list[ref.Bar] = []
        self._bars_id = -1
        self._scan: list[ref.ScannerRow] = []

    def begin(self, *, gateway_error: bool) -> None:
        self.events = []
        self.local_errors = []
        self.gateway_error = gateway_error
        self._bars = []
        self._scan = []

    def end(self) -> list[ev.Event]:
        self._flush_bars()
        return self.events

    def _emit(self, event: ev.Event) -> None:
        self.events.append(cleaned(event))

    # -- the session itself

    def error(self, reqId: int, *args: Any) -> None:
        time_ms, code, words, *reject = args if ERROR_HAS_TIME else (None, *args)
        if not self.gateway_error:
            self.local_errors.append((code, words))
            return
        more = reject[0] if reject else ""
        self._emit(ev.GatewayError(int(reqId), code, text(words), time_ms or None, more))

    def nextValidId(self, orderId):
        self._emit(ev.NextValidId(orderId))

    def managedAccounts(self, accountsList):
        self._emit(ev.ManagedAccounts(tuple(name for name in accountsList.split(",") if name)))

    def currentTime(self, time):
        self._emit(ev.CurrentTime(time))

    # -- market data

    def tickPrice(self, reqId, tickType, price, attrib):
        attribs = int(attrib.canAutoExecute) | int(attrib.pastLimit) << 1 | int(attrib.preOpen) << 2
        self._emit(ev.TickPrice(reqId, int(tickType), number(price), attribs))

    def tickSize(self, reqId, tickType, size):
        self._emit(ev.TickSize(reqId, int(tickType), number(size)))

    def tickString(self, reqId, tickType, value):
        self._emit(ev.TickString(reqId, tickType, text(value)))

    def tickGeneric(self, reqId, tickType, value):
        self._emit(ev.TickGeneric(reqId, tickType, number(value)))

    def tickOptionComputation(self, reqId, tickType, tickAttrib, *values):
        self._emit(
            ev.TickOptionComputation(reqId, tickType, integer(tickAttrib), *(number(v) for v in values))
        )

    def tickReqParams(self, tickerId, minTick, bboExchange, snapshotPermissions):
        self._emit(ev.TickReqParams(tickerId, number(minTick), bboExchange, snapshotPermissions))

    def marketDataType(self, reqId, marketDataType):
        self._emit(ev.MarketDataType(reqId, marketDataType))

    def tickSnapshotEnd(self, reqId):
        self._emit(ev.TickSnapshotEnd(reqId))

    def tickNews(self, tickerId, timeStamp, providerCode, articleId, headline, extraData):
        words = (providerCode, articleId, headline, extraData)
        self._emit(ev.TickNews(tickerId, timeStamp, *map(text, words)))

    def tickByTickAllLast(
        self, reqId, tickType, time, price, size, tickAttribLast, exchange, specialConditions
    ):
        attribs, words = last_attribs(tickAttribLast), (text(exchange), text(specialConditions))
        last = ev.TickByTickLast(reqId, tickType == 2, time, number(price), number(size), attribs, *words)
        self._emit(last)

    def tickByTickBidAsk(self, reqId, time, bidPrice, askPrice, bidSize, askSize, tickAttribBidAsk):
        numbers = (number(bidPrice), number(askPrice), number(bidSize), number(askSize))
        self._emit(ev.TickByTickBidAsk(reqId, time, *numbers, quote_attribs(tickAttribBidAsk)))

    def tickByTickMidPoint(self, reqId, time, midPoint):
        self._emit(ev.TickByTickMidPoint(reqId, time, number(midPoint)))

    def updateMktDepth(self, reqId, position, operation, side, price, size):
        self._emit(ev.Depth(reqId, position, operation, side, number(price), number(size)))

    def updateMktDepthL2(self, reqId, position, marketMaker, operation, side, price, size, isSmartDepth):
        numbers = (number(price), number(size))
        maker = text(marketMaker)
        self._emit(ev.Depth(reqId, position, operation, side, *numbers, maker, bool(isSmartDepth)))

    def rerouteMktDataReq(self, reqId, conId, exchange):
        self._emit(ev.RerouteMktData(reqId, conId, exchange))

    def rerouteMktDepthReq(self, reqId, conId, exchange):
        self._emit(ev.RerouteMktData(reqId, conId, exchange, depth=True))

    def realtimeBar(self, reqId, time, open_, high, low, close, volume, wap, count):
        prices = (number(open_), number(high), number(low), number(close))
        self._emit(ev.RealTimeBar(reqId, time, *prices, number(volume), number(wap), integer(count)))

    # -- history

    def historicalData(self, reqId, bar):
        self._bars_id = reqId
        self._bars.append(bar_of(bar))

    def _flush_bars(self) -> None:
        if self._bars:
            self._emit(ref.HistoricalBars(self._bars_id, tuple(self._bars)))
            self._bars = []

    def historicalDataEnd(self, reqId, start, end):
        self._flush_bars()
        self._emit(ref.HistoricalBarsEnd(reqId, start, end))

    def historicalDataUpdate(self, reqId, bar):
        self._emit(ref.HistoricalBarUpdate(reqId, bar_of(bar)))

    def historicalTicks(self, reqId, ticks, done):
        items = (ref.HistoricalTick(t.time, price=number(t.price), size=number(t.size)) for t in ticks)
        items = tuple(map(cleaned, items))
        self._emit(ref.HistoricalTicks(reqId, "MIDPOINT", items, bool(done)))

    def historicalTicksBidAsk(self, reqId, ticks, done):
        items = tuple(
            cleaned(ref.HistoricalTick(
                t.time, bid_price=number(t.priceBid), ask_price=number(t.priceAsk),
                bid_size=number(t.sizeBid), ask_size=number(t.sizeAsk),
                attribs=quote_attribs(t.tickAttribBidAsk),
            ))
            for t in ticks
        )  # fmt: skip
        self._emit(ref.HistoricalTicks(reqId, "BID_ASK", items, bool(done)))

    def historicalTicksLast(self, reqId, ticks, done):
        items = tuple(
            cleaned(ref.HistoricalTick(
                t.time, price=number(t.price), size=number(t.size), attribs=last_attribs(t.tickAttribLast),
                exchange=t.exchange, special_conditions=t.specialConditions,
            ))
            for t in ticks
        )  # fmt: skip
        self._emit(ref.HistoricalTicks(reqId, "TRADES", items, bool(done)))

    def headTimestamp(self, reqId, headTimestamp):
        self._emit(ref.HeadTimestamp(reqId, headTimestamp))

    def histogramData(self, reqId, items: Any):
        pairs = tuple((number(i.price), number(i.size if hasattr(i, "size") else i.count)) for i in items)
        self._emit(ref.Histogram(reqId, pairs))

    def historicalSchedule(self, reqId, startDateTime, endDateTime, timeZone, sessions):
        items = tuple((s.startDateTime, s.endDateTime, s.refDate) for s in sessions)
        self._emit(ref.HistoricalSchedule(reqId, startDateTime, endDateTime, timeZone, items))

    # -- reference

    def contractDetails(self, reqId, contractDetails):
        self._emit(ref.ContractDetailsReceived(reqId, details_of(contractDetails)))

    def bondContractDetails(self, reqId, contractDetails):
        self._emit(ref.ContractDetailsReceived(reqId, details_of(contractDetails), bond=True))

    def contractDetailsEnd(self, reqId):
        self._emit(ref.ContractDetailsEnd(reqId))

    def symbolSamples(self, reqId, contractDescriptions):
        found = (
            ref.SymbolMatch(contract_of(d.contract), tuple(d.derivativeSecTypes))
            for d in contractDescriptions
        )
        self._emit(ref.MatchingSymbols(reqId, tuple(found)))

    def securityDefinitionOptionParameter(
        self, reqId, exchange, underlyingConId, tradingClass, multiplier, expirations, strikes
    ):
        chain = (tuple(sorted(expirations)), tuple(sorted(strikes)))
        self._emit(ref.OptionChain(reqId, exchange, underlyingConId, tradingClass, multiplier, *chain))

    def securityDefinitionOptionParameterEnd(self, reqId):
        self._emit(ref.OptionChainEnd(reqId))

    def marketRule(self, marketRuleId, priceIncrements):
        steps = tuple((number(p.lowEdge), number(p.increment)) for p in priceIncrements)
        self._emit(ref.MarketRule(marketRuleId, steps))

    def smartComponents(self, reqId, smartComponentMap):
        self._emit(ref.SmartComponents(reqId, components_of(smartComponentMap)))

    def mktDepthExchanges(self, depthMktDataDescriptions):
        def one(d):
            words = (text(d.listingExch), text(d.serviceDataType))
            return ref.DepthExchange(d.exchange, d.secType, *words, integer(d.aggGroup))

        self._emit(ref.DepthExchanges(tuple(map(one, depthMktDataDescriptions))))

    def scannerData(self, reqId, rank, contractDetails, distance, benchmark, projection, legsStr):
        contract = contract_of(contractDetails.contract)
        words = (contractDetails.marketName, distance, benchmark, projection, legsStr)
        self._scan.append(ref.ScannerRow(rank, contract, *words))

    def scannerDataEnd(self, reqId):
        self._emit(ref.ScannerRows(reqId, tuple(self._scan)))

    def scannerParameters(self, xml):
        self._emit(ref.ScannerParameters(xml))

    def newsProviders(self, newsProviders):
        self._emit(ref.NewsProviders(tuple((p.code, p.name) for p in newsProviders)))

    def newsArticle(self, requestId, articleType, articleText):
        self._emit(ref.NewsArticle(requestId, articleType, articleText))

    def historicalNews(self, requestId, time, providerCode, articleId, headline):
        self._emit(ref.HistoricalNews(requestId, time, providerCode, articleId, headline))

    def historicalNewsEnd(self, requestId, hasMore):
        self._emit(ref.HistoricalNewsEnd(requestId, bool(hasMore)))

    def updateNewsBulletin(self, msgId, msgType, newsMessage, originExch):
        self._emit(ref.NewsBulletin(msgId, msgType, newsMessage, originExch))

    def userInfo(self, reqId, whiteBrandingId):
        self._emit(ref.UserInfo(reqId, text(whiteBrandingId)))

    def wshMetaData(self, reqId, dataJson):
        self._emit(ref.WshMetaData(reqId, text(dataJson)))

    def wshEventData(self, reqId, dataJson):
        self._emit(ref.WshEvents(reqId, text(dataJson)))

    def fundamentalData(self, reqId, data):
        self._emit(ref.Fundamentals(reqId, text(data)))

    def receiveFA(self, faData, cxml):
        self._emit(ref.FaGroups(int(faData), text(cxml)))

    def replaceFAEnd(self, reqId, text):
        self._emit(ref.FaGroupsReplaced(reqId, str(text)))

    # -- orders

    def openOrder(self, orderId, contract, order, orderState):
        self._emit(ev.OpenOrder(orderId, contract_of(contract), order_of(order), order_state_of(orderState)))

    def openOrderEnd(self):
        self._emit(ev.OpenOrderEnd())

    def orderStatus(
        self, orderId, status, filled, remaining, avgFillPrice, permId, parentId, lastFillPrice, clientId,
        whyHeld, mktCapPrice,
    ):  # fmt: skip
        event = ev.OrderStatus(
            order_id=orderId, status=status, filled=number(filled), remaining=number(remaining),
            avg_fill_price=number(avgFillPrice), perm_id=integer(permId), parent_id=integer(parentId),
            last_fill_price=number(lastFillPrice), client_id=integer(clientId), why_held=whyHeld,
            mkt_cap_price=number(mktCapPrice),
        )  # fmt: skip
        self._emit(event)

    def orderBound(self, permId, clientId, orderId):
        self._emit(ev.OrderBound(permId, clientId, orderId))

    def execDetails(self, reqId, contract, execution):
        self._emit(ev.ExecDetails(reqId, contract_of(contract), execution_of(execution)))

    def execDetailsEnd(self, reqId):
        self._emit(ev.ExecDetailsEnd(reqId))

    def commissionAndFeesReport(self, report):
        cost = report.commissionAndFees if hasattr(report, "commissionAndFees") else report.commission
        event = ev.CommissionReport(
            exec_id=report.execId, commission=number(cost), currency=report.currency,
            realized_pnl=number(report.realizedPNL), yield_=number(report.yield_),
            yield_redemption_date=integer(report.yieldRedemptionDate),
        )  # fmt: skip
        self._emit(event)

    commissionReport = commissionAndFeesReport

    def completedOrder(self, contract, order, orderState):
        self._emit(ev.CompletedOrder(contract_of(contract), order_of(order), order_state_of(orderState)))

    def completedOrdersEnd(self):
        self._emit(ev.CompletedOrdersEnd())

    # -- accounts

    def position(self, account, contract, position, avgCost):
        self._emit(ev.Position(account, contract_of(contract), number(position), number(avgCost)))

    def positionEnd(self):
        self._emit(ev.PositionEnd())

    def positionMulti(self, reqId, account, modelCode, contract, pos, avgCost):
        numbers = (number(pos), number(avgCost))
        self._emit(ev.PositionMulti(reqId, account, modelCode, contract_of(contract), *numbers))

    def positionMultiEnd(self, reqId):
        self._emit(ev.PositionMultiEnd(reqId))

    def accountSummary(self, reqId, account, tag, value, currency):
        self._emit(ev.AccountSummary(reqId, account, tag, value, currency))

    def accountSummaryEnd(self, reqId):
        self._emit(ev.AccountSummaryEnd(reqId))

    def updateAccountValue(self, key, val, currency, accountName):
        self._emit(ev.AccountValue(key, val, currency, accountName))

    def updatePortfolio(
        self, contract, position, marketPrice, marketValue, averageCost, unrealizedPNL, realizedPNL,
        accountName,
    ):  # fmt: skip
        market = (number(position), number(marketPrice), number(marketValue), number(averageCost))
        pnl = (number(unrealizedPNL), number(realizedPNL))
        self._emit(ev.PortfolioValue(contract_of(contract), *market, *pnl, accountName))

    def updateAccountTime(self, timeStamp):
        self._emit(ev.AccountTime(timeStamp))

    def accountDownloadEnd(self, accountName):
        self._emit(ev.AccountDownloadEnd(accountName))

    def accountUpdateMulti(self, reqId, account, modelCode, key, value, currency):
        self._emit(ev.AccountUpdateMulti(reqId, account, modelCode, key, value, currency))

    def accountUpdateMultiEnd(self, reqId):
        self._emit(ev.AccountUpdateMultiEnd(reqId))

    def pnl(self, reqId, dailyPnL, unrealizedPnL, realizedPnL):
        self._emit(ev.PnL(reqId, number(dailyPnL), number(unrealizedPnL), number(realizedPnL)))

    def pnlSingle(self, reqId, *values):
        self._emit(ev.PnLSingle(reqId, *(number(v) for v in values)))


def _unhandled(name: str) -> Callable[..., None]:
    def callback(self: Callbacks, *args: Any) -> None:
        self.events.append(ev.Unhandled(name, tuple(plain(arg) for arg in args)))

    return callback


for _name, _ in inspect.getmembers(EWrapper, inspect.isfunction):
    if _name.endswith("ProtoBuf"):
        setattr(Callbacks, _name, before_reading)
    elif not (_name.startswith("_") or _name in vars(Callbacks) or _name == "logAnswer"):
        setattr(Callbacks, _name, _unhandled(_name))

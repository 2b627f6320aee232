// Written by `make vectors` from the protocol's own definitions: change those, not this file.
// Names are those of the wire; protocol/SPEC.md is the authority. Times are integer ns, as bigint.

/** Whatever msgpack can hold. */
export type Value = null | boolean | number | bigint | string | Uint8Array | Value[] | { [key: string]: Value };

/** A text that is one of these today; expect others. */
export type Open<Known extends string> = Known | (string & {});

/** The header of every event. */
export interface Header {
  readonly v: number;
  readonly src: string;
  /** The process's incarnation (ns): another value means that it restarted. */
  readonly inc: bigint;
  /** Counts the events of this topic in this incarnation, from 1. */
  readonly seq: number;
  readonly ts: bigint;
}

/**
 * The instrument's state after a burst of ticks; nil where the gateway has not said anything yet.
 *
 * Prices are `magnifier` times the currency's own (100: in pence, cents). `volume` is nil too where it is
 * not known what the gateway counts. `snapshot` is true when nothing changed and the message is for those
 * who just joined.
 */
export interface Quote extends Header {
  readonly type: "quote";
  readonly con_id: number | null;
  readonly bid: number | null;
  readonly ask: number | null;
  readonly last: number | null;
  readonly bid_size: number | null;
  readonly ask_size: number | null;
  readonly last_size: number | null;
  readonly volume: number | null;
  readonly open: number | null;
  readonly high: number | null;
  readonly low: number | null;
  readonly close: number | null;
  readonly last_time: bigint | null;
  readonly halted: boolean | null;
  readonly delayed: boolean;
  readonly magnifier: number;
  readonly snapshot: boolean;
}

/**
 * Every tick the gateway sent, in its order: all that came in one read.
 */
export interface Ticks extends Header {
  readonly type: "ticks";
  readonly con_id: number | null;
  readonly ticks: readonly (readonly [number, number | string | readonly (number | null)[] | null, number])[];
  readonly snapshot: boolean;
}

/**
 * One trade. `time`: ns, to the second.
 */
export interface Trade extends Header {
  readonly type: "trade";
  readonly con_id: number | null;
  readonly time: bigint;
  readonly price: number | null;
  readonly size: number | null;
  readonly exchange: string;
  readonly conditions: string;
  readonly past_limit: boolean;
  readonly unreported: boolean;
  readonly snapshot: boolean;
}

/**
 * The best bid and offer after one change. `time`: ns, to the second.
 */
export interface BestBidOffer extends Header {
  readonly type: "bbo";
  readonly con_id: number | null;
  readonly time: bigint;
  readonly bid: number | null;
  readonly ask: number | null;
  readonly bid_size: number | null;
  readonly ask_size: number | null;
  readonly bid_past_low: boolean;
  readonly ask_past_high: boolean;
  readonly snapshot: boolean;
}

/**
 * The mid-point after one change. `time`: ns, to the second.
 */
export interface Midpoint extends Header {
  readonly type: "midpoint";
  readonly con_id: number | null;
  readonly time: bigint;
  readonly price: number | null;
  readonly snapshot: boolean;
}

/**
 * The whole order book, best rows first: it replaces whatever a client has kept.
 */
export interface Depth extends Header {
  readonly type: "depth";
  readonly con_id: number | null;
  readonly bids: readonly (readonly [number | null, number | null, string])[];
  readonly asks: readonly (readonly [number | null, number | null, string])[];
  readonly snapshot: boolean;
}

/**
 * What changed in the book, in order: all that came in one read.
 */
export interface DepthDelta extends Header {
  readonly type: "depth_delta";
  readonly con_id: number | null;
  readonly changes: readonly (readonly [Open<"ask" | "bid">, Open<"delete" | "insert" | "update">, number, number | null, number | null, string])[];
}

/**
 * A bar, or its present state while it is still being formed (`final` false). Fields as in `BarRow`.
 */
export interface Bar extends Header {
  readonly type: "bar";
  readonly con_id: number | null;
  readonly time: bigint;
  readonly open: number | null;
  readonly high: number | null;
  readonly low: number | null;
  readonly close: number | null;
  readonly volume: number | null;
  readonly wap: number | null;
  readonly count: number | null;
  readonly final: boolean;
  readonly snapshot: boolean;
}

/**
 * The bars up to now, oldest first: they replace whatever a client has kept.
 */
export interface Bars extends Header {
  readonly type: "bars";
  readonly con_id: number | null;
  readonly bars: readonly (BarRow)[];
  readonly snapshot: boolean;
}

/**
 * `time`: ns at which the bar begins; of a day midnight UTC of its date, of a week its Monday's.
 */
export interface BarRow {
  readonly time: bigint;
  readonly open: number | null;
  readonly high: number | null;
  readonly low: number | null;
  readonly close: number | null;
  readonly volume: number | null;
  readonly wap: number | null;
  readonly count: number | null;
}

/**
 * What an option is worth, computed from one price: `basis` bid, ask, last or model.
 */
export interface Greeks extends Header {
  readonly type: "greeks";
  readonly con_id: number | null;
  readonly basis: Open<"ask" | "bid" | "last" | "model">;
  readonly implied_vol: number | null;
  readonly delta: number | null;
  readonly price: number | null;
  readonly pv_dividend: number | null;
  readonly gamma: number | null;
  readonly vega: number | null;
  readonly theta: number | null;
  readonly underlying: number | null;
  readonly delayed: boolean;
  readonly snapshot: boolean;
}

/**
 * A headline as it came out. `time`: ns; `extra`: the provider's own notes, as sent.
 */
export interface Headline extends Header {
  readonly type: "headline";
  readonly provider: string;
  readonly article_id: string;
  readonly headline: string;
  readonly time: bigint;
  readonly extra: string;
  readonly snapshot: boolean;
}

/**
 * The life of a stream, published on the stream's own topic. Never silence.
 *
 * starting: a line was asked for. active: data flows. delayed/frozen: data of that kind flows.
 * gap: data may be missing `from` … `to` (ns, `to` nil while it lasts). resumed: data flows again.
 * error: the gateway or this node refused it, `code` is the gateway's number (or nil) and `text` says why.
 * closed: the line was given back, nobody is left.
 * A repeat of the present state (`repeated`) goes out on quiet topics so that a lost last message shows.
 */
export interface Stream extends Header {
  readonly type: "stream";
  readonly state: Open<"active" | "closed" | "delayed" | "error" | "frozen" | "gap" | "resumed" | "starting">;
  readonly code: number | null;
  readonly text: string | null;
  readonly reason: string | null;
  readonly from: bigint | null;
  readonly to: bigint | null;
  readonly con_id: number | null;
  readonly repeated: boolean;
}

/**
 * A configured scan as it stands, on `scanner/<name>/`: at each ranking and each change of its state.
 *
 * `rows`: the last ranking, best first. `time`: ns, when it came; nil: none has come yet. starting: asked
 * for. active: the gateway sends rankings. interrupted: it does not, and is asked again by itself.
 * refused: it will not; asked again after ten minutes and in the next session. `code`, `text`: what the
 * gateway says, or why.
 */
export interface Ranking extends Header {
  readonly type: "ranking";
  readonly state: Open<"active" | "interrupted" | "refused" | "starting">;
  readonly time: bigint | null;
  readonly rows: readonly (ScannerRow)[];
  readonly code: number | null;
  readonly text: string | null;
  readonly snapshot: boolean;
}

/**
 * `rank` from 0. The gateway sends no prices with them.
 */
export interface ScannerRow {
  readonly rank: number;
  readonly instrument: string;
  readonly con_id: number;
  readonly symbol: string;
  readonly sec_type: string;
  readonly exchange: string | null;
  readonly currency: string | null;
  readonly local_symbol: string | null;
  readonly distance: string | null;
  readonly benchmark: string | null;
  readonly projection: string | null;
  readonly legs: string | null;
}

/**
 * The order as it now stands. `reason` and `tws_code`: why it came to this `status`.
 *
 * `gateway_status` is the gateway's own word ("PreSubmitted"), nil before it said any. Prices and other
 * attributes are as they stand: as the gateway has shown them, or as they were first sent. `parent`: the
 * client_order_id of the order it is attached to; `group`: of the first of those placed together. `staged`:
 * it was sent to be transmitted later, and the gateway holds it back. `why_held`, `cap_price`: as the
 * gateway says (whyHeld, mktCapPrice).
 */
export interface Order extends Header {
  readonly type: "order";
  readonly client_order_id: string;
  readonly strategy: string;
  readonly event_no: number;
  readonly strategy_no: number;
  readonly instrument: string;
  readonly side: Open<"BUY" | "SELL">;
  readonly quantity: number;
  readonly order_type: string;
  readonly status: Open<"cancelled" | "filled" | "inactive" | "not_sent" | "partially_filled" | "pending" | "pending_cancel" | "rejected" | "submitted" | "unknown">;
  readonly order_id: number | null;
  readonly perm_id: bigint | null;
  readonly account: string | null;
  readonly limit_price: number | null;
  readonly stop_price: number | null;
  readonly tif: string;
  readonly filled: number;
  readonly remaining: number;
  readonly avg_price: number | null;
  readonly reason: string | null;
  readonly tws_code: number | null;
  readonly gateway_status: string | null;
  readonly snapshot: boolean;
  readonly trail_amount: number | null;
  readonly trail_percent: number | null;
  readonly trail_stop_price: number | null;
  readonly limit_offset: number | null;
  readonly offset: number | null;
  readonly good_till: string | null;
  readonly outside_rth: boolean | null;
  readonly display_size: number | null;
  readonly parent: string | null;
  readonly group: string | null;
  readonly oca_group: string | null;
  readonly staged: boolean;
  readonly why_held: string | null;
  readonly cap_price: number | null;
}

/**
 * One execution, once. `corrects` names the exec_id this one replaces; `recovered`: learnt of afterwards.
 *
 * `time` is the execution's own (ns), nil if the gateway's text could not be read. `leg`: of one leg of a
 * combo order, or of one account of an adviser's order, whose own executions are what its `filled` counts.
 */
export interface Fill extends Header {
  readonly type: "fill";
  readonly client_order_id: string;
  readonly strategy: string;
  readonly event_no: number;
  readonly strategy_no: number;
  readonly exec_id: string;
  readonly account: string;
  readonly side: Open<"BUY" | "SELL">;
  readonly quantity: number;
  readonly price: number;
  readonly time: bigint | null;
  readonly corrects: string | null;
  readonly recovered: boolean;
  readonly con_id: number | null;
  readonly leg: boolean;
}

/**
 * What an execution cost. `realized_pnl` is nil for opening trades.
 */
export interface Commission extends Header {
  readonly type: "commission";
  readonly client_order_id: string;
  readonly strategy: string;
  readonly event_no: number;
  readonly strategy_no: number;
  readonly exec_id: string;
  readonly commission: number;
  readonly currency: string;
  readonly realized_pnl: number | null;
}

/**
 * Something the gateway said about an order that does not change its state (399, 2109, 10349 …).
 *
 * `advanced_reject`: JSON that the gateway gives with some refusals (advancedOrderRejectJson).
 */
export interface Notice extends Header {
  readonly type: "notice";
  readonly client_order_id: string;
  readonly strategy: string;
  readonly event_no: number;
  readonly strategy_no: number;
  readonly tws_code: number;
  readonly text: string;
  readonly advanced_reject: string | null;
}

/**
 * A modification: sent, and then what became of it. `change_no` counts those of an order.
 *
 * `asked`: the attributes it was to change, under the names of `modify_order`. `stands`: the same attributes
 * as they stand at the gateway now. `text` and `tws_code`: why, where the gateway or the node has said so.
 */
export interface Change extends Header {
  readonly type: "change";
  readonly client_order_id: string;
  readonly strategy: string;
  readonly event_no: number;
  readonly strategy_no: number;
  readonly change_no: number;
  readonly outcome: Open<"confirmed" | "not_sent" | "refused" | "sent" | "superseded" | "unanswered">;
  readonly asked: { readonly [key: string]: string | number | number | boolean };
  readonly stands: { readonly [key: string]: string | number | number | boolean | null };
  readonly text: string | null;
  readonly tws_code: number | null;
}

/**
 * Something the gateway said that belongs to no order and no request: margin, liquidation, or a report
 * about some order that could not be read (`tws_code` 0).
 */
export interface AccountNotice extends Header {
  readonly type: "account_notice";
  readonly tws_code: number;
  readonly text: string;
}

/**
 * An execution in an account, whoever placed its order: a client of ours, another program, a person, or
 * the broker (`liquidation`). `order`: strategy/client_order_id, nil unless the order was placed here.
 *
 * `client_id` and `order_id` are its owner's, 0 for what was entered by hand. `corrects` names the exec_id
 * this one replaces; `recovered`: learnt of afterwards. `leg`: of one leg of a combo.
 */
export interface AccountExecution extends Header {
  readonly type: "execution";
  readonly exec_id: string;
  readonly account: string;
  readonly instrument: string;
  readonly side: Open<"BUY" | "SELL">;
  readonly quantity: number;
  readonly price: number;
  readonly time: bigint | null;
  readonly con_id: number | null;
  readonly exchange: string;
  readonly perm_id: bigint;
  readonly client_id: number;
  readonly order_id: number;
  readonly reference: string;
  readonly order: string | null;
  readonly liquidation: boolean;
  readonly liquidity: number;
  readonly leg: boolean;
  readonly corrects: string | null;
  readonly recovered: boolean;
}

/**
 * What an execution in an account cost. `realized_pnl` is nil for opening trades.
 */
export interface ExecutionCost extends Header {
  readonly type: "execution_cost";
  readonly exec_id: string;
  readonly account: string;
  readonly commission: number;
  readonly currency: string;
  readonly realized_pnl: number | null;
}

/**
 * An order that was not placed here, as it now stands. `working` false: it has ended, `reason` says how
 * as far as that is known.
 */
export interface ForeignOrderChanged extends Header {
  readonly type: "foreign_order";
  readonly perm_id: bigint;
  readonly client_id: number;
  readonly order_id: number;
  readonly instrument: string;
  readonly side: string;
  readonly quantity: number;
  readonly order_type: string;
  readonly account: string;
  readonly tif: string;
  readonly status: string;
  readonly filled: number;
  readonly reference: string;
  readonly limit_price: number | null;
  readonly stop_price: number | null;
  readonly working: boolean;
  readonly reason: string | null;
}

/**
 * Every half second from every node on `node/<name>/`. `detail` says what it waits for, nil when ready.
 *
 * `last_event_no` and `strategy_nos` come from the orders node only: the newest numbers it has given out,
 * so that a subscriber sees that it lost the last order event; so do `halted` (each halted strategy, "" is
 * everybody, and why) and `killed` (those whose halt also cancels all that works). From market-data shards
 * only: `silent_lines`, lines of which nothing comes though they should tick and were asked for again, and
 * `flowing_lines`, how many data came on lately, which shows whether the lines or the session are at fault.
 * From them and from history: `competing`, whether the gateway refuses data for another session of the user.
 * `cpu` is the part of one processor used since the last beat, `loop_lag_s` how late the loop was at most.
 */
export interface Heartbeat extends Header {
  readonly type: "heartbeat";
  readonly name: string;
  readonly pid: number;
  readonly state: Open<"connecting" | "ready" | "reconciling" | "starting" | "stopping" | "waiting_client_id">;
  readonly client_id: number | null;
  readonly uptime_s: number;
  readonly detail: string | null;
  readonly last_event_no: number | null;
  readonly strategy_nos: { readonly [key: string]: number } | null;
  readonly silent_lines: number | null;
  readonly flowing_lines: number | null;
  readonly competing: boolean | null;
  readonly halted: { readonly [key: string]: string } | null;
  readonly killed: readonly (string)[] | null;
  readonly cpu: number | null;
  readonly memory_bytes: number | null;
  readonly loop_lag_s: number | null;
}

/**
 * From the supervisor on `process/<name>/`, whenever something changes and once to each newcomer.
 */
export interface Process extends Header {
  readonly type: "process";
  readonly name: string;
  readonly state: Open<"backoff" | "connecting" | "failed" | "hung" | "ready" | "reconciling" | "starting" | "stopped" | "stopping" | "waiting_client_id">;
  readonly pid: number | null;
  readonly client_id: number | null;
  readonly restarts: number;
  readonly uptime_s: number;
  readonly reason: string | null;
  readonly snapshot: boolean;
}

/**
 * The link to the gateway as the connection node sees it, on `gateway/`.
 *
 * `upstream`: whether the gateway itself reaches the broker (1100/1101/1102/2110); `farms` maps each
 * data farm to ok, broken, inactive or connecting. `maintenance`: twsmq is about to restart or reconnect the
 * gateway, why; new orders are refused meanwhile. `alarm`: what only a person can do.
 */
export interface Gateway extends Header {
  readonly type: "gateway";
  readonly state: Open<"connecting" | "disconnected" | "up" | "upstream_lost" | "waiting_client_id">;
  readonly host: string;
  readonly port: number;
  readonly server_version: number | null;
  readonly accounts: readonly (string)[];
  readonly upstream: Open<"connected" | "lost" | "unknown">;
  readonly farms: { readonly [key: string]: string };
  readonly reason: string | null;
  readonly snapshot: boolean;
  readonly maintenance: string | null;
  readonly alarm: string | null;
}

/**
 * On `budget/`, from connection to the other processes: who leaves what of the message budget unused
 * until `until` (nanoseconds of the machine's monotonic clock)? Each answers by the op `yield_budget`.
 * `slow_to`: the gateway complains about one of them, so nobody may use more than this part of its share.
 */
export interface BudgetRound extends Header {
  readonly type: "budget_round";
  readonly round: number;
  readonly until: number;
  readonly slow_to: number | null;
  readonly breaches: number;
}

/**
 * A subscription was narrowed to what the subscriber's key opens, on `denied/<key>/` where only that key
 * listens. `wish` is what was subscribed to, `granted` what came of it, maybe nothing.
 */
export interface Denied extends Header {
  readonly type: "denied";
  readonly wish: string;
  readonly granted: readonly (string)[];
}

/**
 * A position, keyed by conId: the gateway's row may name another exchange than the order did.
 */
export interface Position extends Header {
  readonly type: "position";
  readonly account: string;
  readonly instrument: string;
  readonly con_id: number;
  readonly quantity: number;
  readonly avg_cost: number | null;
  readonly snapshot: boolean;
}

/**
 * One row of the account summary: `value` is the gateway's text, empty where it
 * has no value any more, `currency` nil where it has none.
 */
export interface AccountValue extends Header {
  readonly type: "account_value";
  readonly account: string;
  readonly tag: string;
  readonly value: string;
  readonly currency: string | null;
  readonly snapshot: boolean;
}

/**
 * Profit and loss of an account, in its own currency, or of one position of it (`instrument`, `con_id`),
 * in that or in the contract's, which the gateway does not say: of the day, of what is held, of what was
 * closed today. `value`: the position's market value.
 */
export interface ProfitAndLoss extends Header {
  readonly type: "profit_and_loss";
  readonly account: string;
  readonly instrument: string | null;
  readonly con_id: number | null;
  readonly daily: number | null;
  readonly unrealized: number | null;
  readonly realized: number | null;
  readonly value: number | null;
  readonly snapshot: boolean;
}

/**
 * What changed in a section: `rows` by key, nil for one that is gone. `rev` counts the changes of the
 * section; `as_of` (ns) is when its source last confirmed it, nil for never.
 */
export interface BoardChange extends Header {
  readonly type: "board_change";
  readonly section: string;
  readonly rev: number;
  readonly as_of: number | null;
  readonly rows: { readonly [key: string]: { readonly [key: string]: Value } | null };
}

/**
 * An alert whenever its state changes, and again while it fires (`repeat`), on `alert/<name>/`.
 *
 * `about`: what it is about (a process, an account, a strategy), empty for the whole. `since`: ns at which
 * it began to fire. `runbook`: the page that says what to do. `test`: somebody tries the sinks.
 */
export interface Alert extends Header {
  readonly type: "alert";
  readonly name: string;
  readonly severity: Open<"page" | "warn">;
  readonly state: Open<"acknowledged" | "firing" | "resolved">;
  readonly text: string;
  readonly about: string;
  readonly since: bigint;
  readonly resolved: number | null;
  readonly acknowledged_by: string | null;
  readonly runbook: string;
  readonly repeat: number;
  readonly test: boolean;
  readonly snapshot: boolean;
}

/**
 * For ops that take no arguments.
 */
export interface NoArgs {

}

/**
 * `restart` (supervisor): end this process in order and start it again.
 */
export interface RestartProcess {
  readonly name: string;
}

/**
 * `explain` (supervisor): the story of one process, or of all.
 */
export interface Explain {
  readonly name?: string | null;
}

/**
 * `contract_details` (reference): every contract that matches, once, at most `limit` of them.
 *
 * `after`: the `next` of the page before. `expired`: futures that have expired too (IBKR keeps two years).
 */
export interface ContractDetails {
  readonly instrument?: string | null;
  readonly isin?: string | null;
  readonly cusip?: string | null;
  readonly local_symbol?: string | null;
  readonly sec_type?: string | null;
  readonly exchange?: string | null;
  readonly currency?: string | null;
  readonly expired?: boolean;
  readonly after?: number | null;
  readonly limit?: number;
}

/**
 * `qualify` (reference): the one contract that is meant.
 */
export interface Qualify {
  readonly instrument?: string | null;
  readonly isin?: string | null;
  readonly cusip?: string | null;
  readonly local_symbol?: string | null;
  readonly sec_type?: string | null;
  readonly exchange?: string | null;
  readonly currency?: string | null;
  readonly expired?: boolean;
}

/**
 * `option_chain` (reference): the options on an underlying that are really listed.
 *
 * `expiry`: of this day only. Without it expiries follow each other in pages: `after`: the `next` of the
 * page before.
 */
export interface GetOptionChain {
  readonly instrument: string;
  readonly expiry?: string | null;
  readonly trading_class?: string | null;
  readonly after?: string | null;
}

/**
 * `search` (reference): instruments whose symbol begins with a text, or whose name has it.
 */
export interface Search {
  readonly pattern: string;
}

/**
 * `trading_hours` (reference): the sessions of today and of the next days.
 */
export interface GetTradingHours {
  readonly instrument: string;
}

/**
 * `market_rule` (reference): the steps of prices and sizes of a contract, on each of its exchanges.
 */
export interface GetMarketRule {
  readonly instrument: string;
}

/**
 * `news` (reference): headlines about an instrument, newest first.
 *
 * `providers`: codes; all the user has unless given. Give `from` or `to`: the gateway ignores `to` where
 * both are set, so both are refused.
 */
export interface GetNews {
  readonly instrument: string;
  readonly providers?: readonly (string)[] | null;
  readonly from?: bigint | null;
  readonly to?: bigint | null;
  readonly limit?: number;
}

/**
 * `article` (reference): the text behind a headline.
 */
export interface GetArticle {
  readonly provider: string;
  readonly article_id: string;
}

/**
 * `wsh_events` (reference): what is due of companies: earnings, dividends, splits … The user must have
 * subscribed to it.
 *
 * Of an `instrument`, from one day to another (both included), at most `limit`; or by a `filter`: JSON whose
 * keys `wsh_meta` lists, which may be widened to what the user holds or watches and to competitors.
 */
export interface GetWshEvents {
  readonly instrument?: string | null;
  readonly filter?: string | null;
  readonly from?: string | null;
  readonly to?: string | null;
  readonly limit?: number | null;
  readonly portfolio?: boolean;
  readonly watchlist?: boolean;
  readonly competitors?: boolean;
}

/**
 * `fundamentals` (reference): a report about a company, which IBKR serves to ever fewer users; ibapi has
 * it no more from 10.50 on.
 */
export interface GetFundamentals {
  readonly instrument: string;
  readonly report?: "CalendarReport" | "RESC" | "ReportRatios" | "ReportSnapshot" | "ReportsFinStatements" | "ReportsFinSummary" | "ReportsOwnership";
}

/**
 * `fa_groups` (reference): an adviser's groups, profiles or aliases of accounts.
 */
export interface GetFaGroups {
  readonly list?: "aliases" | "groups" | "profiles";
}

/**
 * `replace_fa_groups` (reference): all of an adviser's groups, profiles or aliases by those of `xml`.
 * What is not in it is gone. Sent once: without an answer nobody knows whether it was done.
 */
export interface ReplaceFaGroups {
  readonly list: "aliases" | "groups" | "profiles";
  readonly xml: string;
}

/**
 * `scanner` (reference): the best of a market by some measure; of the op, once.
 *
 * `filters`: by the codes that `scanner_parameters` lists.
 */
export interface Scan {
  readonly scan: string;
  readonly instrument_type?: string;
  readonly location?: string;
  readonly rows?: number;
  readonly above_price?: number | null;
  readonly below_price?: number | null;
  readonly above_volume?: number | null;
  readonly filters?: { readonly [key: string]: string };
}

/**
 * `scanner_parameters` (reference): what a scanner may be asked. `search`: only what has these words.
 */
export interface GetScannerParameters {
  readonly search?: string | null;
  readonly limit?: number;
}

/**
 * `implied_volatility` (reference): what an option's price means.
 */
export interface GetImpliedVolatility {
  readonly instrument: string;
  readonly option_price: number;
  readonly under_price: number;
}

/**
 * `option_price` (reference): what an option is worth at a volatility (0.2 is 20 %).
 */
export interface GetOptionPrice {
  readonly instrument: string;
  readonly volatility: number;
  readonly under_price: number;
}

/**
 * `smart_components` (reference): which exchange a letter of a quote's exchanges stands for.
 *
 * `bbo_exchange`: the gateway's code of the letters, which no event has yet.
 */
export interface GetSmartComponents {
  readonly bbo_exchange: string;
}

/**
 * `bars`: bars of the past, oldest first. Give `duration` (before `to`), or `from`.
 *
 * `to`: now unless given. `what`: TRADES, or what the instrument has instead. `bulk`: after everything that
 * is not. `columns`: the bars by columns; `packed`: these as bytes, by far the quickest for many.
 */
export interface GetBars {
  readonly instrument: string;
  readonly max_age?: number | null;
  readonly size: string;
  readonly duration?: string | null;
  readonly from?: bigint | null;
  readonly to?: bigint | null;
  readonly what?: "ADJUSTED_LAST" | "AGGTRADES" | "ASK" | "BID" | "BID_ASK" | "FEE_RATE" | "HISTORICAL_VOLATILITY" | "MIDPOINT" | "OPTION_IMPLIED_VOLATILITY" | "TRADES" | "YIELD_ASK" | "YIELD_BID" | "YIELD_BID_ASK" | "YIELD_LAST" | null;
  readonly rth?: boolean;
  readonly limit?: number;
  readonly bulk?: boolean;
  readonly columns?: boolean;
  readonly packed?: boolean;
}

/**
 * `ticks`: ticks of the past, oldest first, whole seconds: a page never ends inside of one.
 */
export interface GetTicks {
  readonly instrument: string;
  readonly max_age?: number | null;
  readonly from: bigint;
  readonly to?: bigint | null;
  readonly what?: "BID_ASK" | "MIDPOINT" | "TRADES";
  readonly rth?: boolean;
  readonly ignore_size?: boolean;
  readonly limit?: number;
  readonly bulk?: boolean;
}

/**
 * `head_timestamp`: when the history of an instrument begins.
 */
export interface GetHeadTimestamp {
  readonly instrument: string;
  readonly max_age?: number | null;
  readonly what?: "ADJUSTED_LAST" | "AGGTRADES" | "ASK" | "BID" | "BID_ASK" | "FEE_RATE" | "HISTORICAL_VOLATILITY" | "MIDPOINT" | "OPTION_IMPLIED_VOLATILITY" | "TRADES" | "YIELD_ASK" | "YIELD_BID" | "YIELD_BID_ASK" | "YIELD_LAST" | null;
  readonly rth?: boolean;
}

/**
 * `schedule`: the trading sessions between two moments, as far back as the gateway knows them.
 */
export interface GetSchedule {
  readonly instrument: string;
  readonly max_age?: number | null;
  readonly from: bigint;
  readonly to?: bigint | null;
  readonly rth?: boolean;
}

/**
 * `histogram`: how much was traded at which price, over a period up to now.
 */
export interface GetHistogram {
  readonly instrument: string;
  readonly max_age?: number | null;
  readonly period?: string;
  readonly rth?: boolean;
}

/**
 * `claim_client_id` (connection): a client ID for `program`, its own for `hold_s` seconds and longer if
 * it asks again; the same as before, as long as that has not been given to another. `client_id`: this one.
 */
export interface ClaimClientId {
  readonly program: string;
  readonly client_id?: number | null;
  readonly hold_s?: number;
}

/**
 * `release_client_id` (connection): the program needs it no longer.
 */
export interface ReleaseClientId {
  readonly program: string;
}

/**
 * `claim_budget` (connection): a process has `waiting` messages that its own share does not let out.
 * `factor`: to which part of its share its gateway's complaints have slowed it, after `breaches` (code 100).
 */
export interface ClaimBudget {
  readonly name: string;
  readonly waiting: number;
  readonly factor?: number;
  readonly breaches?: number;
}

/**
 * `yield_budget` (connection), in answer to the event `budget_round`: a process does without `rate`
 * messages a second until `until`, for others to use; 0 if it needs them.
 */
export interface YieldBudget {
  readonly name: string;
  readonly round: number;
  readonly rate: number;
  readonly until: number;
}

/**
 * `board`: the board as it stands, in pages: rows `after` … `after` + `limit` of each section. Pages are
 * of one moment where each is asked for with the last one's `next`.
 */
export interface GetBoard {
  readonly sections?: readonly (string)[] | null;
  readonly after?: number;
  readonly limit?: number;
}

/**
 * `acknowledge_alert`: somebody (`by`) takes care; it is not repeated until it has resolved, or got
 * worse. Where there are keys, the key's name is put beside `by`.
 */
export interface AcknowledgeAlert {
  readonly name: string;
  readonly about?: string | null;
  readonly by: string;
}

/**
 * `silence_alert`: for so many minutes it reaches no sink; `name` `*` is every alert, 0 ends it.
 */
export interface SilenceAlert {
  readonly name: string;
  readonly minutes: number;
  readonly by: string;
}

/**
 * `test_alerts`: send a test through every sink.
 */
export interface TryAlerts {
  readonly by?: string;
}

/**
 * `place_order`: one order. The same request again returns the first answer and places nothing.
 *
 * `parent`: client_order_id of a working order of the same strategy, to which this one is attached: it works
 * once that one is filled and ends with it. `transmit` false: the gateway holds it back until
 * `modify_order` with `transmit`, or until an order attached to it is transmitted.
 * `extra`: further attributes of an order under `ibapi`'s own names, checked against the installed release.
 * `reduce_only`: refused unless it can only bring nearer to 0 what the strategy holds in its account, or all
 * of the account's where the strategy holds nothing there.
 */
export interface PlaceOrder {
  readonly strategy: string;
  readonly client_order_id: string;
  readonly instrument: string;
  readonly side: "BUY" | "SELL";
  readonly quantity: number;
  readonly order_type: string;
  readonly limit_price?: number | null;
  readonly stop_price?: number | null;
  readonly tif?: string;
  readonly account?: string | null;
  readonly outside_rth?: boolean;
  readonly trail_amount?: number | null;
  readonly trail_percent?: number | null;
  readonly trail_stop_price?: number | null;
  readonly limit_offset?: number | null;
  readonly offset?: number | null;
  readonly cash_quantity?: number | null;
  readonly good_till?: string;
  readonly good_after?: string;
  readonly display_size?: number | null;
  readonly min_quantity?: number | null;
  readonly all_or_none?: boolean;
  readonly hidden?: boolean;
  readonly oca_group?: string;
  readonly oca_type?: number;
  readonly algo?: Algo | null;
  readonly conditions?: readonly (Condition)[];
  readonly conditions_cancel?: boolean;
  readonly conditions_ignore_rth?: boolean;
  readonly leg_prices?: readonly (number | null)[];
  readonly parent?: string | null;
  readonly transmit?: boolean;
  readonly routing?: { readonly [key: string]: string };
  readonly extra?: { readonly [key: string]: string | number | number | boolean };
  readonly reduce_only?: boolean;
}

/**
 * One of IBKR's algos: `Adaptive` with `{"adaptivePriority": "Normal"}`, `Twap`, `Vwap` …
 */
export interface Algo {
  readonly strategy: string;
  readonly params?: { readonly [key: string]: string };
}

/**
 * The order works once its conditions hold. `join` ties it to the next one.
 *
 * price: `value` of `con_id` at `exchange`; volume, percent_change: likewise; margin: `value` percent;
 * time: `text` as the gateway writes times; execution: a trade in `symbol`, `sec_type`, `exchange`.
 * `more`: the value must be reached from below, else from above.
 */
export interface Condition {
  readonly kind: "execution" | "margin" | "percent_change" | "price" | "time" | "volume";
  readonly join?: "and" | "or";
  readonly more?: boolean;
  readonly value?: number | null;
  readonly text?: string | null;
  readonly con_id?: number | null;
  readonly exchange?: string | null;
  readonly symbol?: string | null;
  readonly sec_type?: string | null;
  readonly trigger_method?: number;
}

/**
 * `modify_order`: change what is given, keep the rest as it stands.
 *
 * `transmit`: hand a staged order on to the market. What an `order_type` does not take is dropped.
 */
export interface ModifyOrder {
  readonly strategy: string;
  readonly client_order_id: string;
  readonly quantity?: number | null;
  readonly limit_price?: number | null;
  readonly stop_price?: number | null;
  readonly trail_amount?: number | null;
  readonly trail_percent?: number | null;
  readonly trail_stop_price?: number | null;
  readonly limit_offset?: number | null;
  readonly offset?: number | null;
  readonly order_type?: string | null;
  readonly tif?: string | null;
  readonly good_till?: string | null;
  readonly outside_rth?: boolean | null;
  readonly display_size?: number | null;
  readonly transmit?: boolean | null;
}

/**
 * `cancel_order`.
 */
export interface CancelOrder {
  readonly strategy: string;
  readonly client_order_id: string;
}

/**
 * `get_orders`: all orders, finished ones too, oldest first; each argument narrows. `since`: ns, only
 * those with an event then or later.
 */
export interface GetOrders {
  readonly strategy?: string | null;
  readonly client_order_id?: string | null;
  readonly active?: boolean | null;
  readonly since?: bigint | null;
}

/**
 * `place_orders`: all of them or none. `link` says what ties them at the gateway.
 *
 * bracket: the first is the parent; the others work once it is filled and die with it; an exit that
 * its entry's price would trigger at once is refused. oca: a fill of one cancels or reduces the rest
 * (`oca_type`: 1 cancel, 2 reduce, 3 reduce without block). none: nothing.
 */
export interface PlaceOrders {
  readonly orders: readonly (PlaceOrder)[];
  readonly link?: "bracket" | "none" | "oca";
  readonly oca_type?: number;
}

/**
 * `cancel_orders`: all working orders that match everything given; `all` when nothing narrows.
 */
export interface CancelOrders {
  readonly strategy?: string | null;
  readonly account?: string | null;
  readonly instrument?: string | null;
  readonly all?: boolean;
}

/**
 * `preview_order`: what an order would cost and bind; nothing is placed and the id stays free.
 */
export interface PreviewOrder {
  readonly strategy: string;
  readonly client_order_id: string;
  readonly instrument: string;
  readonly side: "BUY" | "SELL";
  readonly quantity: number;
  readonly order_type: string;
  readonly limit_price?: number | null;
  readonly stop_price?: number | null;
  readonly tif?: string;
  readonly account?: string | null;
  readonly outside_rth?: boolean;
  readonly trail_amount?: number | null;
  readonly trail_percent?: number | null;
  readonly trail_stop_price?: number | null;
  readonly limit_offset?: number | null;
  readonly offset?: number | null;
  readonly cash_quantity?: number | null;
  readonly good_till?: string;
  readonly good_after?: string;
  readonly display_size?: number | null;
  readonly min_quantity?: number | null;
  readonly all_or_none?: boolean;
  readonly hidden?: boolean;
  readonly oca_group?: string;
  readonly oca_type?: number;
  readonly algo?: Algo | null;
  readonly conditions?: readonly (Condition)[];
  readonly conditions_cancel?: boolean;
  readonly conditions_ignore_rth?: boolean;
  readonly leg_prices?: readonly (number | null)[];
  readonly parent?: string | null;
  readonly transmit?: boolean;
  readonly routing?: { readonly [key: string]: string };
  readonly extra?: { readonly [key: string]: string | number | number | boolean };
  readonly reduce_only?: boolean;
}

/**
 * `get_executions`: executions as they stand after corrections, with what they cost; oldest first.
 */
export interface GetExecutions {
  readonly strategy?: string | null;
  readonly client_order_id?: string | null;
  readonly account?: string | null;
  readonly since?: bigint | null;
}

/**
 * `account_executions`: executions in all accounts, whoever placed the order, as the gateway has reported
 * them; oldest first. `foreign`: only those of orders that were not placed here.
 */
export interface GetAccountExecutions {
  readonly account?: string | null;
  readonly since?: bigint | null;
  readonly foreign?: boolean;
}

/**
 * `cancel_foreign_order`: an operator ends an order that was not placed here.
 */
export interface CancelForeignOrder {
  readonly perm_id: bigint;
}

/**
 * `exercise_option`: exercise an option that is held, or let it lapse. Its key is that of an order.
 *
 * `override`: against what the gateway would do by itself, such as exercising what is out of the money.
 */
export interface ExerciseOption {
  readonly strategy: string;
  readonly client_order_id: string;
  readonly instrument: string;
  readonly quantity: number;
  readonly action?: "exercise" | "lapse";
  readonly account?: string | null;
  readonly override?: boolean;
}

/**
 * `replay_events`: order events again, as they were published, numbered above `after`.
 *
 * With `strategy` only its own, counted by `strategy_no`; else all, by `event_no`.
 */
export interface ReplayEvents {
  readonly after: number;
  readonly strategy?: string | null;
  readonly limit?: number;
}

/**
 * `halt`: no new orders of `strategy`, or of anybody; `cancel` also ends what works.
 */
export interface Halt {
  readonly reason: string;
  readonly strategy?: string | null;
  readonly cancel?: boolean;
}

/**
 * `resume`: takes back the halt of `strategy`, or the general one.
 */
export interface Resume {
  readonly strategy?: string | null;
}

/**
 * `set_risk`: the limits of a layer from now on, in place of those it had; `limits` empty: none.
 *
 * `scope` default has no `name`; strategy and account name theirs.
 */
export interface SetRisk {
  readonly scope: "account" | "default" | "strategy";
  readonly limits: RiskLimits;
  readonly name?: string;
}

/**
 * SPEC's table of limits is written from this class (`make vectors`): each with its meaning below it.
 */
export interface RiskLimits {
  readonly max_order_quantity?: number | null;
  readonly max_order_notional?: number | null;
  readonly max_position?: number | null;
  readonly price_collar?: number | null;
  readonly round?: "passive" | "refuse" | null;
  readonly max_open_orders?: number | null;
  readonly max_orders_per_side?: number | null;
  readonly max_orders_per_second?: number | null;
  readonly max_daily_loss?: number | null;
  readonly duplicate_s?: number | null;
  readonly instruments?: readonly (string)[] | null;
  readonly order_types?: readonly (string)[] | null;
  readonly trading_windows?: readonly (string)[] | null;
  readonly time_zone?: string;
  readonly missing?: "allow" | "refuse" | null;
  readonly reduce_only_passes?: boolean;
}

/**
 * `adopt_order`: take a foreign order over under a key of one's own.
 */
export interface AdoptOrder {
  readonly strategy: string;
  readonly client_order_id: string;
  readonly perm_id: bigint;
}

/**
 * `resolve_order`: an operator knows what became of an `unknown` order.
 */
export interface ResolveOrder {
  readonly strategy: string;
  readonly client_order_id: string;
  readonly status: "cancelled" | "filled" | "not_sent" | "rejected";
  readonly reason: string;
}

/**
 * `snapshot`: one quote, once. `regulatory`: from all exchanges, at IBKR's fee for each. `data`: which
 * data it may be made of, as configured unless given.
 */
export interface Snapshot {
  readonly instrument: string;
  readonly regulatory?: boolean;
  readonly data?: "any" | "delayed" | "frozen" | "live" | null;
}

/**
 * `subscribe`: what subscribing to `topic` would give. It holds no line: subscribing itself does.
 */
export interface Subscribe {
  readonly topic: string;
}

/**
 * `retry`: ask the gateway once more for a stream that it, or a look-up, refused.
 */
export interface Retry {
  readonly topic: string;
}

/**
 * Result of `describe`, which every process answers. `args` are JSON Schemas.
 */
export interface Description {
  readonly name: string;
  readonly version: string;
  readonly protocol: number;
  readonly incarnation: bigint;
  readonly ops: readonly (OpDescription)[];
  readonly topics: readonly (string)[];
  readonly requests: string;
  readonly events: string;
}

/**
 */
export interface OpDescription {
  readonly op: string;
  readonly summary: string;
  readonly args: { readonly [key: string]: Value };
}

/**
 * Result of `metrics`: what this process has counted since it started.
 */
export interface Metrics {
  readonly name: string;
  readonly incarnation: bigint;
  readonly metrics: readonly (MetricSamples)[];
}

/**
 * `name` without prefix; kind, text and bounds are those of `METRICS`, repeated for other languages.
 */
export interface MetricSamples {
  readonly name: string;
  readonly kind: Open<"counter" | "gauge" | "histogram">;
  readonly text: string;
  readonly bounds: readonly (number)[];
  readonly samples: readonly (Sample)[];
}

/**
 * One series. `value`: of a histogram the sum; `buckets`: counts up to and including each bound of the
 * metric and, last, all.
 */
export interface Sample {
  readonly labels: { readonly [key: string]: string };
  readonly value: number;
  readonly buckets: readonly (number)[] | null;
}

/**
 * Result of `status` (supervisor): a row per process, and the link as connection last reported it.
 * `data_dir`: of which data folder it is, since two clusters may be meant for the same ports.
 */
export interface ClusterStatus {
  readonly processes: readonly (ProcessRow)[];
  readonly gateway: { readonly [key: string]: Value } | null;
  readonly data_dir: string | null;
}

/**
 */
export interface ProcessRow {
  readonly name: string;
  readonly state: Open<"backoff" | "connecting" | "failed" | "hung" | "ready" | "reconciling" | "starting" | "stopped" | "stopping" | "waiting_client_id">;
  readonly pid: number | null;
  readonly client_id: number | null;
  readonly restarts: number;
  readonly uptime_s: number;
  readonly reason: string | null;
}

/**
 * Result of `restart`: it is being ended. `process/<name>/` shows the rest.
 */
export interface Restarting {
  readonly name: string;
}

/**
 * Result of `explain`, in the order in which processes start.
 */
export interface Stories {
  readonly processes: readonly (ProcessStory)[];
}

/**
 * `retry_in_s`: until it is started again, nil for one that runs. `ready_after_s`: from this run's start
 * to its first being ready, nil if it was not yet. `waited`: what that time went into, also while it still
 * goes on. `cpu`: of one processor, by its last heartbeat; `loop_lag_s`: how late its loop was since the
 * one before. `changes`: the last ones, the newest last.
 */
export interface ProcessStory {
  readonly name: string;
  readonly state: Open<"backoff" | "connecting" | "failed" | "hung" | "ready" | "reconciling" | "starting" | "stopped" | "stopping" | "waiting_client_id">;
  readonly reason: string | null;
  readonly pid: number | null;
  readonly restarts: number;
  readonly uptime_s: number;
  readonly retry_in_s: number | null;
  readonly ready_after_s: number | null;
  readonly waited: readonly (Waited)[];
  readonly cpu: number | null;
  readonly memory_bytes: number | null;
  readonly loop_lag_s: number | null;
  readonly changes: readonly (Change)[];
}

/**
 * On its way to being ready it was so long in this state, for this reason.
 */
export interface Waited {
  readonly state: Open<"backoff" | "connecting" | "failed" | "hung" | "ready" | "reconciling" | "starting" | "stopped" | "stopping" | "waiting_client_id">;
  readonly seconds: number;
  readonly reason: string | null;
}

/**
 * Result of `reload`: what is other in the file now, and what each change asks for.
 */
export interface Reloaded {
  readonly file: string | null;
  readonly changed: readonly (ChangedKey)[];
}

/**
 * A key of the configuration that is other in the file than in a process that runs. `restart`: those
 * that have to be restarted; the whole cluster, if `cluster`; neither: it holds from now on.
 */
export interface ChangedKey {
  readonly key: string;
  readonly restart: readonly (string)[];
  readonly cluster: boolean;
}

/**
 * Result of `stop` (supervisor): everything is gone once `lock`, a file, is no longer locked (flock).
 */
export interface Stopping {
  readonly pid: number;
  readonly lock: string;
}

/**
 * Result of `contract_details`, in the order of the conIds. Empty only after the last one: an unknown
 * contract is `gateway_rejected` with 200.
 *
 * `next`: as `after` for more, nil at the end.
 */
export interface ContractList {
  readonly contracts: readonly (ContractRow)[];
  readonly next: number | null;
}

/**
 * One contract of the gateway's database; texts are the gateway's own, nil where it has none.
 *
 * `instrument` is the canonical spelling, the same in positions. `order_types` and `valid_exchanges` are
 * comma lists, `market_rule_ids` one that goes with `valid_exchanges`; hours are the gateway's text, in
 * `time_zone_id`. Sizes are in units of the instrument, prices in its currency divided by `price_magnifier`
 * (100: pence). `sec_ids`: ISIN and the like, by their names. `extra`: what else the gateway says of it (of
 * bonds, funds, event contracts), under ibapi's names.
 */
export interface ContractRow {
  readonly instrument: string;
  readonly con_id: number;
  readonly sec_type: string;
  readonly symbol: string;
  readonly exchange: string | null;
  readonly primary_exchange: string | null;
  readonly currency: string | null;
  readonly local_symbol: string | null;
  readonly trading_class: string | null;
  readonly expiry: string | null;
  readonly right: string | null;
  readonly strike: number | null;
  readonly multiplier: string | null;
  readonly long_name: string | null;
  readonly min_tick: number | null;
  readonly min_size: number | null;
  readonly size_increment: number | null;
  readonly price_magnifier: number | null;
  readonly order_types: string | null;
  readonly valid_exchanges: string | null;
  readonly time_zone_id: string | null;
  readonly trading_hours: string | null;
  readonly liquid_hours: string | null;
  readonly market_rule_ids: string | null;
  readonly under_con_id: number | null;
  readonly under_symbol: string | null;
  readonly under_sec_type: string | null;
  readonly contract_month: string | null;
  readonly real_expiration: string | null;
  readonly last_trade_time: string | null;
  readonly stock_type: string | null;
  readonly industry: string | null;
  readonly category: string | null;
  readonly subcategory: string | null;
  readonly sec_ids: { readonly [key: string]: string };
  readonly suggested_size_increment: number | null;
  readonly market_name: string | null;
  readonly maturity: string | null;
  readonly coupon: number | null;
  readonly extra: { readonly [key: string]: Value };
}

/**
 * Result of `qualify`. `contract` is nil when several match: then `candidates` are the first hundred of
 * the `matches`, and `told_apart_by` the fewest fields that name one of them.
 */
export interface Qualified {
  readonly contract: ContractRow | null;
  readonly candidates: readonly (ListedContract)[];
  readonly told_apart_by: readonly (string)[];
  readonly matches: number;
}

/**
 * What tells one contract from another.
 */
export interface ListedContract {
  readonly instrument: string;
  readonly con_id: number;
  readonly sec_type: string;
  readonly symbol: string;
  readonly exchange: string | null;
  readonly primary_exchange: string | null;
  readonly currency: string | null;
  readonly local_symbol: string | null;
  readonly trading_class: string | null;
  readonly expiry: string | null;
  readonly right: string | null;
  readonly strike: number | null;
  readonly multiplier: string | null;
  readonly long_name: string | null;
}

/**
 * Result of `option_chain`. `expiries`: all there are, YYYYMMDD. `contracts`: by expiry, right and
 * strike; whole expiries, about two thousand. `next`: as `after` for more, nil at the end.
 */
export interface OptionChain {
  readonly underlying: string;
  readonly con_id: number;
  readonly expiries: readonly (string)[];
  readonly contracts: readonly (ListedContract)[];
  readonly next: string | null;
}

/**
 * Result of `search`: at most 16, in the gateway's order.
 */
export interface FoundSymbols {
  readonly contracts: readonly (FoundSymbol)[];
}

/**
 * `derivatives`: the kinds of contract there are on it.
 */
export interface FoundSymbol {
  readonly instrument: string;
  readonly con_id: number;
  readonly sec_type: string;
  readonly symbol: string;
  readonly primary_exchange: string | null;
  readonly currency: string | null;
  readonly long_name: string | null;
  readonly derivatives: readonly (string)[];
}

/**
 * Result of `trading_hours`. `trading`: all sessions, `liquid`: the regular ones. `closed`: days
 * (YYYYMMDD) of which the gateway says that there is none. `time_zone`: an IANA name, `time_zone_id`: the
 * gateway's own.
 */
export interface TradingHours {
  readonly con_id: number;
  readonly time_zone: string;
  readonly time_zone_id: string;
  readonly trading: readonly (SessionRow)[];
  readonly liquid: readonly (SessionRow)[];
  readonly closed: readonly (string)[];
}

/**
 * `open` and `close`: ns. `date`: the trading day it counts for, YYYYMMDD.
 */
export interface SessionRow {
  readonly open: number;
  readonly close: number;
  readonly date: string;
}

/**
 * Result of `market_rule`. `min_tick`: the smallest step on any exchange at any price.
 */
export interface MarketRules {
  readonly instrument: string;
  readonly con_id: number;
  readonly min_tick: number | null;
  readonly min_size: number | null;
  readonly size_increment: number | null;
  readonly price_magnifier: number | null;
  readonly rules: readonly (ExchangeRule)[];
}

/**
 * `rule`: the gateway's number of it.
 */
export interface ExchangeRule {
  readonly exchange: string;
  readonly rule: number;
  readonly increments: readonly (PriceIncrement)[];
}

/**
 * `increment`: the price's step from `low` on.
 */
export interface PriceIncrement {
  readonly low: number;
  readonly increment: number;
}

/**
 * Result of `news_providers`: those the user may read.
 */
export interface NewsProviders {
  readonly providers: readonly (NewsProvider)[];
}

/**
 */
export interface NewsProvider {
  readonly code: string;
  readonly name: string;
}

/**
 * Result of `news`. `more`: there are others.
 */
export interface Headlines {
  readonly headlines: readonly (Headline)[];
  readonly more: boolean;
}

/**
 * Result of `article`. `kind`: `text` (may be HTML) or `pdf` (base64).
 */
export interface Article {
  readonly kind: Open<"pdf" | "text">;
  readonly text: string;
}

/**
 * Result of `wsh_meta`: kinds of events and the keys of filters, the JSON that the gateway sends.
 */
export interface WshMeta {
  readonly meta: Value;
}

/**
 * Result of `wsh_events`: the JSON that the gateway sends, as it is.
 */
export interface WshEvents {
  readonly events: Value;
}

/**
 * Result of `fundamentals`: the XML that the gateway sends, as it is.
 */
export interface Fundamentals {
  readonly report: Open<"CalendarReport" | "RESC" | "ReportRatios" | "ReportSnapshot" | "ReportsFinStatements" | "ReportsFinSummary" | "ReportsOwnership">;
  readonly xml: string;
}

/**
 * Result of `fa_groups`: the XML that the gateway sends, as it is.
 */
export interface FaGroups {
  readonly list: Open<"aliases" | "groups" | "profiles">;
  readonly xml: string;
}

/**
 * Result of `replace_fa_groups`: what the gateway says of it.
 */
export interface FaGroupsReplaced {
  readonly message: string;
}

/**
 * Result of `scanner`, best first.
 */
export interface Scanned {
  readonly rows: readonly (ScannerRow)[];
}

/**
 * Result of `scanner_parameters`. `total`: so many there are.
 */
export interface ScannerParameterList {
  readonly parameters: readonly (ScannerParameter)[];
  readonly total: number;
}

/**
 * `kind`: `instrument_type`, `location`, `scan` or `filter`, as an argument of `scanner`.
 */
export interface ScannerParameter {
  readonly kind: Open<"filter" | "instrument_type" | "location" | "scan">;
  readonly code: string;
  readonly name: string;
}

/**
 * Result of `implied_volatility` and `option_price`, by the gateway's own model.
 */
export interface OptionValue {
  readonly con_id: number;
  readonly option_price: number | null;
  readonly implied_volatility: number | null;
  readonly under_price: number | null;
  readonly delta: number | null;
  readonly gamma: number | null;
  readonly vega: number | null;
  readonly theta: number | null;
  readonly pv_dividend: number | null;
}

/**
 * Result of `market_depth_exchanges`.
 */
export interface DepthExchanges {
  readonly exchanges: readonly (DepthExchangeRow)[];
}

/**
 * `kind`: Deep (one order book) or Deep2 (with market makers). `group`: exchanges of one SMART book.
 */
export interface DepthExchangeRow {
  readonly exchange: string;
  readonly sec_type: string;
  readonly listing_exchange: string | null;
  readonly kind: string | null;
  readonly group: number | null;
}

/**
 * Result of `smart_components`.
 */
export interface SmartComponents {
  readonly components: readonly (SmartComponent)[];
}

/**
 */
export interface SmartComponent {
  readonly bit: number;
  readonly exchange: string;
  readonly letter: string;
}

/**
 * Result of `user_info`: the user's white branding, nil without.
 */
export interface UserInfo {
  readonly white_branding_id: string | null;
}

/**
 * Result of `bars`. `bars` or, where they were asked for, `columns` or `packed`. `what`: what was
 * asked of the gateway. `next`: as `from` for more, nil at the end.
 */
export interface BarPage {
  readonly bars: readonly (BarRow)[];
  readonly con_id: number | null;
  readonly what: string;
  readonly columns: BarColumns | null;
  readonly packed: PackedBars | null;
  readonly fetched_at: bigint | null;
  readonly next: number | null;
}

/**
 * Bars by columns, all of one length; fields as in a row.
 */
export interface BarColumns {
  readonly time: readonly (bigint)[];
  readonly open: readonly (number | null)[];
  readonly high: readonly (number | null)[];
  readonly low: readonly (number | null)[];
  readonly close: readonly (number | null)[];
  readonly volume: readonly (number | null)[];
  readonly wap: readonly (number | null)[];
  readonly count: readonly (number | null)[];
}

/**
 * Bars by columns, each as bytes, eight for a bar, little-endian: `time` 64-bit integers, ns, all others
 * 64-bit floats, NaN where there is nothing; fields as in a row.
 */
export interface PackedBars {
  readonly time: Uint8Array;
  readonly open: Uint8Array;
  readonly high: Uint8Array;
  readonly low: Uint8Array;
  readonly close: Uint8Array;
  readonly volume: Uint8Array;
  readonly wap: Uint8Array;
  readonly count: Uint8Array;
}

/**
 * Result of `ticks`. `next`: as `from` for more, nil at the end.
 */
export interface TickPage {
  readonly ticks: readonly (TickRow)[];
  readonly con_id: number | null;
  readonly fetched_at: bigint | null;
  readonly next: number | null;
}

/**
 * A trade has price, size, exchange and conditions, a quote bid and ask, a mid-point its price. `time`:
 * to the second. `attributes` as in `trade` and `bbo`: 1 past limit (or bid past low), 2 unreported (or ask
 * past high).
 */
export interface TickRow {
  readonly time: bigint;
  readonly price: number | null;
  readonly size: number | null;
  readonly bid: number | null;
  readonly ask: number | null;
  readonly bid_size: number | null;
  readonly ask_size: number | null;
  readonly exchange: string;
  readonly conditions: string;
  readonly attributes: number;
}

/**
 * Result of `head_timestamp`.
 */
export interface Head {
  readonly time: bigint;
  readonly what: string;
  readonly fetched_at: bigint | null;
}

/**
 * Result of `schedule`: sessions in their order, those that touch the range.
 */
export interface Schedule {
  readonly sessions: readonly (SessionRow)[];
  readonly time_zone: string;
  readonly fetched_at: bigint | null;
}

/**
 * Result of `histogram`: `[price, size]` in the gateway's order.
 */
export interface Histogram {
  readonly prices: readonly (readonly [number | null, number | null])[];
  readonly fetched_at: bigint | null;
}

/**
 * Result of `client_ids`, `claim_client_id` and `release_client_id`: every ID that is taken. `claimed`:
 * the one that was asked for. `free`: the range out of which programs are given theirs.
 */
export interface ClientIdList {
  readonly client_ids: readonly (ClientIdRow)[];
  readonly free_from: number;
  readonly free_to: number;
  readonly claimed: number | null;
}

/**
 * `kind`: a process of the cluster, its doctor, or another program; that one's until `until` (nanoseconds
 * since the epoch), nil for what is for good.
 */
export interface ClientIdRow {
  readonly client_id: number;
  readonly holder: string;
  readonly kind: Open<"doctor" | "process" | "program">;
  readonly until: number | null;
}

/**
 * Result of `claim_budget`: so many messages a second more until `until`; 0: nothing is left.
 */
export interface BudgetLease {
  readonly rate: number;
  readonly until: number;
}

/**
 * Result of `yield_budget`.
 */
export interface BudgetYielded {
  readonly round: number;
}

/**
 * Result of `positions` (status).
 */
export interface PositionList {
  readonly positions: readonly (PositionRow)[];
}

/**
 */
export interface PositionRow {
  readonly account: string;
  readonly instrument: string;
  readonly con_id: number;
  readonly quantity: number;
  readonly avg_cost: number | null;
}

/**
 * Result of `health` (status). `ready`: every node of the configuration beats and is ready.
 */
export interface Health {
  readonly ready: boolean;
  readonly processes: readonly (HealthRow)[];
}

/**
 * A process as its heartbeats show it. `state` to `uptime_s` are from its last heartbeat, `heard_s`
 * seconds ago (nil: never); `silent` after two seconds without one, nil for a process that does not beat.
 * `supervised` and `restarts` are the supervisor's word, nil without a supervisor.
 */
export interface HealthRow {
  readonly name: string;
  readonly state: Open<"connecting" | "ready" | "reconciling" | "starting" | "stopping" | "waiting_client_id"> | Open<"silent"> | null;
  readonly detail: string | null;
  readonly pid: number | null;
  readonly client_id: number | null;
  readonly uptime_s: number | null;
  readonly heard_s: number | null;
  readonly supervised: Open<"backoff" | "connecting" | "failed" | "hung" | "ready" | "reconciling" | "starting" | "stopped" | "stopping" | "waiting_client_id"> | null;
  readonly restarts: number | null;
}

/**
 * Result of `board`. `next`: ask with it as `after` for more, nil on the last page.
 */
export interface Board {
  readonly at: number;
  readonly incarnation: bigint;
  readonly sections: readonly (BoardSection)[];
  readonly next: number | null;
}

/**
 * `total`: how many rows there are. `rev` as in the `board_change` event.
 */
export interface BoardSection {
  readonly name: string;
  readonly rev: number;
  readonly as_of: number | null;
  readonly total: number;
  readonly rows: readonly ({ readonly [key: string]: Value })[];
}

/**
 * Result of `account`: rows of the sections `accounts` and `cash`.
 */
export interface AccountFigures {
  readonly as_of: number | null;
  readonly accounts: readonly ({ readonly [key: string]: Value })[];
  readonly currencies: readonly ({ readonly [key: string]: Value })[];
}

/**
 * Result of `pnl`: of each account, strategy and position, as in the board.
 */
export interface PnlFigures {
  readonly as_of: number | null;
  readonly accounts: readonly ({ readonly [key: string]: Value })[];
  readonly strategies: readonly ({ readonly [key: string]: Value })[];
  readonly positions: readonly ({ readonly [key: string]: Value })[];
}

/**
 * Result of `alerts`, `acknowledge_alert`, `silence_alert` and `test_alerts`: what fires, then the latest
 * that were resolved. `silences`: names (`*`: all) and until when (ns). `sinks`: where alerts go.
 */
export interface AlertList {
  readonly alerts: readonly (AlertRow)[];
  readonly silences: { readonly [key: string]: number };
  readonly sinks: readonly (string)[];
}

/**
 * An alert as it stands. `silenced_until`: ns, nil if nothing silences it.
 */
export interface AlertRow {
  readonly name: string;
  readonly about: string;
  readonly severity: Open<"page" | "warn">;
  readonly state: Open<"acknowledged" | "firing" | "resolved">;
  readonly text: string;
  readonly since: bigint;
  readonly resolved: number | null;
  readonly acknowledged_by: string | null;
  readonly silenced_until: bigint | null;
}

/**
 * Result of `place_order`, `modify_order`, `cancel_order`: durable and written, no verdict yet.
 */
export interface OrderAccepted {
  readonly client_order_id: string;
  readonly order_id: number | null;
  readonly status: string;
}

/**
 * Result of `get_orders`: maps with the fields of the `order` event; foreign orders as last seen.
 */
export interface OrderList {
  readonly orders: readonly ({ readonly [key: string]: Value })[];
  readonly foreign: readonly (ForeignOrder)[];
}

/**
 * A working order that was not placed here: by another client id, by hand, or before this journal.
 *
 * `client_id` and `order_id` are its owner's, 0 for an order entered by hand.
 */
export interface ForeignOrder {
  readonly perm_id: bigint;
  readonly client_id: number;
  readonly order_id: number;
  readonly instrument: string;
  readonly side: string;
  readonly quantity: number;
  readonly order_type: string;
  readonly account: string;
  readonly tif: string;
  readonly status: string;
  readonly filled: number;
  readonly reference: string;
  readonly limit_price: number | null;
  readonly stop_price: number | null;
}

/**
 * Result of `place_orders` (in the order of the request) and `cancel_orders`.
 */
export interface OrdersAccepted {
  readonly orders: readonly (OrderAccepted)[];
}

/**
 * Result of `preview_order`. Nil: the gateway did not compute it.
 */
export interface Preview {
  readonly init_margin_before: number | null;
  readonly init_margin_after: number | null;
  readonly init_margin_change: number | null;
  readonly maint_margin_before: number | null;
  readonly maint_margin_after: number | null;
  readonly maint_margin_change: number | null;
  readonly equity_with_loan_before: number | null;
  readonly equity_with_loan_after: number | null;
  readonly equity_with_loan_change: number | null;
  readonly commission: number | null;
  readonly min_commission: number | null;
  readonly max_commission: number | null;
  readonly currency: string | null;
  readonly warning: string | null;
}

/**
 * Result of `get_executions`.
 */
export interface ExecutionList {
  readonly executions: readonly (ExecutionRow)[];
}

/**
 */
export interface ExecutionRow {
  readonly strategy: string;
  readonly client_order_id: string;
  readonly instrument: string;
  readonly exec_id: string;
  readonly account: string;
  readonly side: Open<"BUY" | "SELL">;
  readonly quantity: number;
  readonly price: number;
  readonly time: bigint | null;
  readonly recovered: boolean;
  readonly leg: boolean;
  readonly commission: number | null;
  readonly currency: string | null;
  readonly realized_pnl: number | null;
  readonly con_id: number | null;
}

/**
 * Result of `account_executions`. `left_out`: how many older ones match and did not fit.
 */
export interface AccountExecutionList {
  readonly executions: readonly (AccountExecutionRow)[];
  readonly left_out: number;
}

/**
 */
export interface AccountExecutionRow {
  readonly exec_id: string;
  readonly account: string;
  readonly instrument: string;
  readonly side: Open<"BUY" | "SELL">;
  readonly quantity: number;
  readonly price: number;
  readonly time: bigint | null;
  readonly con_id: number | null;
  readonly exchange: string;
  readonly perm_id: bigint;
  readonly client_id: number;
  readonly order_id: number;
  readonly reference: string;
  readonly order: string | null;
  readonly liquidation: boolean;
  readonly liquidity: number;
  readonly leg: boolean;
  readonly commission: number | null;
  readonly currency: string | null;
  readonly realized_pnl: number | null;
}

/**
 * Result of `cancel_foreign_order`. `status`: the gateway's own word, "" if it has said none yet: then
 * the order's end comes on its topic.
 */
export interface ForeignCancel {
  readonly perm_id: bigint;
  readonly status: string;
  readonly text: string | null;
}

/**
 * Result of `replay_events`. `next`: ask with it as `after` for more; `last`: the newest there is.
 */
export interface EventPage {
  readonly events: readonly ({ readonly [key: string]: Value })[];
  readonly next: number;
  readonly last: number;
}

/**
 * Result of `halt` and `resume`: what is halted now, by whom none ("" is everybody), and why.
 *
 * `remaining`: the orders that still work or are unknown, after cancels had some seconds. `durable`: false
 * if the disk stalls: it holds, cancels go out, but it would not survive the end of the node yet.
 */
export interface Halted {
  readonly halted: { readonly [key: string]: string };
  readonly remaining: readonly ({ readonly [key: string]: Value })[];
  readonly durable: boolean;
}

/**
 * Result of `get_risk` and `set_risk`: every layer that holds, with the limits it sets.
 */
export interface RiskLayers {
  readonly layers: readonly (RiskLayer)[];
}

/**
 */
export interface RiskLayer {
  readonly scope: string;
  readonly name: string;
  readonly limits: { readonly [key: string]: Value };
}

/**
 * Result of `subscriptions`.
 */
export interface SubscriptionList {
  readonly subscriptions: readonly (SubscriptionRow)[];
  readonly lines: readonly (LineUse)[];
}

/**
 * A topic somebody wants, or left a moment ago. Topics with one `line` number share one gateway line.
 *
 * `since`: ns since the epoch at which it was first wanted. `line` is nil while the contract is not known.
 * `last_data`: ns at which data last came, nil for never. `gaps`: how many were announced on it.
 */
export interface SubscriptionRow {
  readonly topic: string;
  readonly state: Open<"active" | "closed" | "delayed" | "error" | "frozen" | "gap" | "resumed" | "starting">;
  readonly wanted: boolean;
  readonly since: bigint;
  readonly con_id: number | null;
  readonly line: number | null;
  readonly last_data: number | null;
  readonly gaps: number;
}

/**
 * How many lines of one kind are in use. `total`: of all shards together, by the configuration or less
 * if the gateway grants less; `allowed`: what other shards leave of that for this one; `waiting`: lines that
 * are listened to and found none free.
 */
export interface LineUse {
  readonly kind: string;
  readonly used: number;
  readonly allowed: number;
  readonly waiting: number;
  readonly total: number | null;
}

/**
 * Result of `snapshot`: the own fields of a `quote` event, and `frozen`: the last values of a closed
 * market.
 */
export interface SnapshotQuote {
  readonly quote: { readonly [key: string]: Value };
}

/**
 * Result of `subscribe`. `topic` is the canonical spelling, `events` the endpoint to subscribe at.
 *
 * `line`: shared (one is there), new, or none (the limit is reached).
 */
export interface SubscribePreview {
  readonly topic: string;
  readonly con_id: number | null;
  readonly events: string;
  readonly line: Open<"new" | "none" | "shared">;
  readonly state: Open<"active" | "closed" | "delayed" | "error" | "frozen" | "gap" | "resumed" | "starting"> | null;
}

/**
 * Result of `retry`: how the stream stands now. The stream itself shows what becomes of it.
 */
export interface Retried {
  readonly topic: string;
  readonly state: Open<"active" | "closed" | "delayed" | "error" | "frozen" | "gap" | "resumed" | "starting">;
}

/**
 * Result of `reconnect`: the session has been ended. Heartbeats and streams show the rest.
 */
export interface Reconnecting {
  readonly name: string;
}

/** Every event of this version. */
export type AnyEvent =
  | Quote
  | Ticks
  | Trade
  | BestBidOffer
  | Midpoint
  | Depth
  | DepthDelta
  | Bar
  | Bars
  | Greeks
  | Headline
  | Stream
  | Ranking
  | Order
  | Fill
  | Commission
  | Notice
  | Change
  | AccountNotice
  | AccountExecution
  | ExecutionCost
  | ForeignOrderChanged
  | Heartbeat
  | Process
  | Gateway
  | BudgetRound
  | Denied
  | Position
  | AccountValue
  | ProfitAndLoss
  | BoardChange
  | Alert;

export const EVENT_TYPES: ReadonlySet<string> = new Set([
  "quote",
  "ticks",
  "trade",
  "bbo",
  "midpoint",
  "depth",
  "depth_delta",
  "bar",
  "bars",
  "greeks",
  "headline",
  "stream",
  "ranking",
  "order",
  "fill",
  "commission",
  "notice",
  "change",
  "account_notice",
  "execution",
  "execution_cost",
  "foreign_order",
  "heartbeat",
  "process",
  "gateway",
  "budget_round",
  "denied",
  "position",
  "account_value",
  "profit_and_loss",
  "board_change",
  "alert",
]);

/** Every op: the process that answers it, what it takes, what it gives. */
export interface Ops {
  describe: { process: string; args: NoArgs; result: Description };
  metrics: { process: string; args: NoArgs; result: Metrics };
  status: { process: "supervisor"; args: NoArgs; result: ClusterStatus };
  restart: { process: "supervisor"; args: RestartProcess; result: Restarting };
  explain: { process: "supervisor"; args: Explain; result: Stories };
  reload: { process: "supervisor"; args: NoArgs; result: Reloaded };
  stop: { process: "supervisor"; args: NoArgs; result: Stopping };
  contract_details: { process: "reference"; args: ContractDetails; result: ContractList };
  qualify: { process: "reference"; args: Qualify; result: Qualified };
  option_chain: { process: "reference"; args: GetOptionChain; result: OptionChain };
  search: { process: "reference"; args: Search; result: FoundSymbols };
  trading_hours: { process: "reference"; args: GetTradingHours; result: TradingHours };
  market_rule: { process: "reference"; args: GetMarketRule; result: MarketRules };
  news_providers: { process: "reference"; args: NoArgs; result: NewsProviders };
  news: { process: "reference"; args: GetNews; result: Headlines };
  article: { process: "reference"; args: GetArticle; result: Article };
  wsh_meta: { process: "reference"; args: NoArgs; result: WshMeta };
  wsh_events: { process: "reference"; args: GetWshEvents; result: WshEvents };
  fundamentals: { process: "reference"; args: GetFundamentals; result: Fundamentals };
  fa_groups: { process: "reference"; args: GetFaGroups; result: FaGroups };
  replace_fa_groups: { process: "reference"; args: ReplaceFaGroups; result: FaGroupsReplaced };
  scanner: { process: "reference"; args: Scan; result: Scanned };
  scanner_parameters: { process: "reference"; args: GetScannerParameters; result: ScannerParameterList };
  implied_volatility: { process: "reference"; args: GetImpliedVolatility; result: OptionValue };
  option_price: { process: "reference"; args: GetOptionPrice; result: OptionValue };
  market_depth_exchanges: { process: "reference"; args: NoArgs; result: DepthExchanges };
  smart_components: { process: "reference"; args: GetSmartComponents; result: SmartComponents };
  user_info: { process: "reference"; args: NoArgs; result: UserInfo };
  bars: { process: "history"; args: GetBars; result: BarPage };
  ticks: { process: "history"; args: GetTicks; result: TickPage };
  head_timestamp: { process: "history"; args: GetHeadTimestamp; result: Head };
  schedule: { process: "history"; args: GetSchedule; result: Schedule };
  histogram: { process: "history"; args: GetHistogram; result: Histogram };
  gateway_status: { process: "connection"; args: NoArgs; result: Gateway };
  client_ids: { process: "connection"; args: NoArgs; result: ClientIdList };
  claim_client_id: { process: "connection"; args: ClaimClientId; result: ClientIdList };
  release_client_id: { process: "connection"; args: ReleaseClientId; result: ClientIdList };
  claim_budget: { process: "connection"; args: ClaimBudget; result: BudgetLease };
  yield_budget: { process: "connection"; args: YieldBudget; result: BudgetYielded };
  positions: { process: "status"; args: NoArgs; result: PositionList };
  health: { process: "status"; args: NoArgs; result: Health };
  board: { process: "status"; args: GetBoard; result: Board };
  account: { process: "status"; args: NoArgs; result: AccountFigures };
  pnl: { process: "status"; args: NoArgs; result: PnlFigures };
  alerts: { process: "status"; args: NoArgs; result: AlertList };
  acknowledge_alert: { process: "status"; args: AcknowledgeAlert; result: AlertList };
  silence_alert: { process: "status"; args: SilenceAlert; result: AlertList };
  test_alerts: { process: "status"; args: TryAlerts; result: AlertList };
  place_order: { process: "orders"; args: PlaceOrder; result: OrderAccepted };
  modify_order: { process: "orders"; args: ModifyOrder; result: OrderAccepted };
  cancel_order: { process: "orders"; args: CancelOrder; result: OrderAccepted };
  get_orders: { process: "orders"; args: GetOrders; result: OrderList };
  place_orders: { process: "orders"; args: PlaceOrders; result: OrdersAccepted };
  cancel_orders: { process: "orders"; args: CancelOrders; result: OrdersAccepted };
  preview_order: { process: "orders"; args: PreviewOrder; result: Preview };
  get_executions: { process: "orders"; args: GetExecutions; result: ExecutionList };
  account_executions: { process: "orders"; args: GetAccountExecutions; result: AccountExecutionList };
  cancel_foreign_order: { process: "orders"; args: CancelForeignOrder; result: ForeignCancel };
  exercise_option: { process: "orders"; args: ExerciseOption; result: OrderAccepted };
  replay_events: { process: "orders"; args: ReplayEvents; result: EventPage };
  halt: { process: "orders"; args: Halt; result: Halted };
  resume: { process: "orders"; args: Resume; result: Halted };
  get_risk: { process: "orders"; args: NoArgs; result: RiskLayers };
  set_risk: { process: "orders"; args: SetRisk; result: RiskLayers };
  adopt_order: { process: "orders"; args: AdoptOrder; result: OrderAccepted };
  resolve_order: { process: "orders"; args: ResolveOrder; result: OrderAccepted };
  subscriptions: { process: "marketdata-0"; args: NoArgs; result: SubscriptionList };
  snapshot: { process: "marketdata-0"; args: Snapshot; result: SnapshotQuote };
  subscribe: { process: "marketdata-0"; args: Subscribe; result: SubscribePreview };
  retry: { process: "marketdata-0"; args: Retry; result: Retried };
  reconnect: { process: "marketdata-0"; args: NoArgs; result: Reconnecting };
}

/** Fields that are `bigint` however small they are. */
export const BIGINT_FIELDS: ReadonlySet<string> = new Set([
  "fetched_at",
  "from",
  "inc",
  "incarnation",
  "last_time",
  "perm_id",
  "silenced_until",
  "since",
  "time",
  "to",
  "ts",
]);

/** Maps to integers: their keys are no fields but names that somebody has chosen. */
export const MAP_FIELDS: ReadonlySet<string> = new Set([
  "silences",
  "strategy_nos",
]);

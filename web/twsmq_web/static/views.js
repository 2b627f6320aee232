// What each view shows. The first is what a desk has to see at a glance.
import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact-htm.js";
import { ask, board, command, desk, now, present, rows } from "./board.js";
import { format, printable, time } from "./format.js";
import { Table, mood } from "./table.js";
import { Control, may, operator } from "./control.js";

function History({ order, onClose }) {
  const ref = useRef(null);
  const [found, setFound] = useState(null);
  useEffect(() => {
    ref.current?.showModal();
    const query = new URLSearchParams({ strategy: order.strategy, client_order_id: order.client_order_id });
    ask(`/api/history?${query}`).then((answer) => setFound(answer.body));
  }, []);
  const skipped = new Set(["v", "src", "inc", "seq", "ts", "type", "event_no", "strategy_no", "status", "strategy", "client_order_id", "snapshot"]);
  // Of an order's events only what is other than in the last one.
  const states = {};
  const said = (event) => {
    const before = states[event.type] || {};
    states[event.type] = event;
    return Object.entries(event)
      .filter(([name, value]) => !skipped.has(name) && (value || value === 0 || before[name]) && value !== before[name])
      .map(([name, value]) => printable(`${name} ${value ?? "–"}`)).join(", ") || "as before";
  };
  return html`<dialog ref=${ref} class="wide-dialog" aria-labelledby="history-title" onClose=${onClose}>
    <h2 id="history-title">${order.key}: every event of this order</h2>
    ${found === null && html`<p>reading the journal …</p>`}
    ${found?.problem && html`<p class="bad">${found.problem}</p>`}
    ${found && html`<div class="scroll" tabindex="0" role="group" aria-label="events"><table><thead><tr><th scope="col">no</th><th scope="col">time</th><th scope="col">event</th><th scope="col">what</th></tr></thead>
      <tbody>${(found.events || []).map((event) => html`<tr key=${event.event_no}><td class="number">${event.event_no}</td>
        <td>${time(event.ts, now())}</td><td>${printable(event.status ? `${event.type}: ${event.status}` : event.type)}</td><td>${said(event)}</td></tr>`)}</tbody></table></div>`}
    <div class="buttons"><button autofocus onClick=${() => ref.current.close()}>Close</button></div>
  </dialog>`;
}

function Orders({ only, title, empty }) {
  const [order, setOrder] = useState(null);
  const [said, setSaid] = useState(null);
  const cancels = may("cancel_order"), reads = board.me?.reads_orders;
  const act = useMemo(() => {
    const cancel = async (row) => {
      const outcome = await command("cancel_order", { strategy: row.strategy, client_order_id: row.client_order_id });
      setSaid(outcome.ok ? null : `${row.key} is not cancelled: ${outcome.error.message}`);
    };
    const buttons = (row) => row.rank < 2 && html`<button onClick=${() => cancel(row)}>cancel</button>`;
    return { at: 1, open: reads ? setOrder : null, title: "every event of this order", buttons: cancels ? buttons : null };
  }, [cancels, reads]);
  return html`${said && html`<p class="banner bad" role="alert">${printable(said)} <button onClick=${() => setSaid(null)}>close</button></p>`}
    <${Table} name="orders" only=${only} act=${act} title=${title} empty=${empty} />
    ${order && html`<${History} order=${order} onClose=${() => setOrder(null)} />`}`;
}

// A point comes every minute: where none came the line is broken, for nobody knows what was between.
function interrupted(times, series) {
  const at = [], values = [];
  times.forEach((each, i) => {
    if (i && each - times[i - 1] > 150) { at.push(times[i - 1] + 60); values.push(null); }
    at.push(each); values.push(series[i]);
  });
  return [at, values];
}

function Plot({ title, times, series, label, dots }) {
  const ref = useRef(null);
  useEffect(() => {
    const css = getComputedStyle(document.documentElement);
    const clock = (at) => time(at * 1e9, now()).replace(/:00$/, "");
    const axis = { stroke: css.getPropertyValue("--text"), grid: { stroke: css.getPropertyValue("--line"), width: 1 } };
    const width = Math.max(280, ref.current.clientWidth);
    const stroke = css.getPropertyValue("--accent");
    const curve = dots ? { label, stroke, paths: () => null, points: { show: true, size: 5, fill: stroke } } : { label, stroke, width: 1.5 };
    const plot = new window.uPlot({ width, height: 220, series: [{ value: (_, at) => (at === null ? "–" : clock(at)) }, curve],
      axes: [{ ...axis, space: 110, values: (_, splits) => splits.map(clock) }, { ...axis, size: 80 }], legend: { show: true } },
      dots ? [times, series] : interrupted(times, series), ref.current);
    const resize = () => plot.setSize({ width: Math.max(280, ref.current.clientWidth), height: 220 });
    addEventListener("resize", resize);
    return () => { removeEventListener("resize", resize); plot.destroy(); };
  }, [times, series, title, document.documentElement.dataset.theme]);
  return html`<figure class="plot"><figcaption>${title}</figcaption><div ref=${ref} role="img" aria-label=${title}></div></figure>`;
}

function load(kind, name) {
  return new Promise((done) => {
    const part = document.createElement(kind);
    part.onload = done; part.onerror = done;
    if (kind === "script") part.src = name; else { part.rel = "stylesheet"; part.href = name; }
    document.head.append(part);
  });
}

// The last week, as the status node keeps it; read anew every minute. null until it has come.
function useRecords() {
  const [data, setData] = useState(null);
  useEffect(() => {
    let over = false;
    const read = async () => {
      if (!window.uPlot) await Promise.all([load("link", "/static/vendor/uplot.css"), load("script", "/static/vendor/uplot.js")]);
      const answer = await ask("/api/records");
      if (!over && answer.status === 200) setData(answer.body);
    };
    read();
    const timer = setInterval(read, 60000);
    return () => { over = true; clearInterval(timer); };
  }, []);
  return data;
}

function Recorded({ id, title, data, empty, children }) {
  const none = data === null ? "reading …" : data.problem || empty;
  return html`<section class="panel" aria-labelledby=${"h-" + id} data-records=${id}><div class="title"><h2 id=${"h-" + id}>${title}</h2>
    <span class="count">the last seven days</span></div>${none ? html`<p class="empty">${none}</p>` : children}</section>`;
}

function Equity() {
  const data = useRecords();
  const accounts = Object.entries(data?.accounts || {}), unit = (each) => (each.currency ? `, ${each.currency}` : "");
  return html`<${Recorded} id="equity" title="Equity and result of the day" data=${data} empty=${accounts.length ? null : "nothing recorded yet: a point a minute"}>
    ${window.uPlot && accounts.map(([account, each]) => html`
      <${Plot} key=${account + "n"} title=${`${account}: net liquidation${unit(each)}`} times=${each.minute} series=${each.net_liquidation} label="net liquidation" />
      <${Plot} key=${account + "d"} title=${`${account}: result of the day${unit(each)}`} times=${each.minute} series=${each.daily} label="day" />`)}
  <//>`;
}

function Costs() {
  const data = useRecords();
  const fills = data?.fills;
  return html`<${Recorded} id="costs" title="What fills cost" data=${data} empty=${fills?.time.length ? null : "no fill recorded yet: once a minute"}>
    ${window.uPlot && html`<${Plot} title="slippage to the mid at placing, in 1/10,000" times=${fills?.time} series=${fills?.slippage_bps} label="bps" dots />
      <${Plot} title="from placing to fill, seconds" times=${fills?.time} series=${fills?.latency_s} label="seconds" dots />`}
  <//>`;
}

function Gaps() {
  const data = useRecords();
  const gaps = data?.gaps || [];
  const days = [...new Set(gaps.map((each) => each.day))].sort().reverse();
  const topics = [...new Set(gaps.map((each) => each.topic))].sort();
  const count = new Map(gaps.map((each) => [`${each.day} ${each.topic}`, each.gaps]));
  const date = (day) => new Date(day * 864e5).toISOString().slice(5, 10);
  return html`<${Recorded} id="gaps" title="Gaps a day" data=${data} empty=${topics.length ? null : "none recorded: they are written down once a minute"}>
    <div class="scroll" tabindex="0" role="group" aria-label="gaps table"><table data-section="gaps"><thead><tr><th scope="col">topic</th>
      ${days.map((day) => html`<th scope="col" class="number" key=${day}>${date(day)}</th>`)}</tr></thead>
      <tbody>${topics.map((topic) => html`<tr key=${topic}><td>${topic}</td>
        ${days.map((day) => html`<td class="number" key=${day}>${count.get(`${day} ${topic}`) ?? "–"}</td>`)}</tr>`)}</tbody></table></div>
  <//>`;
}

function Processes() {
  const [name, setName] = useState(null);
  const [log, setLog] = useState(null);
  const reads = board.me?.reads_logs;
  const act = useMemo(() => ({ at: 0, open: reads ? (row) => setName(row.name) : null, title: "the end of its log" }), [reads]);
  useEffect(() => {
    if (!name) return undefined;
    const read = () => ask(`/api/log/${name}`).then(({ body }) => setLog(body.error ? { problem: body.error.message } : body));
    read();
    const timer = setInterval(read, 2000);
    return () => clearInterval(timer);
  }, [name]);
  return html`<${Table} name="processes" act=${act} />
    ${name && html`<section class="panel" aria-labelledby="h-log"><div class="title"><h2 id="h-log">Log of ${name}</h2>
      <button onClick=${() => { setName(null); setLog(null); }}>close</button></div>
      ${log?.problem ? html`<p class="bad">${log.problem}</p>` : html`<pre class="log" tabindex="0" role="group" aria-label=${"log of " + name}>${(log?.lines || []).slice(-60).map(printable).join("\n")}</pre>`}
    </section>`}`;
}

function Alerts() {
  const [said, setSaid] = useState("");
  const run = async (what, op, args) => {
    const outcome = await command(op, args);
    setSaid(outcome.ok ? `${what}: done` : `${what}: ${outcome.error.message}`);
  };
  const acknowledges = may("acknowledge_alert"), silences = may("silence_alert");
  const buttons = acknowledges || silences ? (row) => row.state === "firing" && html`
    ${acknowledges && html`<button onClick=${() => run("acknowledge", "acknowledge_alert", { name: row.name, about: row.about })}>acknowledge</button>`}
    ${silences && html`<button onClick=${() => run("silence", "silence_alert", { name: row.name, minutes: 60 })}>silence 1 h</button>`}` : null;
  return html`<${Table} name="alerts" act=${{ buttons }} />
    <p class="act">${(may("test_alerts") || !operator()) && html`<button disabled=${!may("test_alerts")}
      onClick=${() => run("test", "test_alerts", {})}>test every sink</button>`}
    <span role="status"> ${said}</span></p>`;
}

function Audit() {
  const [entries, setEntries] = useState(null);
  useEffect(() => {
    const read = () => ask("/api/audit").then((answer) => answer.status === 200 && setEntries(answer.body));
    read();
    const timer = setInterval(read, 3000);
    return () => clearInterval(timer);
  }, []);
  return html`<section class="panel" aria-labelledby="h-audit"><div class="title"><h2 id="h-audit">Audit</h2><span class="count">${entries?.length ?? ""}</span></div>
    ${!entries?.length ? html`<p class="empty">nobody has done anything on this page yet (by commands: twsmq orders export --what audit)</p>` : html`<div class="scroll" tabindex="0" role="group" aria-label="audit table"><table data-section="audit">
    <thead><tr>${["time", "who", "role", "what", "arguments", "digest", "result"].map((each) => html`<th scope="col" class=${each === "digest" ? "wide" : ""}>${each}</th>`)}</tr></thead>
    <tbody>${entries.map((each) => html`<tr key=${each.number}><td>${time(each.time, now())}</td><td>${printable(each.who)}</td><td>${each.role}</td><td>${each.op}</td>
      <td>${printable(JSON.stringify(each.args))}</td><td class="wide">${each.digest}</td>
      <td class=${each.result === "ok" ? "good" : "bad"}>${printable(each.result ?? "outcome not known")}</td></tr>`)}</tbody></table></div>`}
  </section>`;
}

function Overview() {
  const unknown = (row) => row.status === "unknown";
  const works = (row) => row.rank < 2;
  const over = rows("orders").length, quiet = rows("alerts").length;
  return html`<${Table} name="alerts" only=${(row) => row.state !== "resolved"} plain
      empty=${quiet ? `nothing is wrong now; ${quiet} resolved under Alerts` : null} />
    ${rows("orders").some(unknown) && html`<p class="bad strong">Unknown orders: nobody can say at present whether they reached the gateway. Do not place them anew.</p>`}
    <${Orders} only=${works} title="Working orders" empty=${over ? `nothing works; ${over} finished under Orders` : null} />
    <${Table} name="accounts" plain /><${Table} name="positions" />
    <${Table} name="processes" plain />`;
}

export const VIEWS = [
  ["desk", "Desk", () => html`<${Overview} />`],
  ["orders", "Orders", () => html`<${Orders} /><${Table} name="foreign" />`],
  ["fills", "Fills", () => html`<${Table} name="fills" /><${Costs} />`],
  ["positions", "Positions", () => html`<${Table} name="accounts" /><${Table} name="positions" /><${Table} name="strategies" /><${Table} name="cash" /><${Equity} />`],
  ["market", "Market data", () => html`<${Table} name="lines" plain /><${Table} name="streams" /><${Gaps} />`],
  ["processes", "Processes", () => html`<${Processes} />`],
  ["budget", "Budget", () => html`<${Table} name="budget" />`],
  ["alerts", "Alerts", () => html`<${Alerts} />`],
  ["control", "Control", (open) => html`<${Control} open=${open} /><${Audit} />`],
];

// Always on top, whatever is shown below.
export function Header({ view, go, theme, turn, unlock }) {
  const it = desk();
  const moments = Object.values(board.sections).map((each) => each.as_of);
  const never = moments.includes(null), oldest = moments.length && !never ? Math.min(...moments) : null;
  const firing = rows("alerts").filter((row) => row.state !== "resolved");
  const paging = firing.filter((row) => row.severity === "page" && row.state === "firing");
  // A desk has many tabs: this one says whether it wants to be looked at.
  document.title = `${paging.length || !board.connected || !board.statusAlive ? "(!) " : ""}${it.mode ? it.mode.toUpperCase() + " " : ""}twsmq`;
  const fact = (name, value, kind = "text", more = "") => html`<span class="fact"><span class="name">${name}</span>
    <b class=${"state " + (more || mood(value))} data-fact=${name}>${format(kind, value, now())}</b></span>`;
  // What the connection node said last is of no present once it is silent.
  const last = (name, value, more = "") => (value && !present("desk") ? fact(name, `${value} (OLD)`, "text", "bad") : fact(name, value, "text", more));
  return html`<header class="desk">
    <div class="facts">
      <h1 class="mode"><span class=${"badge " + (it.mode || "none")} data-fact="mode">${(it.mode || "no account").toUpperCase()}</span></h1>
      ${last("gateway", it.gateway)}${fact("for", it.gateway_since, "age")}${last("upstream", it.upstream)}${last("farms", it.farms, /broken/.test(it.farms || "") ? "bad" : "")}
      ${never ? fact("worst age", "a part was never confirmed", "text", "bad")
        : fact("worst age", oldest, "age", moments.some((each) => Math.abs(now() - each / 1e6) > 5000) ? "bad" : "")}
      ${fact("unknown", it.unknown, "integer", it.unknown ? "bad" : "")}${fact("working", it.working, "integer")}
      ${fact("alerts", firing.length, "integer", paging.length ? "bad" : firing.length ? "warn" : "")}
      ${it.next_restart ? fact("next restart", it.next_restart, "time") : null}
    </div>
    ${it.halted && html`<p class="banner bad" role="status" data-banner="halted">${printable(it.halted)}</p>`}
    ${!board.connected && html`<p class="banner bad" role="alert" data-banner="server">the page's own server does not answer: nothing here is newer than ${format("age", board.heardAt * 1e6, Date.now())}; it is tried again</p>`}
    ${board.connected && !board.statusAlive && html`<p class="banner bad" role="alert" data-banner="status">the status node is silent${board.statusSilentS === null ? "" : ` for ${Math.floor(board.statusSilentS)} s`}: what is below stays as it last said; processes are shown as heard here</p>`}
    ${paging.map((row) => html`<p class="banner bad" role="alert" key=${row.key} data-alert=${row.name}>${row.name}: ${printable(row.text)}</p>`)}
    <nav aria-label="views">${VIEWS.map(([name, title], i) => html`<button key=${name} aria-current=${view === name ? "page" : undefined}
      title=${`key ${i + 1}`} onClick=${() => go(name)}>${title}${name === "alerts" && firing.length ? ` (${firing.length})` : ""}</button>`)}
      <span class="right">
        <button onClick=${turn} title="key t">${theme === "dark" ? "light" : "dark"}</button>
        <button onClick=${unlock} data-test="role">${operator() ? "operator: step down" : "operator …"}</button>
        <button class="danger" onClick=${() => go("control", { kill: "" })} title="key k" data-test="stop">STOP …</button>
      </span></nav>
  </header>`;
}

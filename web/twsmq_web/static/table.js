// One table for every section: filter, order by any column, ages that grow, old sections marked as old.
import { html, Component, useState } from "./vendor/preact-htm.js";
import { board, compare, now, rows } from "./board.js";
import { ABSENT, NUMERIC, age, format } from "./format.js";

const MOST = 100, MORE = 500;
const OLD_MS = 5000;
const MANY = 6;  // columns that no phone has room for beside each other

const BAD = new Set(["unknown", "failed", "hung", "silent", "rejected", "error", "disconnected", "live", "page", "firing", "stopped", "lost", "gap"]);
const WARN = new Set(["pending", "pending_cancel", "connecting", "starting", "backoff", "reconciling", "waiting_client_id", "inactive", "upstream_lost", "not_sent", "warn", "acknowledged", "mixed", "delayed", "frozen", "stopping"]);
const GOOD = new Set(["ready", "alive", "beating", "up", "connected", "filled", "active", "resumed", "submitted", "partially_filled", "paper", "resolved"]);

export function mood(value) {
  const word = String(value ?? "");
  if (BAD.has(word) || word.startsWith("halted")) return "bad";
  if (WARN.has(word)) return "warn";
  return GOOD.has(word) ? "good" : "";
}

function cellClass(column, value, text) {
  const classes = [];
  if (text === ABSENT) classes.push("absent");
  if (NUMERIC.has(column.kind)) classes.push("number");
  if (column.wide) classes.push("wide");
  if (column.kind === "state") classes.push("state", mood(value));
  if (column.kind === "side") classes.push(value === "BUY" ? "buy" : "sell");
  if (column.kind === "money" && column.name !== "value" && value < 0) classes.push("bad");
  if (column.name === "difference" && value) classes.push("bad", "strong");
  return classes.join(" ");
}

// A row is drawn anew when it changed; once a second only its ages are. What is handed to preact unchanged is skipped,
// so `act` has to be the same object from one drawing to the next.
class Row extends Component {
  shouldComponentUpdate(next) {
    const { row, act, tick } = this.props;
    if (next.row !== row || next.act !== act) this.cells = null;
    return !this.cells || next.tick !== tick;
  }

  cell(column, i, { row, moment, act }) {
    const text = format(column.kind, row[column.name], moment);
    const body = i === act?.at && act.open
      ? html`<button class="link" onClick=${() => act.open(row)} title=${act.title}>${text}</button>` : text;
    return html`<td class=${cellClass(column, row[column.name], text)} data-column=${column.name} data-title=${column.title}
      title=${text.length > 40 ? text : undefined}>${body}</td>`;
  }

  render(props) {
    const { columns, row, act } = props;
    const before = this.cells;
    this.cells = columns.map((column, i) => (before && column.kind !== "age" ? before[i] : this.cell(column, i, props)));
    if (!before) this.act = act?.buttons ? html`<td class="act">${act.buttons(row)}</td>` : null;
    return html`<tr class=${row.status === "unknown" ? "pinned" : ""} data-key=${row.key}>${this.cells}${this.act}</tr>`;
  }
}

export function Age({ name }) {
  const section = board.sections[name];
  if (!section || section.as_of === null) return html`<span class="age bad">never confirmed</span>`;
  const ms = now() - section.as_of / 1e6;
  if (ms < -OLD_MS) return html`<span class="age bad">OLD: of before the clock was set back</span>`;
  return html`<span class=${"age" + (ms > OLD_MS ? " bad" : "")}>${ms > OLD_MS ? "OLD: " : ""}as of ${age(ms)} ago</span>`;
}

export function Table({ name, act, only, plain, title, empty }) {
  const [filter, setFilter] = useState("");
  const [order, setOrder] = useState(null);
  const [most, setMost] = useState(MOST);
  const spec = board.specs?.[name];
  if (!spec) return null;
  let list = rows(name);
  if (only) list = list.filter(only);
  const total = list.length;
  if (filter) {
    const words = filter.toLowerCase().split(/\s+/);
    list = list.filter((row) => {
      const text = Object.values(row).join(" ").toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }
  // Whatever they are ordered by: what is unknown stands first.
  if (order) list = [...list].sort((a, b) => (b.status === "unknown") - (a.status === "unknown") || compare(a, b, [order]));
  const shown = list.slice(0, most);
  const moment = now();
  const tick = spec.columns.some((column) => column.kind === "age") ? Math.floor(moment / 1000) : 0;
  const turn = (column) => () => setOrder(order?.[0] !== column.name ? [column.name, 1]
    : order[1] === 1 ? [column.name, -1] : null);
  return html`<section class="panel" aria-labelledby=${"h-" + name}>
    <div class="title"><h2 id=${"h-" + name}>${title || spec.title}</h2>
      <span class="count">${total}</span><${Age} name=${name} />
      ${!plain && total > 5 && html`<input type="search" class="filter" value=${filter} aria-label=${"filter " + spec.title}
        placeholder="filter ( / )" onInput=${(e) => setFilter(e.target.value)} />`}
    </div>
    ${shown.length === 0 ? html`<p class="empty">${filter ? "no row matches" : (empty || spec.empty).split("`").map((part, i) => (i % 2 ? html`<code>${part}</code>` : part))}</p>` : html`
    <div class="scroll" tabindex="0" role="group" aria-label=${spec.title + " table"}><table data-section=${name} class=${spec.columns.length > MANY ? "many" : ""}>
      <thead><tr>${spec.columns.map((column) => html`<th scope="col"
        class=${(NUMERIC.has(column.kind) ? "number " : "") + (column.wide ? "wide" : "")}
        aria-sort=${order?.[0] === column.name ? (order[1] === 1 ? "ascending" : "descending") : undefined}>
        <button class="sort" onClick=${turn(column)}>${column.title}${order?.[0] === column.name ? (order[1] === 1 ? " ▲" : " ▼") : ""}</button>
      </th>`)}${act?.buttons && html`<th scope="col">actions</th>`}</tr></thead>
      <tbody>${shown.map((row) => html`<${Row} key=${row.key} columns=${spec.columns} row=${row} tick=${tick}
        moment=${moment} act=${act} />`)}</tbody>
    </table></div>`}
    ${list.length > shown.length && html`<button data-test="more" onClick=${() => setMost(most + MORE)}>show ${Math.min(MORE, list.length - most)} more of ${list.length}</button>`}
  </section>`;
}

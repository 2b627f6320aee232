// What an operator may do. Two actions for everything that matters: a button, then a dialog whose default is Cancel;
// a typed word where everybody is meant. What remains is shown until it is nothing.
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";
import { board, command, desk, present, rows } from "./board.js";
import { counted, printable } from "./format.js";
import { Age } from "./table.js";

export const operator = () => board.me?.role === "operator";

// Whether a command is let through: an operator's session may what the cluster's key behind it opens.
export const may = (op) => Boolean(board.me?.may?.includes(op));

// Rank 0 is unknown, 1 works, 2 is finished: the status node decides which state is which.
export const remaining = (strategy) => rows("orders").filter((row) => row.rank < 2 && (!strategy || row.strategy === strategy));

export function Dialog({ title, text, word, yes, danger, ask, onDone }) {
  const ref = useRef(null);
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const [state, setState] = useState(null);
  useEffect(() => { ref.current?.showModal(); }, []);
  const armed = (!word || typed === word) && (!ask || reason.trim());
  const go = async () => {
    setState("sent");
    const outcome = await onDone(reason.trim());
    if (outcome === null || outcome?.ok) ref.current?.close(); else setState(outcome.error.message);
  };
  return html`<dialog ref=${ref} aria-labelledby="dialog-title" onClose=${() => onDone(undefined)}>
    <h2 id="dialog-title">${title}</h2>
    <p>${text}</p>
    ${ask && html`<label>${ask}<input value=${reason} maxlength="200" onInput=${(e) => setReason(e.target.value)} /></label>`}
    ${word && html`<label>Type <b>${word}</b> to go on<input value=${typed} autocomplete="off" data-test="word"
      onInput=${(e) => setTyped(e.target.value)} /></label>`}
    ${state && state !== "sent" && html`<p class="bad" role="alert">${printable(state)}</p>`}
    <div class="buttons">
      <button autofocus data-test="cancel" onClick=${() => ref.current.close()}>Cancel</button>
      <button class=${danger ? "danger" : ""} disabled=${!armed || state === "sent"} data-test="confirm"
        onClick=${go}>${state === "sent" ? "sent …" : yes}</button>
    </div>
  </dialog>`;
}

function Remains({ scope, outcome, onClose }) {
  const left = remaining(scope), sure = present("orders"), foreign = scope ? 0 : rows("foreign").length;
  const who = scope || "everybody";
  return html`<div class=${"remains " + (left.length || !sure ? "bad" : "good")} role="status" data-test="remaining">
    <b>${sure ? `${who}: ${left.length} remaining` : `${who}: not known what remains; when last heard, ${left.length}`}</b>
    ${left.length === 0 ? sure && " – no order placed here works any more" : ` – ${left.slice(0, 5).map((row) => `${row.key} ${row.status}`).join(", ")}`}
    ${foreign > 0 && html`<p class="bad" data-test="foreign-remain">${counted(foreign, "foreign order")} may still work: not placed here, and not cancelled by this</p>`}
    ${outcome?.result && html`<span class="absent"> (the orders node answered: ${outcome.result.remaining.length} remained)</span>`}
    <button onClick=${onClose}>close</button>
  </div>`;
}

const halted = (said) => (String(said ?? "").startsWith("halted") ? "bad" : "");

// What was stopped stays here while other views are looked at.
const shown = { kills: [] };

export function Control({ open }) {
  const [dialog, setDialog] = useState(null);
  const [kills, show] = useState(shown.kills);
  const setKills = (list) => show(shown.kills = list);
  const [notice, setNotice] = useState(null);
  const strategies = rows("strategies");
  const close = () => setDialog(null);

  const kill = (scope) => setDialog({
    title: scope ? `Halt ${scope} and cancel its orders` : "Halt everybody and cancel all orders",
    text: scope ? `No new order of ${scope} until resumed; what works of it is cancelled: ${counted(remaining(scope).length, "order")}.`
      : `No new order of anybody until resumed; all that works is cancelled: ${counted(remaining().length, "order")}. Positions stay${rows("foreign").length
        ? `, and so does what was not placed here: ${counted(rows("foreign").length, "foreign order")}` : ""}.`,
    word: scope ? null : "CANCEL ALL", yes: "Halt and cancel", danger: true,
    onDone: async (reason) => {
      if (reason === undefined) return close();
      const args = { reason: "kill switch on the page", cancel: true, ...(scope ? { strategy: scope } : {}) };
      const outcome = await command("halt", args);
      if (outcome.ok) setKills([{ scope, outcome }, ...kills.filter((each) => each.scope !== scope)]);
      return outcome;
    },
  });
  const halt = (scope) => setDialog({
    title: `Halt ${scope || "everybody"}`, text: "No new orders and no modifications until resumed; what works goes on working.",
    ask: "Why (it is in every refusal)", yes: "Halt", danger: true,
    onDone: (reason) => reason === undefined ? close() : command("halt", { reason, ...(scope ? { strategy: scope } : {}) }),
  });
  const resume = (scope) => setDialog({
    title: `Resume ${scope || "everybody"}`, text: "New orders are taken again.", yes: "Resume",
    onDone: (reason) => reason === undefined ? close() : command("resume", scope ? { strategy: scope } : {}),
  });
  const restart = (name) => setDialog({
    title: `Restart ${name}`, text: "It ends in order and is started again; what it owns is interrupted for a few seconds.", yes: "Restart",
    onDone: (reason) => reason === undefined ? close() : command("restart", { name }),
  });

  useEffect(() => { if (open?.kill !== undefined && may("halt")) kill(open.kill); }, [open]);

  // A viewer sees what an operator could do; who is one, what the key behind the session opens and nothing else.
  const button = (op, danger, test, text, run) => (may(op) || !operator()) && html`<button class=${danger ? "danger" : ""}
    disabled=${!may(op)} data-test=${test} onClick=${run}>${text}</button> `;
  const buttons = (scope) => html`
    ${button("halt", true, scope ? undefined : "kill-all", scope ? "Halt and cancel …" : "Halt and cancel all …", () => kill(scope))}
    ${button("halt", false, undefined, "Halt …", () => halt(scope))}
    ${button("resume", false, scope ? undefined : "resume-all", "Resume …", () => resume(scope))}`;

  return html`<section class="panel" aria-labelledby="h-control">
    <div class="title"><h2 id="h-control">Control</h2><${Age} name="orders" /></div>
    ${!operator() && html`<p class="empty">You are a viewer. <code>twsmq web --operator</code> prints a key that lets you act; use the
      button “operator” above. With this page dead, <code>twsmq halt --reason WHY --cancel</code> does the same.</p>`}
    ${kills.map((each) => html`<${Remains} ...${each} onClose=${() => setKills(kills.filter((other) => other !== each))} />`)}
    ${notice && html`<p class="act" role="status">${notice}</p>`}
    <div class="scroll" tabindex="0" role="group" aria-label="control table"><table class="control">
      <thead><tr><th scope="col">who</th><th scope="col">state</th><th scope="col">orders</th><th scope="col">actions</th></tr></thead>
      <tbody>
      <tr><td><b>everybody</b></td>
        <td class=${halted(desk().everybody)} data-test="everybody">${printable(desk().everybody ?? "not known")}</td>
        <td>${desk().working ?? "not known how many"} working</td>
        <td class="act">${buttons("")}</td></tr>
      ${strategies.map((row) => html`<tr key=${row.key}><td>${row.strategy}</td><td class=${halted(row.halted)}>${printable(row.halted || (desk().everybody == null ? "not known" : "trading"))}</td>
        <td>${row.working} working</td><td class="act">${buttons(row.strategy)}</td></tr>`)}
      </tbody>
    </table></div>
    ${(may("restart") || !operator()) && html`<h3>Restart a process</h3>
    <p class="act">${rows("processes").filter((row) => row.name !== "supervisor").map((row) => html`<button key=${row.key}
      disabled=${!may("restart")} onClick=${() => restart(row.name)}>${row.name} …</button> `)}</p>`}
    ${dialog && html`<${Dialog} ...${dialog} onDone=${async (reason) => {
      const outcome = await dialog.onDone(reason);
      if (reason !== undefined && outcome?.ok) { setNotice(`done: ${dialog.title}`); setDialog(null); }
      return outcome;
    }} />`}
  </section>`;
}

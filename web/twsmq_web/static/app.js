// Wires the page: who is logged in, which view, which theme, the keyboard.
import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { ask, board, listen, onChange, stop } from "./board.js";
import { Header, VIEWS } from "./views.js";

const root = document.getElementById("app");
root.textContent = "";

let view = "desk";
let open = null;
let dialog = null;
let refusal = null;  // why the link that this page was opened with did not log in
let theme = null;
try { theme = localStorage.getItem("theme"); } catch { /* private windows */ }
theme ||= matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
document.documentElement.dataset.theme = theme;

function go(name, opening = null) { view = name; open = opening; draw(); window.scrollTo(0, 0); }
function turn() {
  theme = theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* private windows */ }
  draw();
}
async function unlock() {
  if (board.me?.role === "operator") board.me = (await ask("/api/step_down", {})).body;
  else dialog = "operator";
  draw();
}

function Login({ title, text, why, onKey, onCancel }) {
  const [key, setKey] = useState("");
  const [problem, setProblem] = useState(why);
  const send = async (event) => {
    event.preventDefault();
    const answer = await ask("/api/login", { key: key.trim().replace(/^.*#login=/, "") });
    if (answer.status === 200) onKey(answer.body); else setProblem(answer.body.error.message);
  };
  return html`<main class="login"><h1>${title}</h1><p>${text}</p>
    <form onSubmit=${send}><label>key or link<input value=${key} autocomplete="off" data-test="key" onInput=${(e) => setKey(e.target.value)} /></label>
    ${problem && html`<p class="bad" role="alert">${problem}</p>`}
    <div class="buttons">${onCancel && html`<button type="button" onClick=${onCancel}>Cancel</button>`}<button data-test="login">Go on</button></div></form></main>`;
}

function Help({ onClose }) {
  return html`<main class="login"><h1>Keys</h1><table><tbody>
    ${VIEWS.map(([name, title], i) => html`<tr key=${name}><td><kbd>${i + 1}</kbd></td><td>${title}</td></tr>`)}
    <tr><td><kbd>/</kbd></td><td>filter</td></tr><tr><td><kbd>t</kbd></td><td>dark or light</td></tr>
    <tr><td><kbd>k</kbd></td><td>stop (asks first)</td></tr><tr><td><kbd>?</kbd></td><td>this</td></tr></tbody></table>
    <p>Every number has an age; what says OLD is old, whatever it shows. A dash is unknown, never zero.</p>
    <div class="buttons"><button autofocus onClick=${onClose}>Close</button></div></main>`;
}

function App() {
  if (board.me === null) {
    return html`<${Login} title="twsmq" text=${html`Run <code>twsmq web</code> where the cluster runs: it prints a link that logs this browser in.`}
      why=${refusal} onKey=${(me) => { refusal = null; return begin(me); }} />`;
  }
  if (dialog === "operator") {
    return html`<${Login} title="Operator" text=${html`<code>twsmq web --operator</code> prints a key, good once, that lets this browser act for twelve hours.`}
      onKey=${(me) => { board.me = me; dialog = null; draw(); }} onCancel=${() => { dialog = null; draw(); }} />`;
  }
  if (dialog === "help") return html`<${Help} onClose=${() => { dialog = null; draw(); }} />`;
  const shown = VIEWS.find(([name]) => name === view);
  return html`<${Header} view=${view} go=${go} theme=${theme} turn=${turn} unlock=${unlock} />
    ${refusal && html`<p class="banner bad" role="alert">${refusal} <button onClick=${() => { refusal = null; draw(); }}>close</button></p>`}
    <main data-view=${view} key=${view}>${shown[2](open)}</main>
    <footer>${board.me.who}, ${board.me.role} · <button class="link" onClick=${() => { dialog = "help"; draw(); }}>keys ( ? )</button></footer>`;
}

function draw() { render(html`<${App} />`, root); }
onChange(draw);

async function begin(me) {
  board.me = me;
  const specs = await ask("/api/sections");
  board.specs = specs.body;
  listen();
  draw();
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (typing) { if (event.key === "Escape") event.target.blur(); return; }
  if (!board.me) return;
  if (/^[1-9]$/.test(event.key) && VIEWS[event.key - 1]) go(VIEWS[event.key - 1][0]);
  else if (event.key === "/") { event.preventDefault(); document.querySelector("input.filter")?.focus(); }
  else if (event.key === "t") turn();
  else if (event.key === "k") go("control", { kill: "" });
  else if (event.key === "?") { dialog = dialog === "help" ? null : "help"; draw(); }
  else if (event.key === "Escape" && dialog) { dialog = null; draw(); }
});
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => { if (event.persisted && board.me) listen(); });

const key = location.hash.startsWith("#login=") ? location.hash.slice(7) : null;
if (key) history.replaceState(null, "", "/");
const login = key && await ask("/api/login", { key });
if (login && login.status !== 200) refusal = login.body.error.message;
const answer = login?.status === 200 ? login : await ask("/api/me");
if (answer.status === 200) await begin(answer.body);
draw();

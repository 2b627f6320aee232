// How values are shown; `client/twsmq/board_text.py` does the same for the terminal, and a test holds them together.

export const ABSENT = "–";

// Made once for each pair: `toLocaleString` makes one for each number, which takes forty times as long.
const formats = new Map();
function grouped(value, least, most) {
  const pair = least * 16 + most;
  let made = formats.get(pair);
  if (!made) {
    made = new Intl.NumberFormat("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });
    formats.set(pair, made);
  }
  return made.format(value);
}

// A number with what it counts: 1 order, 2 orders.
export const counted = (number, one, several = `${one}s`) => `${grouped(number, 0, 0)} ${Math.abs(number) === 1 ? one : several}`;

const two = (number) => String(number).padStart(2, "0");

export function age(ms) {
  if (ms < -2000) return ABSENT;  // of a moment that has not come: a clock was set
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
  return `${Math.floor(s / 86400)} d`;
}

export function seconds(value) {
  if (value < 0.001) return `${grouped(value * 1000, 0, 2)} ms`;
  if (value < 1) return `${grouped(value * 1000, 0, 0)} ms`;
  return `${grouped(value, 0, 1)} s`;
}

export function time(ns, nowMs) {
  const at = new Date(ns / 1e6);
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const today = new Date(nowMs);
  if (at.toDateString() === today.toDateString()) return clock;
  return `${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock}`;
}

// Texts of gateways, brokers and clients: a character that acts on what is shown (a bidirectional override, a control)
// is written as an escape, as the terminal does it.
const ACTS = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escaped(one) {
  const code = one.codePointAt(0), hex = code.toString(16);
  if (SHORT[one]) return SHORT[one];
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

export const printable = (text) => String(text).replace(ACTS, escaped);

export function format(kind, value, nowMs) {
  if (value === null || value === undefined || value === "") return ABSENT;
  switch (kind) {
    case "integer": return grouped(value, 0, 0);
    case "quantity": return grouped(value, 0, 8);
    case "price": return grouped(value, 2, 6);
    case "money": return grouped(value, 2, 2);
    case "percent": return `${grouped(value * 100, 1, 1)} %`;
    case "bytes": return `${grouped(value / 1e6, 1, 1)} MB`;
    case "seconds": return seconds(value);
    case "time": return time(value, nowMs);
    case "age": return age(nowMs - value / 1e6);
    case "flag": return value ? "yes" : "no";
    default: return printable(value);
  }
}

export const NUMERIC = new Set(["integer", "quantity", "price", "money", "percent", "bytes", "seconds", "age", "id"]);

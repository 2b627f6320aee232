// The browser's copy of the board: one stream of events from the server; ages are reckoned here, so that they go on
// growing when nobody sends any more. The server says something every second: a stream that says nothing is broken,
// even where the network does not say so (a machine that slept, a proxy), and is opened anew.

export const board = {
  sections: {},          // name → { as_of, rows: Map, list: sorted array or null }
  specs: null,           // name → title, columns, order: as the server has them
  connected: false,
  heardAt: 0,            // when anything came from the server, by this browser's clock
  offset: 0,             // the server's clock less this browser's, ms
  steady: -Infinity,     // less the one that nobody sets, but that stands still while the machine sleeps
  statusAlive: true,
  statusSilentS: null,
  me: null,
};

let listener = () => {};
let source = null;
let frame = 0;

export const onChange = (f) => { listener = f; };

// Of two clocks the later: what is old must not look young.
export const now = () => Math.max(Date.now() + board.offset, performance.now() + board.steady);

const SILENT_MS = 5000;
const clocks = () => [Date.now(), performance.now()];
const since = (then) => Math.max(...clocks().map((at, i) => at - then[i]));
let heardAt = clocks(), triedAt = clocks(), steady = [];

function heard() {
  board.heardAt = Date.now();
  heardAt = clocks();
}

function draw() {
  if (!frame) {
    frame = requestAnimationFrame(() => { frame = 0; listener(); });
  }
}

function moment(data) {
  board.offset = data.now / 1e6 - Date.now();
  steady = [...steady.slice(-14), data.now / 1e6 - performance.now()];
  board.steady = Math.max(...steady);  // a message that comes late shows less
  board.statusAlive = data.status_alive;
  board.statusSilentS = data.status_silent_s;
  heard();
  board.connected = true;
}

const section = (data) => ({ as_of: data.as_of, rows: new Map(Object.entries(data.rows)), list: null });

export function listen() {
  if (source) source.close();
  triedAt = clocks();
  source = new EventSource("/events");
  source.addEventListener("whole", (event) => {
    const data = JSON.parse(event.data);
    moment(data);
    for (const [name, each] of Object.entries(data.sections)) board.sections[name] = section(each);
    draw();
  });
  source.addEventListener("change", (event) => {
    const data = JSON.parse(event.data);
    const there = board.sections[data.section];
    heard();
    if (!there) return;
    there.as_of = data.as_of;
    for (const [key, row] of Object.entries(data.rows)) {
      if (row === null) there.rows.delete(key); else there.rows.set(key, row);
      there.list = null;
    }
    draw();
  });
  source.addEventListener("moment", (event) => {
    const data = JSON.parse(event.data);
    moment(data);
    if (data.processes) board.sections.processes = section(data.processes);
    draw();
  });
  source.onerror = async () => {
    board.connected = false;
    draw();
    if (source.readyState === EventSource.CLOSED) {
      const answer = await fetch("/api/me").catch(() => null);
      if (answer && answer.status === 401) { board.me = null; draw(); return; }
      setTimeout(listen, 1000);
    }
  };
}

export function stop() {
  if (source) source.close();
  source = null;
  board.connected = false;
}

// Whether what is shown of a section is the present.
export function present(name) {
  const as_of = board.sections[name]?.as_of ?? null;
  return board.connected && board.statusAlive && as_of !== null && Math.abs(now() - as_of / 1e6) <= SILENT_MS;
}

// Rows in the order the board lays them out: by fields, "-" for descending, absent last.
export function rows(name) {
  const there = board.sections[name];
  if (!there) return [];
  if (there.list) return there.list;
  const keys = (board.specs?.[name]?.order || "").split(",").filter(Boolean)
    .map((each) => [each.replace("-", ""), each.startsWith("-") ? -1 : 1]);
  const list = [...there.rows.values()];
  if (keys.length) list.sort((a, b) => compare(a, b, keys));
  there.list = list;
  return list;
}

export function compare(a, b, keys) {
  for (const [name, way] of keys) {
    const x = a[name] ?? null, y = b[name] ?? null;
    if (x === y) continue;
    if (x === null) return 1;
    if (y === null) return -1;
    return (x < y ? -1 : 1) * way;
  }
  return 0;
}

export const desk = () => board.sections.desk?.rows.get("desk") || {};

export async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  };
  try {
    const answer = await fetch(path, options);
    if (answer.status === 401 && path !== "/api/login") { board.me = null; draw(); }
    return { status: answer.status, body: await answer.json() };
  } catch (error) {
    return { status: 0, body: { ok: false, error: { code: "unreachable", message: "the page's server does not answer" } } };
  }
}

// What is refused although there was a button for it: a right has ended meanwhile, so what there is is asked anew.
export async function command(op, args) {
  const answer = await ask("/api/command", { op, args });
  if (answer.status === 403) {
    const me = await ask("/api/me");
    if (me.status === 200) board.me = me.body;
    draw();
  }
  return answer.body;
}

setInterval(() => {
  if (source && since(heardAt) > SILENT_MS && since(triedAt) > SILENT_MS) {
    board.connected = false;
    listen();
  }
  draw();
}, 1000);

// Keeps the first page alive: the stream's texts go into the nodes that the server has made.
// No node that has the focus is ever replaced. Without this module the page works, but stands still.

const RETRY_MS = 1000;
const tiles = new Map();
const interrupted = document.querySelector("[data-interrupted]");
const live = document.querySelector("[data-live]");
let stream = null, timer = 0, hasEnded = false, lastSeen = new Date();
let state = null, isFetching = false, isOutdated = false, awaited = null;

function indexTiles() {
  tiles.clear();
  for (const tile of document.querySelectorAll("[data-tile]")) {
    const fields = new Map();
    for (const node of tile.querySelectorAll("[data-field]")) fields.set(node.dataset.field, node);
    tiles.set(tile.dataset.tile, { tile, fields });
  }
}

function setText(node, text) {
  if ("value" in node && node.tagName === "INPUT") node.value = text;
  else if (node.textContent !== text) node.textContent = text;
}

function show(id, texts) {
  const known = tiles.get(id);
  if (!known) return;
  for (const [field, text] of Object.entries(texts)) {
    const node = known.fields.get(field);
    if (node) setText(node, text);
    else if (["state", "action", "stale"].includes(field)) known.tile.dataset[field] = text;
    if (field === "action") keepFocus(known.tile);
    if (field === "state") {
      const use = known.tile.querySelector(".mark use");
      use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#" + text));
    }
  }
}

// A button that goes away takes the focus with it; its tile keeps the place of a keyboard user.
function keepFocus(tile) {
  const active = document.activeElement;
  if (active !== tile && tile.contains(active) && !active.checkVisibility()) {
    tile.tabIndex = -1;
    tile.focus({ preventScroll: true });
  }
}

// All texts of the stream are kept: a page that is fetched meanwhile may be older than they are.
function showAll() {
  // The page of one charger has its tiles, and nothing else of the state.
  const only = document.querySelector("[data-only]")?.dataset.only;
  const ids = Object.keys(state.tiles).filter((id) => id.startsWith(only ?? ""));
  for (const id of ids) show(id, state.tiles[id]);
  const hasTiles = ids.length === tiles.size && ids.every((id) => tiles.has(id));
  if (only) return hasTiles;
  const section = document.querySelector("[data-needs]");
  const list = state.needs.map((text) => Object.assign(document.createElement("li"), { textContent: text }));
  section.querySelector("ul").replaceChildren(...list);
  section.hidden = list.length === 0;
  const rows = document.querySelectorAll("[data-months] tr");
  if (rows.length === state.months.length) {
    state.months.forEach((texts, index) => {
      texts.forEach((text, column) => setText(rows[index].children[column], text));
    });
  }
  return hasTiles && rows.length === state.months.length;
}

// A rare change of structure: sections come anew from the server, but never while one has the focus.
async function reload() {
  isOutdated = true;
  if (isFetching || waitsForFocus()) return;
  isFetching = true;
  isOutdated = false;
  try {
    await fetchSections();
  } catch {
    isOutdated = true; // The server is gone; the stream says so, and comes back with the whole state.
    return;
  } finally {
    isFetching = false;
  }
  if (isOutdated) reload();
}

async function fetchSections() {
  const answer = await fetch(location.pathname + location.search, { cache: "no-store" });
  if (!answer.ok) throw new Error(answer.statusText);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (waitsForFocus()) return;
  const old = [...document.querySelectorAll("main > section")];
  const fresh = [...page.querySelectorAll("main > section")];
  // Another style or module is needed since somebody has begun to limit current.
  const assets = (whole) => whole.head.querySelectorAll("link, script").length;
  if (old.length !== fresh.length || assets(document) !== assets(page)) return location.reload();
  old.forEach((section, index) => section.replaceWith(document.adoptNode(fresh[index])));
  indexTiles();
  prepareForms();
  if (state) showAll();
}

function waitsForFocus() {
  const active = document.activeElement;
  if (!active.closest("main > *")) return false;
  if (active !== awaited) active.addEventListener("blur", () => {
    awaited = null;
    setTimeout(reload);
  }, { once: true });
  awaited = active;
  return true;
}

function say(text) {
  live.hidden = Boolean(text);
  interrupted.hidden = !text;
  if (text) setText(interrupted, text);
}

function open() {
  clearTimeout(timer);
  if (hasEnded || stream || document.hidden) return;
  stream = new EventSource("/stream");
  const on = (name, act) => stream.addEventListener(name, (event) => {
    lastSeen = new Date();
    act(JSON.parse(event.data));
  });
  on("state", (whole) => {
    state = whole;
    say("");
    // After an event `reload` the page is being fetched already.
    if ((!showAll() || isOutdated) && !isFetching) reload();
  });
  on("tiles", (texts) => {
    for (const [id, fields] of Object.entries(texts)) {
      state.tiles[id] = { ...state.tiles[id], ...fields };
      show(id, fields);
    }
  });
  on("reload", reload);
  on("end", () => { hasEnded = true; close(); say(interrupted.dataset.ended); });
  stream.onerror = () => {
    close();
    timer = setTimeout(open, RETRY_MS);
    say(interrupted.dataset.text.replace("{time}", clockTime(lastSeen)));
  };
}

// As the server writes the other times of the page, wherever its reader is.
function clockTime(moment) {
  const language = document.documentElement.lang, timeZone = interrupted.dataset.zone;
  const digits = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  try {
    return moment.toLocaleTimeString(language, { ...digits, timeZone });
  } catch { // A zone that this browser does not know.
    return moment.toLocaleTimeString(language, digits);
  }
}

function close() {
  clearTimeout(timer);
  stream?.close();
  stream = null;
}

// The card of the last start of this device is chosen already; a second tap is not sent again.
function prepareForms() {
  for (const select of document.querySelectorAll("select[name=as]")) {
    const last = localStorage.getItem("as");
    const isKnown = [...select.options].some((option) => option.value === last);
    if (!select.value && last && isKnown) select.value = last;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target, button = form.querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") event.preventDefault();
  button.setAttribute("aria-disabled", "true");
  const choice = form.elements.namedItem("as");
  if (choice) localStorage.setItem("as", choice.value);
});

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  open();
});

indexTiles();
prepareForms();
open();

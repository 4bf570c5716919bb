// The page: a card for each source, the machine's readings, and the state of the connection.

import { Card } from "./card.js";
import { Connection } from "./connection.js";
import { Teach } from "./teach.js";
import { percent, write } from "./text.js";

const HOT_CELSIUS = 80; // a Raspberry Pi begins to throttle here
const PATIENCE_MS = 2000; // a connection that is back sooner is not mentioned

const main = document.getElementById("sources");
const waiting = document.getElementById("waiting");
const pill = document.getElementById("connection");
const notice = document.getElementById("notice");
const model = document.getElementById("model");
const pause = document.getElementById("pause");
const cards = new Map();
let teach = null; // the panel, if the program teaches
let common = { labels: [], history_seconds: 600 };
let paused = false;
let known = false; // an update has arrived
let missing = performance.now(); // time when the connection was lost; null: connected
let why = "";

// The token is in a cookie now; remove it from the address bar and the history.
if (location.search) history.replaceState(null, "", location.pathname);

const connection = new Connection({ update, state });

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  write(pause, paused ? "Resume" : "Pause");
  connection.setPaused(paused);
  showConnection();
});
document.getElementById("retry").addEventListener("click", () => connection.retryNow());
setTimeout(showConnection, PATIENCE_MS);
setInterval(() => {
  if (!paused && missing == null) for (const card of cards.values()) card.showFigures();
}, 1000);

function update(news) {
  if (news.labels) begin(news);
  for (const source of news.sources) {
    let card = cards.get(source.number);
    if (!card) {
      card = new Card(source.number);
      cards.set(source.number, card);
      main.insertBefore(card.root, teach?.root ?? null);
    }
    card.update(source, common.labels, common.history_seconds);
  }
  if (news.teach) {
    if (!teach) main.append((teach = new Teach()).root);
    teach.update(news.teach);
  }
  waiting.hidden = cards.size > 0 || teach != null;
  main.dataset.count = String(Math.min(cards.size, 3));
  const { temperature_celsius: warmth, load } = news.machine;
  reading("temperature", warmth == null ? null : `${warmth.toFixed(1)}\u202f°C`, warmth >= HOT_CELSIUS);
  reading("load", load == null ? null : percent(load));
  [known, missing, why] = [true, null, ""];
  showConnection();
}

// The first update of a connection: it may belong to another run than before.
function begin(news) {
  common = news;
  document.title = news.title;
  write(document.querySelector("h1"), news.title);
  showModel(news);
  const numbers = new Set(news.sources.map((source) => source.number));
  for (const [number, card] of cards) {
    if (numbers.has(number)) card.restart();
    else { card.root.remove(); cards.delete(number); }
  }
}

function reading(id, text, warn = false) {
  const box = document.getElementById(id);
  box.hidden = text == null;
  if (text != null) write(box.querySelector("dd"), text);
  box.classList.toggle("warn", warn);
}

// What the model knows, for users who wonder why something is not recognised.
function showModel({ model: name, labels, none }) {
  model.hidden = !name || !labels.length;
  write(model.querySelector("summary"), `${name} knows ${labels.length} actions`);
  const others = none
    ? "It has also learned other movements, to tell them from these."
    : "It has learned no other movements: they may be mistaken for one of these.";
  write(model.querySelector("p"), `${labels.join(", ")}. ${others}`);
}

function state(name, words, seconds) {
  missing ??= performance.now();
  why = words;
  write(document.getElementById("retry"), seconds ? `Try now (${seconds}\u202fs)` : "Trying");
  showConnection();
}

// Shows only trouble: the sources' cards say when all is well. It waits a moment, because most gaps are short.
function showConnection() {
  const gone = missing != null && (why !== "" || performance.now() - missing >= PATIENCE_MS);
  const lost = gone && (known || why !== "" || performance.now() - missing >= 5 * PATIENCE_MS);
  const [connection, text, tone] = lost ? ["lost", "Reconnecting", "bad"]
    : gone ? ["connecting", "Connecting", "plain"]
    : paused ? ["paused", "Paused", "plain"]
    : known ? ["live", "", "plain"] : ["loading", "", "plain"];
  write(pill, text);
  pill.dataset.tone = tone;
  notice.hidden = !lost;
  write(notice.querySelector("p"), why || "The connection is lost: edgevid may have stopped, or the network is down.");
  document.body.dataset.connection = connection;
}

// The page: a card for each source, the machine's readings, and how the connection is.

import { Card } from "./card.js";
import { Connection } from "./connection.js";
import { Teach } from "./teach.js";
import { percent, write } from "./text.js";

const HOT_CELSIUS = 80; // where a Raspberry Pi begins to slow down
const PATIENCE_MS = 2000; // a connection that comes or is back before that is no news

const main = document.getElementById("sources");
const waiting = document.getElementById("waiting");
const pill = document.getElementById("connection");
const notice = document.getElementById("notice");
const model = document.getElementById("model");
const pause = document.getElementById("pause");
const cards = new Map();
let teach = null; // where the program teaches
let common = { labels: [], history_seconds: 600 };
let paused = false;
let known = false; // an update has come
let missing = performance.now(); // since when there is no connection; null: there is one
let why = "";

// The token is in a cookie now; nobody should read it over a shoulder or in the history.
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

// The first update of a connection: it may be another run than before.
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

// What is looked for, for who wonders why something is not recognised.
function showModel({ model: name, labels, none }) {
  model.hidden = !name || !labels.length;
  write(model.querySelector("summary"), `${name} knows ${labels.length} actions`);
  const others = none
    ? "It has learned what is none of these."
    : "It has not learned what is none of these: other movements may pass for one of them.";
  write(model.querySelector("p"), `${labels.join(", ")}. ${others}`);
}

function state(name, words, seconds) {
  missing ??= performance.now();
  why = words;
  write(document.getElementById("retry"), seconds ? `Try now (${seconds}\u202fs)` : "Trying");
  showConnection();
}

// While all is well the sources say so; there is nothing to add. Nor is there at once: most gaps are over before they are read.
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

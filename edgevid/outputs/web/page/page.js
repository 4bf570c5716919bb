// The page: a card for each source, the machine's readings, and how the connection is.

import { Card } from "./card.js";
import { Connection } from "./connection.js";
import { Teach } from "./teach.js";
import { percent, write } from "./text.js";

const HOT_CELSIUS = 80; // where a Raspberry Pi begins to slow down

const main = document.getElementById("sources");
const waiting = document.getElementById("waiting");
const pill = document.getElementById("connection");
const notice = document.getElementById("notice");
const pause = document.getElementById("pause");
const cards = new Map();
let teach = null; // where the program teaches
let common = { labels: [], history_seconds: 600 };
let paused = false;
let lost = false;

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
setInterval(() => {
  if (!paused) for (const card of cards.values()) card.showFigures();
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
  waiting.hidden = cards.size > 0;
  main.dataset.count = String(Math.min(cards.size, 3));
  const { temperature_celsius: warmth, load } = news.machine;
  reading("temperature", warmth == null ? null : `${warmth.toFixed(1)}\u202f°C`, warmth >= HOT_CELSIUS);
  reading("load", load == null ? null : percent(load));
  lost = false;
  showConnection();
}

// The first update of a connection: it may be another run than before.
function begin(news) {
  common = news;
  document.title = news.title;
  write(document.querySelector("h1"), news.title);
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

function state(name, words, seconds) {
  lost = name === "lost";
  if (lost) {
    const why = words || "The connection is lost: edgevid may have stopped, or the network is down.";
    write(notice.querySelector("p"), why);
    write(document.getElementById("retry"), seconds ? `Try now (${seconds}\u202fs)` : "Trying");
  }
  showConnection();
}

function showConnection() {
  const [text, tone] = lost ? ["Reconnecting", "bad"] : paused ? ["Paused", "plain"] : ["Live", "good"];
  write(pill, text);
  pill.dataset.tone = tone;
  notice.hidden = !lost;
  document.body.dataset.connection = lost ? "lost" : paused ? "paused" : "live";
}

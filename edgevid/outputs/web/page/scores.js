// The scores as bars: the best five, including the action that goes on, or all in the order of the labels; and the threshold.

import { percent, write } from "./text.js";

const BEST = 5;
// Rows that swap at each prediction cannot be read: if scores differ by less than this, rows keep their places for a while.
const STEP = 0.03;
const SETTLE_MS = 2000;
const MOVE_MS = 250;
const NONE = "none of these";

export class Scores {
  constructor(root) {
    this.list = root.querySelector(".bars");
    this.button = root.querySelector(".all");
    this.needed = root.querySelector(".needed");
    this.all = false;
    this.begin([]);
    this.button.addEventListener("click", () => {
      this.all = !this.all;
      this.button.setAttribute("aria-pressed", String(this.all));
      this.list.classList.toggle("every", this.all);
      this.draw();
    });
  }

  // A row is identified by the number of its label; the number after the last label means none of them.
  begin(labels) {
    this.labels = labels;
    this.order = [];
    this.shown = "";
    this.rows = new Map();
    this.list.replaceChildren();
  }

  update(labels, prediction, action) {
    if (labels !== this.labels) this.begin(labels);
    [this.prediction, this.action] = [prediction, action];
    this.button.hidden = labels.length <= BEST;
    this.draw();
  }

  draw() {
    const { prediction, labels, action } = this;
    const scores = prediction?.scores ?? [];
    const none = prediction?.none > 0;
    if (prediction) this.sort(none ? [...scores, prediction.none] : scores);
    const inOrder = [...labels.keys()];
    const best = (this.order.length ? this.order : inOrder).slice(0, BEST);
    const goingOn = action ? labels.indexOf(action.label) : -1;
    if (goingOn >= 0 && best.length && !best.includes(goingOn)) best[best.length - 1] = goingOn;
    const places = this.all ? (none ? [...inOrder, labels.length] : inOrder) : best;
    this.place(places);
    for (const number of places) {
      const row = this.rows.get(number);
      const [name, track, value] = row.children;
      const score = number === labels.length ? prediction?.none : scores[number];
      write(value, percent(score));
      track.firstElementChild.style.transform = `scaleX(${score ?? 0})`;
      const goesOn = action != null && action.label === labels[number];
      row.dataset.kind = goesOn ? "sure" : number === labels.length ? "none" : prediction?.best === number ? "best" : "other";
      if (goesOn) row.style.setProperty("--class", action.colour);
      name.title = name.textContent;
    }
    this.list.style.setProperty("--needed", prediction?.needed ?? 0);
    this.list.toggleAttribute("data-needed", prediction?.needed > 0);
    write(this.needed, prediction?.needed > 0 ? `Recognised from ${percent(prediction.needed)}` : "");
  }

  // The numbers of all labels, best first; close scores keep their order.
  sort(scores) {
    const now = performance.now();
    if (this.order.length !== scores.length || now - this.sorted > SETTLE_MS) {
      this.order = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
      this.sorted = now;
      return;
    }
    const order = [];
    for (const number of this.order) {
      let at = order.length;
      while (at > 0 && scores[number] > scores[order[at - 1]] + STEP) at -= 1;
      order.splice(at, 0, number);
    }
    this.order = order;
  }

  // Rows move to their new places visibly.
  place(numbers) {
    const places = numbers.join();
    if (places === this.shown) return;
    this.shown = places;
    const before = new Map([...this.rows].map(([number, row]) => [number, row.offsetTop]));
    for (const [number, row] of this.rows) {
      if (numbers.includes(number)) continue;
      row.remove();
      this.rows.delete(number);
    }
    numbers.forEach((number, place) => {
      if (!this.rows.has(number)) this.rows.set(number, newRow(this.labels[number] ?? NONE));
      const row = this.rows.get(number);
      if (this.list.children[place] !== row) this.list.insertBefore(row, this.list.children[place] ?? null);
    });
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const [number, row] of this.rows) {
      const way = (before.get(number) ?? row.offsetTop) - row.offsetTop;
      if (way) row.animate([{ transform: `translateY(${way}px)` }, { transform: "none" }], { duration: MOVE_MS, easing: "ease-out" });
    }
  }
}

function newRow(label) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.className = "label";
  name.textContent = label;
  const track = document.createElement("span");
  track.className = "track";
  track.setAttribute("aria-hidden", "true");
  const fill = document.createElement("span");
  fill.className = "fill";
  const mark = document.createElement("span");
  mark.className = "mark";
  track.append(fill, mark);
  const value = document.createElement("span");
  value.className = "value";
  item.append(name, track, value);
  return item;
}

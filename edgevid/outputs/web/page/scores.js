// The scores as bars: the best five, or all in the order of the labels.

import { percent, write } from "./text.js";

const BEST = 5;
const REORDER_MS = 800; // rows that change places at each prediction cannot be read

export class Scores {
  constructor(root) {
    this.list = root.querySelector(".bars");
    this.button = root.querySelector(".all");
    this.all = false;
    this.order = [];
    this.reordered = -REORDER_MS;
    this.button.addEventListener("click", () => {
      this.all = !this.all;
      this.button.setAttribute("aria-pressed", String(this.all));
      this.list.classList.toggle("every", this.all);
      this.order = [];
      this.draw();
    });
  }

  update(labels, prediction) {
    this.labels = labels;
    this.prediction = prediction;
    this.button.hidden = labels.length <= BEST;
    this.draw();
  }

  draw() {
    if (!this.labels) return;
    const scores = this.prediction?.scores ?? [];
    this.arrange(scores);
    while (this.list.children.length > this.order.length) this.list.lastElementChild.remove();
    while (this.list.children.length < this.order.length) this.list.append(row());
    this.order.forEach((number, place) => {
      const [name, track, value] = this.list.children[place].children;
      const score = scores[number] ?? null;
      write(name, this.labels[number]);
      name.title = this.labels[number];
      write(value, percent(score));
      track.firstElementChild.style.transform = `scaleX(${score ?? 0})`;
      const mark = track.lastElementChild;
      mark.hidden = !this.prediction?.threshold;
      mark.style.left = `${100 * (this.prediction?.threshold ?? 0)}%`;
      const best = this.prediction?.best === number;
      this.list.children[place].dataset.kind = best ? (this.prediction.accepted ? "sure" : "unsure") : "other";
    });
  }

  // Which label stands in which row.
  arrange(scores) {
    const numbers = this.labels.map((_, number) => number);
    if (this.all || !scores.length) {
      this.order = this.all ? numbers : numbers.slice(0, BEST);
      return;
    }
    const now = performance.now();
    const best = this.prediction.best;
    if (this.order.length && this.order[0] === best && now - this.reordered < REORDER_MS) return;
    this.reordered = now;
    this.order = numbers.sort((a, b) => scores[b] - scores[a] || a - b).slice(0, BEST);
  }
}

function row() {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.className = "label";
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

// The last minutes of one source: a curve of the scores, a lane for each action that occurred, and a table of the events.

import { drawTrace, nearest } from "./trace.js";
import { moment, percent, span, write } from "./text.js";

const MAX_LANES = 6;
const MAX_ROWS = 200;
const REDRAW_MS = 200;
const HINT = "Point at the curve, or choose an event, for times and scores.";

export class Timeline {
  constructor(root, name) {
    this.canvas = root.querySelector("canvas");
    this.plot = root.querySelector(".plot");
    this.lanes = root.querySelector(".lanes");
    this.none = root.querySelector(".none");
    this.cursor = root.querySelector(".cursor");
    this.ticks = root.querySelector(".ticks");
    this.readout = root.querySelector(".readout");
    this.details = root.querySelector("details");
    this.rows = root.querySelector("tbody");
    this.radios = [...root.querySelectorAll("input")];
    this.range = 180;
    this.pointer = null; // where the mouse is, 0 to 1
    this.chosen = null; // the event that has the focus
    this.buttons = new Map();
    this.clear();
    for (const radio of this.radios) {
      radio.name = `range-${name}`;
      radio.addEventListener("change", () => {
        this.range = Number(radio.value);
        this.lanes.style.minHeight = "";
        this.draw();
      });
    }
    this.plot.addEventListener("pointermove", (event) => {
      const box = this.canvas.getBoundingClientRect();
      this.pointer = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
      this.tell();
    });
    this.plot.addEventListener("pointerleave", () => { this.pointer = null; this.tell(); });
    this.lanes.addEventListener("keydown", (event) => this.key(event));
    this.lanes.addEventListener("focusin", (event) => { this.chosen = this.numberOf(event.target); this.roving(); this.tell(); });
    this.lanes.addEventListener("focusout", () => { this.chosen = null; this.tell(); });
    this.details.addEventListener("toggle", () => this.table());
    new ResizeObserver(() => { this.lanes.style.minHeight = ""; this.draw(); }).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear() {
    this.points = [];
    this.intervals = new Map();
    this.colours = new Map(); // label -> colour of its events
    this.drawn = -REDRAW_MS;
    this.now = null;
    this.changed = true;
  }

  update(source, labels, historySeconds) {
    if (source.timeline.epoch !== this.epoch) {
      this.epoch = source.timeline.epoch;
      this.clear();
    }
    this.labels = labels;
    this.needed = source.prediction?.needed ?? this.needed;
    this.clockZero = source.clock_zero;
    this.now = source.timestamp ?? this.now;
    this.points.push(...source.timeline.points);
    // An interval with a kind is an event that neither begins nor ends an action: it has no duration.
    for (const [number, label, begin, end, peak, kind, repetitions, colour] of source.timeline.intervals) {
      this.intervals.set(number, { number, label, begin, end, peak, kind, repetitions });
      this.colours.set(label, colour);
      this.changed = true;
    }
    const oldest = this.now - historySeconds;
    while (this.points.length && this.points[0][0] < oldest) this.points.shift();
    for (const [number, interval] of this.intervals) {
      if (interval.end != null && interval.end < oldest) { this.intervals.delete(number); this.changed = true; }
    }
    if (performance.now() - this.drawn >= REDRAW_MS) this.draw();
  }

  // The action that was recognised last, in words; "" if none was.
  last() {
    const actions = [...this.intervals.values()].filter((interval) => interval.kind == null);
    return actions.length ? this.describe(actions.at(-1)) : "";
  }

  draw() {
    if (this.now == null) return;
    this.drawn = performance.now();
    drawTrace(this.canvas, this.points, this.now - this.range, this.now, this.needed, (number) => this.colours.get(this.labels[number]));
    this.drawTicks();
    this.drawLanes();
    this.tell();
    if (this.changed && this.details.open) this.table();
  }

  drawTicks() {
    if (this.ticksDrawn === this.range) return;
    this.ticksDrawn = this.range;
    const step = { 60: 15, 180: 60, 600: 120 }[this.range];
    const ticks = [];
    for (let ago = this.range; ago >= 0; ago -= step) {
      const tick = document.createElement("span");
      tick.textContent = ago === 0 ? "now" : ago % 60 ? `−${ago} s` : `−${ago / 60} min`;
      tick.style.left = `${100 * (1 - ago / this.range)}%`;
      ticks.push(tick);
    }
    this.ticks.replaceChildren(...ticks);
  }

  drawLanes() {
    const from = this.now - this.range;
    const visible = [...this.intervals.values()].filter((interval) => (interval.end ?? this.now) > from);
    const newest = new Map(); // label -> when it last went on
    for (const interval of visible) newest.set(interval.label, Math.max(newest.get(interval.label) ?? 0, interval.end ?? Infinity));
    const shown = [...newest.keys()].sort((a, b) => newest.get(b) - newest.get(a)).slice(0, MAX_LANES);
    const place = (label) => { const at = this.labels.indexOf(label); return at < 0 ? this.labels.length : at; };
    shown.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
    const lanes = new Map([...this.lanes.children].map((lane) => [lane.dataset.label, lane]));
    for (const [label, lane] of lanes) if (!shown.includes(label)) this.drop(lane);
    shown.forEach((label, i) => {
      const lane = lanes.get(label) ?? newLane(label);
      if (this.lanes.children[i] !== lane) this.lanes.insertBefore(lane, this.lanes.children[i] ?? null);
    });
    this.drawEvents(visible.filter((interval) => shown.includes(interval.label)), from, new Map([...this.lanes.children].map((lane) => [lane.dataset.label, lane])));
    this.none.hidden = visible.length > 0;
    // The lanes' height grows and never shrinks, so that the content below keeps its place.
    this.lanes.style.minHeight = `${Math.max(this.lanes.offsetHeight, this.lanes.scrollHeight)}px`;
  }

  drawEvents(visible, from, lanes) {
    const numbers = new Set(visible.map((interval) => interval.number));
    for (const [number, button] of this.buttons) {
      if (!numbers.has(number)) { this.drop(button); this.buttons.delete(number); }
    }
    for (const interval of visible) {
      let button = this.buttons.get(interval.number);
      const track = lanes.get(interval.label).lastElementChild;
      if (!button || button.parentElement !== track) {
        button?.remove();
        button = document.createElement("button");
        button.type = "button";
        button.tabIndex = -1;
        button.dataset.number = interval.number;
        this.buttons.set(interval.number, button);
        track.append(button);
      }
      const left = Math.max((interval.begin - from) / this.range, 0);
      const right = Math.min(((interval.end ?? this.now) - from) / this.range, 1);
      button.style.left = `${100 * left}%`;
      button.style.width = `${100 * Math.max(right - left, 0)}%`;
      button.style.setProperty("--class", this.colours.get(interval.label));
      button.classList.toggle("open", interval.end == null);
      button.classList.toggle("other", interval.kind != null);
      const spoken = this.describe(interval, interval.end == null ? "going on" : span(interval.end - interval.begin));
      if (button.getAttribute("aria-label") !== spoken) button.setAttribute("aria-label", spoken);
    }
    this.roving();
  }

  // Remove an element; if it has the focus, the next event gets it.
  drop(element) {
    const focused = element.contains(document.activeElement);
    element.remove();
    for (const [number, button] of this.buttons) if (!this.lanes.contains(button)) this.buttons.delete(number);
    if (focused) (this.inOrder()[0] ?? this.radios[0]).focus({ preventScroll: true });
  }

  inOrder() {
    return [...this.buttons.values()].sort((a, b) => {
      const [x, y] = [this.intervals.get(this.numberOf(a)), this.intervals.get(this.numberOf(b))];
      return (x?.begin ?? 0) - (y?.begin ?? 0);
    });
  }

  // One stop for the tab key: the event that has the focus, else the newest.
  roving() {
    const buttons = this.inOrder();
    const stop = buttons.find((button) => button === document.activeElement) ?? buttons.at(-1);
    for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
  }

  key(event) {
    const buttons = this.inOrder();
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    buttons[Math.min(Math.max(to, 0), buttons.length - 1)].focus();
  }

  numberOf(button) {
    return button.dataset.number === undefined ? null : Number(button.dataset.number);
  }

  // The line below: the event or point under the mouse, else the event with the focus.
  tell() {
    if (this.now == null) return;
    this.cursor.hidden = this.pointer == null;
    if (this.pointer != null) {
      this.cursor.style.setProperty("--at", this.pointer);
      const time = this.now - this.range * (1 - this.pointer);
      const at = [...this.intervals.values()].findLast((i) => i.begin <= time && time <= (i.end ?? this.now));
      const point = nearest(this.points, time);
      const guess = point && `${this.labels[point[1]]} ${percent(point[2])}`;
      const score = point && (point[3] ? guess : `nothing recognised (${guess})`);
      write(this.readout, [moment(time, this.clockZero), at ? this.describe(at) : score || "no prediction"].join(" · "));
    } else {
      const chosen = this.intervals.get(this.chosen);
      write(this.readout, chosen ? this.describe(chosen) : HINT);
    }
  }

  describe(interval, lasted) {
    const { label, begin, end, peak, kind, repetitions } = interval;
    if (kind != null) return `${label} ${kind}, ${moment(begin, this.clockZero)}`;
    const times = end == null ? `since ${moment(begin, this.clockZero)}` : `${moment(begin, this.clockZero)} to ${moment(end, this.clockZero)}`;
    return `${label}, ${times}, ${lasted ?? span((end ?? this.now) - begin)}${repetitions ? `, ${repetitions} times` : ""}, peak ${percent(peak)}`;
  }

  table() {
    if (!this.details.open) return;
    this.changed = false;
    const newest = [...this.intervals.values()].sort((a, b) => b.begin - a.begin).slice(0, MAX_ROWS);
    this.rows.replaceChildren(...newest.map(({ label, begin, end, peak, kind, repetitions }) => {
      const row = document.createElement("tr");
      const ended = end == null ? "goes on" : moment(end, this.clockZero);
      const texts = kind != null
        ? [`${label} ${kind}`, moment(begin, this.clockZero), "–", "–", "–", "–"]
        : [label, moment(begin, this.clockZero), ended, end == null ? "–" : span(end - begin), repetitions ? String(repetitions) : "–", percent(peak)];
      texts.forEach((text, i) => {
        const cell = document.createElement(i ? "td" : "th");
        if (!i) cell.scope = "row";
        cell.textContent = text;
        row.append(cell);
      });
      return row;
    }));
  }
}

function newLane(label) {
  const lane = document.createElement("div");
  lane.className = "lane";
  lane.dataset.label = label;
  const name = document.createElement("span");
  name.textContent = label;
  const track = document.createElement("div");
  track.className = "bars-of-lane";
  lane.append(name, track);
  return lane;
}

// One source: its picture, what it shows now, its scores, its timeline, its figures.

import { Scores } from "./scores.js";
import { count, milliseconds, percent, rate, span, write } from "./text.js";
import { Timeline } from "./timeline.js";

const FIGURES_MS = 1000; // figures that change more often cannot be read
const SPEAK_MS = 1000; // an action is announced after it has lasted this long
const OLD_SECONDS = 3;
const STATES = {
  waiting: ["Waiting", "plain"], opened: ["Opened", "plain"], reopened: ["Reopened", "plain"], running: ["Live", "good"],
  ready: ["Ready", "plain"], countdown: ["Get ready", "plain"], recording: ["Recording", "bad"], // a recorder's
  lost: ["Lost", "bad"], failed: ["Failed", "bad"], ended: ["Ended", "plain"],
};
const RECORDER = ["ready", "countdown", "recording"];
const MISSING = ["waiting", "lost", "failed"]; // the message says why, and needs more room than the heading has
const WATCHING = "Watching"; // the window does not hold enough for a prediction
const VEILS = { waiting: "Not available yet", lost: "Lost", failed: "Failed", ended: "" };

const PATH = /^(?!.*:\/\/).*[\\/]([^\\/]+\.\w{1,5})$/i; // of a file: its name is shown without the folder

export class Card {
  constructor(number) {
    const template = document.getElementById("card");
    this.root = template.content.firstElementChild.cloneNode(true);
    const part = (selector) => this.root.querySelector(selector);
    this.name = part(".name");
    this.name.id = `source-${number}`;
    this.root.setAttribute("aria-labelledby", this.name.id);
    this.message = part(".message");
    this.state = part(".state");
    this.image = part("img");
    this.region = part(".region");
    this.veil = part(".veil");
    this.action = part(".action");
    this.detail = part(".detail");
    this.current = part(".current");
    this.filling = part(".filling");
    this.spoken = part(".spoken");
    this.figures = Object.fromEntries([...this.root.querySelectorAll("[data-figure]")].map((box) => [box.dataset.figure, box]));
    this.scores = new Scores(this.root);
    this.timeline = new Timeline(this.root, number);
    this.figuresWritten = -FIGURES_MS;
    this.image.addEventListener("load", () => URL.revokeObjectURL(this.image.src));
    this.image.addEventListener("error", () => URL.revokeObjectURL(this.image.src));
  }

  // A new connection sends everything again.
  restart() {
    this.timeline.epoch = undefined;
  }

  update(source, labels, historySeconds) {
    this.source = source;
    this.received = performance.now();
    this.nextTry = source.next_try_seconds == null ? null : this.received + 1000 * source.next_try_seconds;
    let [words, tone] = STATES[source.state] ?? [source.state, "plain"];
    if (source.state === "running" && !source.live) words = "Playing";
    write(this.name, source.name.match(PATH)?.[1] ?? source.name);
    this.name.title = source.name;
    write(this.state, words);
    this.state.dataset.tone = tone;
    this.root.dataset.state = source.state;
    this.root.toggleAttribute("data-unlabelled", !labels.length);
    const message = MISSING.includes(source.state) ? "" : source.message;
    write(this.message, message);
    this.message.title = message;
    this.timeline.update(source, labels, historySeconds);
    this.scores.update(labels, source.prediction, source.action);
    this.showPicture(source);
    this.showAction(source, labels, words);
    if (this.received - this.figuresWritten >= FIGURES_MS) this.showFigures();
  }

  showPicture(source) {
    if (source.picture) {
      const [width, height] = source.picture_size;
      this.image.parentElement.style.aspectRatio = `${width} / ${height}`;
      this.image.src = URL.createObjectURL(source.picture);
      this.image.hidden = false;
      this.region.setAttribute("viewBox", `0 0 ${width} ${height}`);
    }
    this.showRegion(source.prediction?.region);
    this.showVeil();
  }

  // Shown over the picture when it is not current; for a source that is lost or waited for, also the time of the next try.
  showVeil() {
    const { source } = this;
    let veil = VEILS[source.state] ?? "";
    if (source.state === "lost" || source.state === "waiting") veil += `. ${this.nextTryWords()}`;
    const first = this.image.hidden && source.state !== "ended" ? "Waiting for the first frame" : "";
    write(this.veil, veil || first);
    this.veil.hidden = !this.veil.textContent;
  }

  nextTryWords() {
    const seconds = this.nextTry == null ? 0 : Math.ceil((this.nextTry - performance.now()) / 1000);
    return seconds > 0 ? `Next try in ${span(seconds, 0)}` : "Trying now";
  }

  // A box around the part of the picture that the model looked at; it scales with the picture.
  showRegion(region) {
    const shown = region && !this.image.hidden;
    this.region.toggleAttribute("hidden", !shown);
    if (!shown) return;
    const { width, height } = this.region.viewBox.baseVal;
    const inset = width / 160; // the whole line is visible also at the edges
    const inside = (part, size) => Math.min(Math.max(part * size, inset), size - inset);
    const [left, right] = [inside(region[0], width), inside(region[2], width)];
    const [top, bottom] = [inside(region[1], height), inside(region[3], height)];
    for (const box of this.region.children) {
      for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) box.setAttribute(name, value);
    }
  }

  // An action is shown exactly from the beginning to the end of its event.
  showAction(source, labels, words) {
    const { prediction, action: goingOn } = source;
    let [kind, action, detail] = ["none", "–", ""];
    if (goingOn) {
      [kind, action] = ["sure", goingOn.label];
      detail = `${percent(goingOn.score)} · for ${span(source.timestamp - goingOn.since, 0)}`;
      if (goingOn.count) detail += ` · ${count(goingOn.count)}×`;
    } else if (MISSING.includes(source.state)) {
      [action, detail] = [words, source.message];
    } else if (source.state === "ended") {
      const last = this.timeline.last();
      action = words;
      detail = last ? `Last recognised: ${last}` : "";
    } else if (prediction) {
      [kind, action] = ["unsure", "Nothing recognised"];
      detail = guess(prediction, labels);
    } else if (!labels.length || RECORDER.includes(source.state)) {
      action = source.message || words;
    } else if (source.timestamp != null && source.state === "running") {
      action = WATCHING;
      detail = source.window_filled == null ? "The window fills." : `The window is ${percent(source.window_filled)} full.`;
    }
    if (prediction && source.state === "running") {
      if (source.window_filled < 1) detail += ` · window ${percent(source.window_filled)} filled`;
      if (source.prediction_age_seconds > OLD_SECONDS) detail += ` · ${span(source.prediction_age_seconds)} ago`;
    }
    write(this.action, action);
    this.action.title = action;
    this.action.dataset.kind = kind;
    this.action.style.setProperty("--length", action.length);
    this.current.style.setProperty("--class", goingOn?.colour ?? "transparent");
    write(this.detail, detail);
    this.filling.hidden = action !== WATCHING || source.window_filled == null;
    this.filling.querySelector(".fill").style.transform = `scaleX(${source.window_filled ?? 0})`;
    this.say(RECORDER.includes(source.state) ? words : action, source); // without the seconds left
  }

  // For screen readers: the action when it has changed and lasted for a moment, without its score.
  say(action, source) {
    if (action === this.saying) return;
    this.saying = action;
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      write(this.spoken, action === "–" ? "" : action);
      this.image.alt = `Live picture of ${source.name}${action === "–" ? "" : `: ${action}`}`;
    }, SPEAK_MS);
    this.image.alt ||= `Live picture of ${source.name}`;
  }

  showFigures() {
    const { source } = this;
    if (!source) return;
    this.showVeil();
    this.figuresWritten = performance.now();
    const figure = (name, text, warn = false) => {
      write(this.figures[name].querySelector("dd"), text);
      this.figures[name].classList.toggle("warn", warn);
    };
    const alive = source.state === "running" || source.state === "lost";
    const age = source.age_seconds == null ? null : source.age_seconds + (performance.now() - this.received) / 1000;
    // "N of M" if the machine or the camera gives fewer frames than the model needs
    const each = (perSecond, slow) => (slow ? `${perSecond?.toFixed(1)} of ${rate(source.needed_per_second)}` : rate(perSecond));
    for (const [name, perSecond, who] of [["rate", source.frames_per_second, "machine"], ["captured", source.captured_per_second, "camera"]]) {
      figure(name, each(perSecond, source.too_slow === who), source.too_slow === who);
    }
    figure("latency", milliseconds(source.latency_seconds));
    figure("age", age == null ? "–" : span(age), alive && age > OLD_SECONDS);
    const share = source.captured ? source.dropped / source.captured : 0;
    figure("dropped", source.dropped ? `${count(source.dropped)} (${percent(share)})` : count(source.dropped));
    figure("restarts", source.restarts == null ? "–" : `${count(source.restarts)}×`, source.restarts > 0);
  }
}

// Why the best guess does not count as recognised.
function guess(prediction, labels) {
  const best = `${labels[prediction.best]} ${percent(prediction.scores[prediction.best])}`;
  if (prediction.accepted) return `${best}, not for long enough yet`;
  const none = `none of these ${percent(prediction.none)}`;
  if (prediction.scores[prediction.best] < prediction.none) return `Best guess ${best}, ${none}`;
  return `Best guess ${best}, ${prediction.scores[prediction.best] < prediction.needed ? `needs ${percent(prediction.needed)}` : none}`;
}

// The section for teaching: recording and deleting clips, learning from them, correcting answers.

import { count, percent, write } from "./text.js";

const DOING = { countdown: ["Get ready", "plain"], recording: ["Recording", "bad"] };
const WORK = { embedding: "Analysing clips", learning: "Learning" };

export class Teach {
  constructor() {
    this.root = document.getElementById("teach").content.firstElementChild.cloneNode(true);
    const part = (selector) => this.root.querySelector(selector);
    this.title = part("h2");
    this.doing = part(".doing");
    this.spoken = part(".spoken");
    this.error = part(".error");
    this.right = part(".right");
    this.choices = part(".choices");
    this.actions = part(".actions");
    this.form = part(".new");
    this.another = part(".new button");
    this.learn = part(".learn button");
    this.hint = part(".hint");
    this.advice = part(".advice");
    this.rows = new Map();
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const label = this.form.elements.label.value.trim();
      if (label && !this.recording()) this.ask("record", { label }).then((good) => { if (good) this.form.reset(); });
    });
    this.learn.addEventListener("click", () => { if (this.learn.ariaDisabled !== "true") this.ask("learn"); });
  }

  recording() {
    return this.label() !== "";
  }

  // The action whose clips are being recorded, also between two of them; "" if none.
  label() {
    return this.state.recording.state === "ready" ? this.state.series ?? "" : this.state.recording.label;
  }

  // Send a command to the program; returns whether it was accepted. Progress comes with the next updates.
  async ask(command, what = {}) {
    let words = "edgevid did not answer; try again.";
    try {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(`api/teach/${command}`, { method: "POST", headers, body: JSON.stringify(what) });
      if (answer.ok) {
        this.refused = "";
        this.showError();
        return true;
      }
      words = (await answer.json()).error ?? words;
    } catch { /* the words above */ }
    this.refused = words;
    this.showError();
    return false;
  }

  update(state) {
    const before = this.state;
    this.state = state;
    document.body.dataset.teach = "";
    const { recording } = state;
    const [words, tone] = DOING[recording.state] ?? [WORK[state.work] || (state.streaming ? "Recognising" : "Ready"), state.streaming ? "good" : "plain"];
    write(this.doing, recording.state === "ready" ? words : `${words}: ${recording.seconds_left}`);
    this.doing.dataset.tone = tone;
    write(this.another, recordWords(state.clips));
    this.another.ariaDisabled = String(this.recording());
    this.showPicture();
    this.showActions();
    this.showChoices();
    this.showLearning();
    this.showError();
    if (before) this.say(before);
  }

  name(label) {
    return label === this.state.none ? "Doing nothing" : label;
  }

  // On a small screen the buttons are below the picture: scroll to the countdown and the picture, then back to the buttons.
  showPicture() {
    const recording = this.recording();
    if (recording && this.scrolled == null) {
      this.scrolled = scrollY;
      document.querySelector(".picture")?.scrollIntoView({ block: "nearest" });
    } else if (!recording && this.scrolled != null) {
      scrollTo(0, this.scrolled);
      this.scrolled = null;
    }
  }

  showActions() {
    const labels = this.state.actions.map((action) => action.label);
    for (const [label, row] of this.rows) {
      if (!labels.includes(label)) { row.root.remove(); this.rows.delete(label); }
    }
    this.state.actions.forEach((action, place) => {
      let row = this.rows.get(action.label);
      if (!row) {
        row = new Row(this, action.label);
        this.rows.set(action.label, row);
      }
      if (this.actions.children[place] !== row.root) this.actions.insertBefore(row.root, this.actions.children[place] ?? null);
      row.update(action.clips);
    });
  }

  showChoices() {
    const { actions, learnt, streaming } = this.state;
    this.right.hidden = !learnt.length;
    const labels = actions.map((action) => action.label);
    const buttons = [...this.choices.children];
    if (buttons.map((button) => button.value).join("\n") !== labels.join("\n")) {
      this.choices.replaceChildren(...labels.map((label) => this.choice(label)));
    }
    for (const button of this.choices.children) button.ariaDisabled = String(!streaming);
  }

  choice(label) {
    const button = document.createElement("button");
    button.type = "button";
    button.value = label;
    write(button, label === this.state.none ? "None of these" : label);
    button.addEventListener("click", () => { if (this.state.streaming) this.ask("correct", { label }); });
    return button;
  }

  showLearning() {
    const { can_learn: can, unlearnt, learnt, accuracy, advice, work } = this.state;
    this.learn.ariaDisabled = String(!can || this.recording() || work === "learning");
    this.learn.classList.toggle("due", can && unlearnt > 0);
    const changed = `${clips(unlearnt)} changed since`;
    let hint = "Record doing nothing and an action, or two actions, a few clips of each; then press Learn.";
    if (learnt.length) {
      const right = accuracy ? `Right on ${percent(accuracy.value)} of ${clips(accuracy.n)} from held-out sessions.`
        : "Not measured: needs clips of each action in two sessions or more, half an hour apart.";
      hint = unlearnt ? `${changed}.` : right;
    } else if (can) hint = `${clips(unlearnt)} to learn from.`;
    write(this.hint, hint);
    const sentences = unlearnt ? [] : advice;
    if (sentences.join() !== [...this.advice.children].map((item) => item.textContent).join()) {
      this.advice.replaceChildren(...sentences.map((sentence) => {
        const item = document.createElement("li");
        write(item, sentence);
        return item;
      }));
    }
  }

  showError() {
    const words = this.refused || this.state?.error || "";
    write(this.error, words);
    this.error.hidden = !words;
  }

  // For screen readers: what was done, once. (The picture's card says when a recording begins.)
  say(before) {
    const { actions, learnt, unlearnt, work } = this.state;
    const of = (state, label) => state.actions.find((action) => action.label === label)?.clips.length ?? 0;
    const changed = actions.find(({ label, clips: now }) => now.length !== of(before, label));
    if (changed) write(this.spoken, `${this.name(changed.label)}: ${clips(changed.clips.length)}.`);
    else if (before.work === "learning" && !work && learnt.length && !unlearnt) write(this.spoken, `Learnt: ${learnt.join(", ")}.`);
  }
}

// An action: how many clips it has, what records more, and what deletes them.
class Row {
  constructor(panel, label) {
    this.panel = panel;
    this.label = label;
    this.root = document.createElement("li");
    const name = document.createElement("span");
    name.className = "name";
    write(name, panel.name(label));
    this.count = document.createElement("span");
    this.count.className = "count";
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.addEventListener("click", () => this.record());
    this.details = document.createElement("details");
    const summary = document.createElement("summary");
    write(summary, "Clips");
    summary.ariaLabel = `Clips of ${panel.name(label)}`;
    this.list = document.createElement("ol");
    this.details.append(summary, this.list);
    this.root.append(name, this.count, this.button, this.details);
  }

  record() {
    const { panel, label } = this;
    if (this.mine()) panel.ask("cancel");
    else if (!panel.recording()) panel.ask("record", { label });
  }

  // Whether a clip of this action is being recorded.
  mine() {
    return this.panel.label() === this.label;
  }

  update(paths) {
    const { panel } = this;
    const mine = this.mine();
    write(this.count, clips(paths.length));
    write(this.button, mine ? "Stop" : recordWords(panel.state.clips - paths.length));
    this.button.ariaLabel = `${mine ? "Stop recording" : "Record"} ${panel.name(this.label)}`;
    this.button.ariaDisabled = String(panel.recording() && !mine);
    this.button.classList.toggle("busy", mine);
    this.details.hidden = !paths.length;
    const items = [...this.list.children];
    if (items.map((item) => item.dataset.path).join("\n") === paths.join("\n")) return;
    const held = items.some((item) => item.contains(document.activeElement));
    this.list.replaceChildren(...paths.map((path, number) => this.clip(path, number + 1)));
    if (held) (paths.length ? this.details.querySelector("summary") : panel.title).focus();
  }

  clip(path, number) {
    const item = document.createElement("li");
    item.dataset.path = path;
    const name = document.createElement("span");
    const [, hours, minutes, seconds] = path.match(/-(\d\d)(\d\d)(\d\d)-/) ?? [];
    write(name, hours ? `${number} · ${hours}:${minutes}:${seconds}` : `${number} · ${path}`);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small";
    button.ariaLabel = `Delete clip ${number} of ${this.panel.name(this.label)}`;
    write(button, "Delete");
    button.addEventListener("click", () => this.panel.ask("delete", { path }));
    item.append(name, button);
    return item;
  }
}

// On a button that records so many clips in a row.
function recordWords(number) {
  return number > 1 ? `Record\u00a0${number}` : "Record";
}

function clips(number) {
  return `${count(number)} ${number === 1 ? "clip" : "clips"}`;
}

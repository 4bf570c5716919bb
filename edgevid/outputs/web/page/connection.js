// The WebSocket: asks for updates one at a time, notices silence, and reconnects by itself.

const SILENCE_MS = 8000; // the server sends something every 2 s
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10000;

export class Connection {
  // told.update(state): an update came. told.state(name, words, secondsToNextTry): "connecting", "open" or "lost".
  constructor(told) {
    this.told = told;
    this.paused = false;
    this.waitMs = FIRST_WAIT_MS;
    this.owed = false; // an update was shown, and the next one has not been requested
    this.words = ""; // why there is no connection
    addEventListener("online", () => this.retryNow());
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", (event) => { if (event.persisted) this.connect(); });
    document.addEventListener("visibilitychange", () => {
      this.ask();
      if (!document.hidden) this.retryNow();
    });
    setInterval(() => this.watch(), 500);
    this.connect();
  }

  connect() {
    const address = new URL("ws", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.search = "";
    address.hash = "";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.nextTry = null;
    this.owed = false; // an answer is pending, even for the first update
    this.lastHeard = performance.now();
    socket.onopen = () => {
      this.owed = true;
      this.ask(true);
    };
    socket.onmessage = (event) => this.take(event.data);
    socket.onclose = () => { if (this.socket === socket) this.lose(); };
  }

  // Request the next update, unless the page is hidden or paused. The first is always requested, so that the page shows something.
  ask(anyway = false) {
    if (!this.owed || this.socket?.readyState !== WebSocket.OPEN) return;
    if (!anyway && (this.paused || document.hidden)) return;
    this.owed = false;
    this.lastHeard = performance.now();
    this.socket.send("next");
  }

  setPaused(paused) {
    this.paused = paused;
    this.ask();
  }

  take(message) {
    this.lastHeard = performance.now();
    this.waitMs = FIRST_WAIT_MS;
    this.words = "";
    this.owed = true;
    const length = new DataView(message).getUint32(0);
    const state = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
    let at = 4 + length;
    for (const source of state.sources) {
      source.picture = source.picture_bytes ? new Blob([new Uint8Array(message, at, source.picture_bytes)], { type: "image/jpeg" }) : null;
      at += source.picture_bytes;
    }
    // Shown with the next screen refresh; only then is another update requested.
    requestAnimationFrame(() => {
      this.told.update(state);
      this.ask();
    });
  }

  // Every half second: a connection may die silently.
  watch() {
    const now = performance.now();
    if (this.nextTry != null) {
      if (now >= this.nextTry) this.retryNow();
      else this.told.state("lost", this.words, Math.ceil((this.nextTry - now) / 1000));
    } else if (!this.owed && now - this.lastHeard > SILENCE_MS && this.socket.readyState <= WebSocket.OPEN) {
      this.lose();
    }
  }

  retryNow() {
    if (this.nextTry == null) return;
    this.connect();
    this.told.state("lost", this.words, 0);
  }

  leave() {
    const socket = this.socket;
    this.socket = null;
    this.nextTry = null;
    this.owed = true; // nothing is pending
    socket?.close();
  }

  async lose() {
    this.leave();
    this.nextTry = performance.now() + this.waitMs * (0.8 + 0.4 * Math.random());
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
    this.watch();
    this.words = await this.reason();
  }

  // A page cannot see why a WebSocket failed; a plain request gets the reason.
  async reason() {
    try {
      const answer = await fetch("ws", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (answer.status === 426) return "";
      return (await answer.json()).error ?? "";
    } catch {
      return "";
    }
  }
}

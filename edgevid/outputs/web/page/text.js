// Numbers and times -> text for people. No dependencies.

const THIN = "\u202f"; // narrow no-break space

export function percent(part) {
  return part == null ? "–" : `${Math.round(part * 100)}${THIN}%`;
}

export function rate(perSecond) {
  return perSecond == null ? "–" : `${perSecond.toFixed(1)}${THIN}/s`;
}

export function milliseconds(seconds) {
  if (seconds == null) return "–";
  return seconds < 1 ? `${Math.round(seconds * 1000)}${THIN}ms` : `${seconds.toFixed(1)}${THIN}s`;
}

// A length of time: 4.2 s, 48 s, 3 min 05 s, 2 h 10 min.
export function span(seconds, digits = 1) {
  if (seconds == null) return "–";
  if (digits && seconds < 9.95) return `${Math.max(seconds, 0).toFixed(1)}${THIN}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${THIN}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}${THIN}min ${two(whole % 60)}${THIN}s`;
  return `${Math.floor(whole / 3600)}${THIN}h ${two(Math.floor((whole % 3600) / 60))}${THIN}min`;
}

// A moment on a source's clock: the time of day for a camera, the position for a file.
export function moment(timestamp, clockZero) {
  if (clockZero != null) {
    const date = new Date((clockZero + timestamp) * 1000);
    return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  }
  const whole = Math.max(0, timestamp);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const seconds = (whole % 60).toFixed(1).padStart(4, "0");
  return hours ? `${hours}:${two(minutes)}:${seconds}` : `${minutes}:${seconds}`;
}

export function count(number) {
  return number == null ? "–" : String(number).replace(/\B(?=(\d{3})+$)/g, THIN);
}

// Write text only if it differs, to spare screen readers and the layout.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function two(number) {
  return String(number).padStart(2, "0");
}

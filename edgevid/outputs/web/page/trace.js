// The curve of the answers' scores over time: in the action's colour while one went on, else grey.

const GAP_SECONDS = 3; // points further apart are not joined

// Points are [timestamp, number of the label, score, whether it went on]; from and to are timestamps; needed is the score that an
// action must reach, colourOf gives the colour of a label's number.
export function drawTrace(canvas, points, from, to, needed, colourOf) {
  const box = canvas.getBoundingClientRect();
  if (!box.width) return;
  const scale = devicePixelRatio || 1;
  const [width, height] = [Math.round(box.width * scale), Math.round(box.height * scale)];
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  const pen = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(name).trim();
  const x = (time) => (width * (time - from)) / (to - from);
  const top = 2 * scale;
  const y = (score) => top + (height - top - scale) * (1 - score);
  pen.clearRect(0, 0, width, height);

  pen.strokeStyle = colour("--line");
  pen.lineWidth = scale;
  for (const score of [0, 0.5, 1]) line(pen, y(score), width);
  if (needed > 0) {
    pen.setLineDash([4 * scale, 4 * scale]);
    pen.strokeStyle = colour("--mark");
    line(pen, y(needed), width);
    pen.setLineDash([]);
  }

  const visible = points.filter((point) => point[0] >= from - GAP_SECONDS);
  for (const run of runs(visible)) {
    pen.beginPath();
    run.forEach(([time, , score], i) => (i ? pen.lineTo(x(time), y(score)) : pen.moveTo(x(time), y(score))));
    if (run.length === 1) pen.lineTo(x(run[0][0]) + scale, y(run[0][2]));
    pen.strokeStyle = (run[0][3] && colourOf(run[0][1])) || colour("--unsure");
    pen.lineWidth = 1.6 * scale;
    pen.lineJoin = "round";
    pen.stroke();
    pen.lineTo(x(run.at(-1)[0]), y(0));
    pen.lineTo(x(run[0][0]), y(0));
    pen.fillStyle = pen.strokeStyle;
    pen.globalAlpha = run[0][3] ? 0.2 : 0.14;
    pen.fill();
    pen.globalAlpha = 1;
  }
}

// The point at a time, or null if there was no prediction.
export function nearest(points, time) {
  let best = null;
  for (const point of points) if (best === null || Math.abs(point[0] - time) < Math.abs(best[0] - time)) best = point;
  return best && Math.abs(best[0] - time) <= GAP_SECONDS ? best : null;
}

// Runs of points without a gap, all of one action or all of none. Each extends to the start of the next one.
function* runs(points) {
  let run = [];
  for (const point of points) {
    const last = run.at(-1);
    const same = last && point[3] === last[3] && (!point[3] || point[1] === last[1]);
    if (last && (point[0] - last[0] > GAP_SECONDS || !same)) {
      if (point[0] - last[0] <= GAP_SECONDS) run.push([point[0], point[1], point[2], last[3]]);
      yield run;
      run = [];
    }
    run.push(point);
  }
  if (run.length) yield run;
}

function line(pen, y, width) {
  const sharp = Math.round(y) + 0.5;
  pen.beginPath();
  pen.moveTo(0, sharp);
  pen.lineTo(width, sharp);
  pen.stroke();
}

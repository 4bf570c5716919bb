"""``edgevid stream``: a camera, file or URL -> rolling predictions, one a line."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import Optional

from ..errors import EdgevidError
from ..prediction import Prediction
from ..sources import Camera, Source, open_source
from .classify import marked_label
from .interrupts import interruptible
from .options import add_model_options, load_recognizer, part, positive_int, positive_seconds
from .output import duration, print_json_line

_EPILOG = """\
output:
  One line a prediction: seconds since the first frame, label, score, then the next classes. A label followed by " ?"
  has a score below --threshold. A file is read as fast as it can be; of a camera the newest frame is used.
  With --json: one JSON object a line with at least timestamp, label, score, accepted, top (a list of [label, score])
  and latency_ms (from the newest frame's arrival to the prediction). timestamp is in seconds: from the start of a
  file, and of the system's monotonic clock for a camera or URL.
  Ctrl-C or SIGTERM ends the stream. A summary is on stderr at the end.

exit code:
  0 the stream ended or was ended, 1 it could not be opened or broke off, 2 wrong use
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "source", metavar="SOURCE",
        help="camera index (0), device path (/dev/video0), video file, or URL (rtsp://..., http://...)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object a line (default: text)")
    parser.add_argument(
        "-k", "--top", type=positive_int, default=3, metavar="K",
        help="classes to print for each prediction, best first (default: %(default)s)",
    )  # fmt: skip
    window = parser.add_argument_group("window")
    window.add_argument(
        "--window-seconds", type=positive_seconds, metavar="S",
        help="seconds of video that one prediction is made of (default: what the bundle was trained for)",
    )  # fmt: skip
    window.add_argument(
        "--hop", type=positive_int, default=1, metavar="N",
        help="sampled frames from one prediction to the next (default: %(default)s, a prediction at each)",
    )  # fmt: skip
    window.add_argument(
        "--min-filled", type=part, default=1.0, metavar="P",
        help="part of the window, 0 to 1, that must hold frames before the first prediction (default: %(default)s)",
    )  # fmt: skip
    end = parser.add_argument_group("end")
    end.add_argument(
        "--max-seconds", type=positive_seconds, metavar="S", help="stop after S seconds of video (default: at its end)"
    )
    end.add_argument(
        "--max-predictions", type=positive_int, metavar="N", help="stop after N predictions (default: no limit)"
    )
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    summary = Summary()
    with interruptible():
        try:
            _stream(args, summary)
        except KeyboardInterrupt:
            pass
        except EdgevidError:
            summary.print()
            raise
    summary.print()
    return 0


def _stream(args: argparse.Namespace, summary: Summary) -> None:
    with load_recognizer(args) as recognizer:
        stream = recognizer.open_stream(window_seconds=args.window_seconds, hop=args.hop, min_filled=args.min_filled)
        summary.window_seconds = stream.window_seconds
        with open_source(args.source) as source:
            summary.begin(source)
            for timestamp, image in source.frames(stream.wants):
                if args.max_seconds is not None and timestamp - summary.first(timestamp) >= args.max_seconds:
                    return
                started = time.perf_counter()
                prediction = stream.push(image, timestamp)
                seconds = time.perf_counter() - started
                summary.count_frame(timestamp, seconds)
                if prediction is None:
                    continue
                # A camera's frame has waited since it was grabbed; a file's waits for nobody.
                latency = time.monotonic() - timestamp if source.live else seconds
                _print(args, prediction, latency, summary.first(timestamp))
                summary.count_prediction(prediction)
                if summary.predictions == args.max_predictions:
                    return


def _print(args: argparse.Namespace, prediction: Prediction, latency_seconds: float, first_timestamp: float) -> None:
    if args.json:
        print_json_line({**prediction.as_dict(args.top), "latency_ms": round(latency_seconds * 1000, 3)})
        return
    label_width = max(len(label) for label in prediction.labels) + 2
    others = "  ".join(f"{label} {score:.2f}" for label, score in prediction.top(args.top)[1:])
    filling = f"  (window {prediction.window_filled:.0%} filled)" if prediction.window_filled < 1 else ""
    time_passed = (prediction.timestamp or 0.0) - first_timestamp
    line = f"{time_passed:8.2f} s  {marked_label(prediction):<{label_width}}  {prediction.score:.2f}  {others}{filling}"
    print(line.rstrip(), flush=True)


class Summary:
    """What happened in a stream, told at its end."""

    def __init__(self) -> None:
        self.predictions = 0
        self.window_seconds: Optional[float] = None
        self._source: Optional[Source] = None
        self._started = time.monotonic()
        self._first: Optional[float] = None
        self._last: Optional[float] = None
        self._frames = 0
        self._frame_seconds = 0.0
        self._labels: Counter[str] = Counter()

    def begin(self, source: Source) -> None:
        """The source is open."""
        self._source = source
        self._started = time.monotonic()

    def first(self, timestamp: float) -> float:
        """The first frame's timestamp; ``timestamp`` where it is that."""
        if self._first is None:
            self._first = timestamp
        return self._first

    def count_frame(self, timestamp: float, seconds: float) -> None:
        """A sampled frame took ``seconds`` to process."""
        self.first(timestamp)
        self._last = timestamp
        self._frames += 1
        self._frame_seconds += seconds

    def count_prediction(self, prediction: Prediction) -> None:
        self.predictions += 1
        self._labels[prediction.label if prediction.accepted else "(below the threshold)"] += 1

    def print(self) -> None:
        """The summary on stderr; nothing where no source was opened."""
        for line in self.lines():
            print(line, file=sys.stderr, flush=True)

    def lines(self) -> list[str]:
        if self._source is None:
            return []
        elapsed = max(time.monotonic() - self._started, 1e-9)
        seconds = 0.0 if self._first is None or self._last is None else self._last - self._first
        lines = [
            f"{seconds:.1f} s of video in {duration(elapsed)}, {self._frames} frames used{self._captured()}, "
            f"{self.predictions} predictions, {self.predictions / elapsed:.1f} predictions/s"
        ]
        if self._frames:
            lines.append(f"mean latency {self._frame_seconds / self._frames * 1000:.1f} ms per sampled frame")
        if self._labels:
            parts = (f"{label} {n / self.predictions:.0%}" for label, n in self._labels.most_common(3))
            lines.append(f"most frequent: {', '.join(parts)}")
        elif self._frames and self.window_seconds is not None:
            lines.append(
                f"no prediction: the window spans {self.window_seconds:g} s; a shorter one (--window-seconds) or earlier "
                "predictions (--min-filled 0) may help, or edgevid classify for a finished clip"
            )
        return lines

    def _captured(self) -> str:
        return f" of {self._source.frames_captured} captured" if isinstance(self._source, Camera) else ""

"""``edgevid stream``: rolling predictions and events of cameras, files or URLs, as lines, on a page, over MQTT."""

from __future__ import annotations

import argparse
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union

from ..errors import EdgevidError, OptionError
from ..events import EventOptions, open_smoothing
from ..events.words import knows, needs
from ..recognizer import Recognizer
from ..runner import RunnerGroup
from ..runner.messages import Output
from ..runner.running import wait_interruptibly
from ..runner.source_names import named_sources, split_names
from ..sources import SourceStatus
from ..sources.opening import open_for_stream
from ..stream import StreamOptions
from ..support.memory import keep_few_arenas
from .interrupts import interruptible
from .options import (
    add_model_options,
    load_recognizer,
    part,
    positive_int,
    positive_seconds,
    seconds,
)
from .output import is_terminal, line_width, print_error, print_note, terminal_width
from .page import add_page_options, check_page_options, web_server
from .stream_output import JsonOutput, Lines, TextOutput
from .stream_summary import Summary

if TYPE_CHECKING:
    from ..outputs.web import WebServer

_EPILOG = """\
output:
  One line per prediction: seconds since the first frame, label, score, then the
  next classes (on a terminal, as many as fit). The label is the action that is going on, from the beginning to
  the end of its event. "nothing recognised (LABEL)" means that no action is
  going on; LABEL is the best guess. --events adds a line when an action begins,
  is repeated or ends. With several sources each line names its source.

  With --json: one JSON object per line. A prediction has at least source,
  timestamp, label and score (of the best guess), accepted (whether an action
  can begin with it), action (the one that is going on, or null), top (a list of
  [label, score]), region (the part of the frame that the model looked at: left,
  top, right, bottom, 0 to 1; null: all of it) and latency_ms (from the newest
  frame's arrival to the prediction). An event has source, event ("began",
  "counted" or "ended"), label, timestamp, and score, or count, or
  duration_seconds, peak_score and count. timestamp is in seconds: from the
  start of a file, and of the system's monotonic clock for a camera or URL.

  A file is read as fast as possible, or in real time with --serve or --loop, and
  each prediction is printed. From a camera, the newest frame is used; if
  the output is slow, only the newest prediction is printed, and every event.
  A lost camera is reopened. This, the page's address and a final summary go to
  stderr. Ctrl-C, SIGTERM or closing the terminal ends the stream. With --serve,
  the page stays after the end of a file, unless --max-seconds or
  --max-predictions is given.

examples:
  edgevid stream 0                                     the first camera
  edgevid stream 0 1 rtsp://yard/stream --events-only  three cameras on one model; prints events only
  edgevid stream door=0 yard=rtsp://yard/stream        with names for the cameras, in lines, on the page, over MQTT
  edgevid stream 0 --serve 0.0.0.0:8080                a page for every device on your network
  edgevid stream clip.mp4 --serve --loop               a file as if it were a camera, again and again
  edgevid stream 0 --mqtt mqtt://user@broker           found by Home Assistant (password: EDGEVID_MQTT_PASSWORD)

exit code:
  0 the streams ended or were ended, 1 one could not be opened or broke off, 2 usage error
"""


# Options by group. With a value: its type, its default, its help; a switch: its help.
# fmt: off
_OPTIONS: dict[str, dict[str, Any]] = {
    "window": {
        "--window-seconds S": (positive_seconds, None,
            "length of the window behind each prediction, in seconds (default: what the bundle was trained for)"),
        "--hop N": (positive_int, 1,
            "predict at every Nth sampled frame (default: %(default)s)"),
        "--min-filled P": (part, None,
            "part of the window, 0 to 1, that must be filled before the first prediction (default: the bundle's)"),
        "--smoothing HOW": (str, None,
            "exponential:S (time constant in seconds), mean:N (over N predictions) or none (default: the bundle's, else none)"),
        "--reset-on-cut": "start a new window at a scene cut (default: as the bundle says)",
        "--no-reset-on-cut": "keep the window at a scene cut",
        "--skip-still": "skip the networks when a frame looks like the one before (default: run them on each)",
    },
    "events": {
        "--events": "also print when an action begins, is repeated and ends",
        "--events-only": "print events and no predictions",
        "--exit P": (part, None, "score below which an action ends (default: the bundle's, else 0.15 below --enter)"),
        "--min-seconds S": (seconds, None,
            "an action begins when all predictions of S seconds reach --enter "
            f"(default: the bundle's, else {EventOptions.min_seconds})"),
        "--cooldown S": (seconds, None,
            "an action cannot begin again within S seconds after its end "
            f"(default: the bundle's, else {EventOptions.cooldown_seconds:g})"),
    },
    "watching": {
        "--mqtt URL": (str, None, "publish to an MQTT broker: mqtt://[user@]host[:1883] or mqtts://"),
        "--mqtt-name NAME": (str, None,
            "name of this device, for people and in topics; each program on a broker needs its own (default: the host name and, "
            "in topics, the names of the sources)"),
        "--mqtt-topic TOPIC": (str, "edgevid", "prefix of all topics (default: %(default)s)"),
        "--mqtt-ca FILE": (Path, None, "PEM file of the certificate authorities to trust for mqtts://"),
    },
    "files": {
        "--loop": "restart a file at its end, in real time; timestamps and the window continue",
        "--realtime": "play a file in real time, like a camera (default: with --serve and --loop)",
        "--no-realtime": "read a file as fast as possible",
    },
    "end": {
        "--max-seconds S": (positive_seconds, None,
            "stop each source after S seconds of video, including repetitions by --loop (default: at its end)"),
        "--max-predictions N": (positive_int, None, "stop each source after N predictions (default: no limit)"),
        "--no-reconnect": "stop when a camera is lost (default: reopen it until it is back)",
        "--wait": "wait for a camera, server or file that is not there yet (default: fail)",
    },
}
# fmt: on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "sources", nargs="*", metavar="SOURCE",
        help="camera index (0), device path (/dev/video0), picamera2, video file, folder of pictures, or URL (rtsp://..., "
        "http://...); several share one model. NAME=SOURCE gives the source a name",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object per line (default: text)")
    parser.add_argument(
        "-k", "--top", type=positive_int, default=3, metavar="K",
        help="number of classes to print per prediction, best first (default: %(default)s)",
    )  # fmt: skip
    for title, options in _OPTIONS.items():
        group = parser.add_argument_group(title)
        if title == "watching":
            add_page_options(group, "a live page")
        for option, what in options.items():
            name, _, metavar = option.partition(" ")
            if metavar:
                kind, default, text = what
                group.add_argument(name, metavar=metavar, type=kind, default=default, help=text)
            else:
                group.add_argument(name, action="store_true", help=what)
    add_model_options(parser)


def run(args: argparse.Namespace) -> int:
    _check(args)
    keep_few_arenas()
    summary = Summary()
    failure = None
    with interruptible():
        try:
            _stream(args, summary)
        except KeyboardInterrupt:
            pass
        except EdgevidError as error:
            failure = error
        summary.print()
    failed, several = summary.failed_sources(), len(args.sources) > 1
    if failure is not None and not (several and failure in failed):
        raise failure
    if failed and several:
        print_error("stream", f"{len(failed)} of the {len(args.sources)} sources failed.")
    return 1 if failed else 0


def _check(args: argparse.Namespace) -> None:
    """Raise for wrong options before a model is loaded."""
    if args.serve and _is_source(args.serve, bool(args.sources)):  # `--serve 0`
        args.sources.insert(0, args.serve)
        args.serve = ""
    if not args.sources:
        raise OptionError("No SOURCE was given; name a camera (0), a video file or a URL.")
    check_page_options(args)
    if args.realtime and args.no_realtime:
        raise OptionError("Both --realtime and --no-realtime were given; leave one out.")
    args.realtime = args.realtime or ((args.loop or args.serve is not None) and not args.no_realtime)
    if args.mqtt is None and (args.mqtt_name or args.mqtt_ca):
        raise OptionError("--mqtt-name and --mqtt-ca are for a broker; give --mqtt URL too.")
    if args.smoothing is not None:
        open_smoothing(args.smoothing)
    event_options(args, EventOptions())
    split_names(args.sources)


def _is_source(text: str, has_others: bool) -> bool:
    """Whether the word after --serve is a source, not an address: a camera's index, a URL, a file, or the only one."""
    is_index = text.isdecimal() and int(text) < 1024
    return is_index or "://" in text or "=" in text or Path(text).exists() or not has_others


def _stream(args: argparse.Namespace, summary: Summary) -> None:
    texts, names = split_names(args.sources)
    sources = dict(zip(named_sources(texts, names), texts))
    with load_recognizer(args) as recognizer, _outputs(args, recognizer, list(sources)) as (page, outputs):
        lines, statuses = _lines(args, list(sources), recognizer), _Statuses(several=len(sources) > 1)
        how = {"reconnect": not args.no_reconnect, "realtime": args.realtime, "loop": args.loop}
        _tell_rule(recognizer, event_options(args, recognizer.events.options))
        summary.begin(args.window_seconds or recognizer.window_seconds, prints_predictions=not args.events_only)
        with recognizer.start_many(
            {name: partial(open_for_stream, source, **how) for name, source in sources.items()},
            on_sampled=None if args.events_only and args.json else lines.prediction,
            on_event=lines.event if args.events or args.events_only else None,
            on_status=statuses.tell,
            outputs=[summary, *outputs],
            smoothing=args.smoothing,
            events=event_options(args, recognizer.events.options),
            max_seconds=args.max_seconds,
            max_predictions=args.max_predictions,
            wait=args.wait,
            stream=stream_options(args),
        ) as group:
            summary.group = group
            try:
                group.wait()
            except EdgevidError:
                if page is None or not _stays(args, group):
                    raise
            if page is not None and _stays(args, group):
                summary.print()
                what = f"{next(iter(sources))} has" if len(sources) == 1 else "all sources have"
                print_error("stream", f"{what} ended; the page at {page.url} stays until Ctrl-C")
                wait_interruptibly(threading.Event())


def _tell_rule(recognizer: Recognizer, options: EventOptions) -> None:
    """To a person: what can be recognised at all, and what that takes."""
    if is_terminal(sys.stderr):
        others = recognizer.bundle is not None and recognizer.bundle.none
        rule = f"recognised: what has {needs(options, recognizer.threshold if others else None)}"
        for line in (knows(recognizer.name, recognizer.labels), rule):
            print_note(*textwrap.wrap(line, terminal_width(), subsequent_indent="  "))


def _stays(args: argparse.Namespace, group: RunnerGroup) -> bool:
    """Whether the page stays after the end: it does for a file, if no option says when to end."""
    runners = list(group.runners.values())
    limited = args.max_seconds is not None or args.max_predictions is not None
    failed = any(runner.consumer_failed for runner in runners) or all(runner.error is not None for runner in runners)
    return not (limited or failed)


def _lines(args: argparse.Namespace, names: list[str], recognizer: Recognizer) -> Union[TextOutput, JsonOutput]:
    write = Lines().write
    if args.json:
        return JsonOutput(write, args.top)
    return TextOutput(write, names, recognizer.labels, args.top, predictions=not args.events_only, width=line_width())


def stream_options(args: argparse.Namespace) -> StreamOptions:
    """The stream options from the command line."""
    cuts = True if args.reset_on_cut else False if args.no_reset_on_cut else None
    return StreamOptions(args.window_seconds, args.hop, args.min_filled, reset_on_cut=cuts, skip_still=args.skip_still)


def event_options(args: argparse.Namespace, defaults: EventOptions) -> EventOptions:
    """The event options from the command line, and ``defaults`` for those that were not given."""
    named = {"enter": args.enter, "exit": args.exit, "min_seconds": args.min_seconds, "cooldown_seconds": args.cooldown}
    given = {name: value for name, value in named.items() if value is not None}
    # the bundle's exit goes with its own enter
    return replace(defaults, **({"exit": None, **given} if "enter" in given else given))


class _Statuses:
    """Notes on stderr: a source is waited for, lost or back; one of several failed (a single one fails the command)."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._waited: set[str] = set()

    def tell(self, name: str, status: SourceStatus) -> None:
        if status.state == "waiting":
            self._waited.add(name)
        told = {"waiting", "lost", "reopened"} | ({"failed"} if self._several else set())
        if status.state in told or (status.state == "opened" and name in self._waited):
            print_error("stream", f"{name}: {status.message}" if self._several else status.message)


@contextmanager
def _outputs(
    args: argparse.Namespace, recognizer: Recognizer, sources: Sequence[str]
) -> Iterator[tuple[Optional[WebServer], list[Output]]]:
    """The requested page and broker."""
    outputs: list[Output] = []
    server = None
    try:
        if args.serve is not None:
            bundle = recognizer.bundle
            server = web_server(args, recognizer.labels, model=recognizer.name, none=bundle is not None and bundle.none)
            outputs.append(server)
            server.start()
            print_error("stream", f"watch at {server.url}")
        if args.mqtt is not None:
            from ..outputs.mqtt import MqttPublisher

            outputs.append(
                MqttPublisher(
                    args.mqtt, recognizer.labels, name=args.mqtt_name, sources=sources, topic_prefix=args.mqtt_topic,
                    ca_file=args.mqtt_ca, on_message=partial(print_error, "stream"),
                )
            )  # fmt: skip
        yield server, outputs
    finally:
        # closing each may take a second or two: all at once
        closing = [threading.Thread(target=output.close) for output in outputs]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()

"""``edgevid stream``: cameras, files or URLs -> rolling predictions and events, one a line, on a page, over MQTT."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from ..errors import EdgevidError, OptionError
from ..events import EventOptions, open_smoothing
from ..recognizer import Recognizer
from ..runner.messages import Watcher
from ..runner.stream_source import named_sources
from ..sources import SourceStatus
from ..stream import StreamOptions
from .interrupts import interruptible
from .options import add_model_options, load_recognizer, part, positive_int, positive_seconds
from .output import print_error
from .stream_opening import Opener
from .stream_output import JsonOutput, Lines, StreamOutput, TextOutput
from .stream_summary import Summary

_EPILOG = """\
output:
  One line a prediction: seconds since the first frame, label, score, then the next classes. A label followed by " ?"
  has a score below --threshold. With --events also a line when an action begins and when it ends. With several sources
  each line names its own.
  With --json: one JSON object a line. A prediction has at least source, timestamp, label, score, accepted, top (a list of
  [label, score]) and latency_ms (from the newest frame's arrival to the prediction); an event has source, event ("began"
  or "ended"), label, timestamp, and score, or duration_seconds and peak_score. timestamp is in seconds: from the start of
  a file, and of the system's monotonic clock for a camera or URL.
  A file is read as fast as it can be, and each prediction is printed. Of a camera the newest frame is used; where
  the output is slow, the newest prediction is printed, and every event.
  A camera that is lost is opened again; this, the page's address and a summary at the end are on stderr.
  Ctrl-C, SIGTERM or a closed terminal ends the stream.

examples:
  edgevid stream 0                                     the first camera
  edgevid stream 0 1 rtsp://yard/stream --events-only  three cameras on one model: what begins and ends in each
  edgevid stream 0 --serve 0.0.0.0:8080                a page for every device on your network
  edgevid stream 0 --mqtt mqtt://user@broker           Home Assistant finds it by itself (password: EDGEVID_MQTT_PASSWORD)

exit code:
  0 the streams ended or were ended, 1 one could not be opened or broke off, 2 wrong use
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "sources", nargs="*", metavar="SOURCE",
        help="camera index (0), device path (/dev/video0), picamera2, video file, folder of pictures, or URL (rtsp://..., "
        "http://...); several share the model",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object a line (default: text)")
    parser.add_argument(
        "-k", "--top", type=positive_int, default=3, metavar="K",
        help="classes to print for each prediction, best first (default: %(default)s)",
    )  # fmt: skip
    _add_window_options(parser)
    _add_event_options(parser)
    _add_watching_options(parser)
    end = parser.add_argument_group("end")
    end.add_argument(
        "--max-seconds", type=positive_seconds, metavar="S",
        help="stop each source after S seconds of video (default: at its end)",
    )  # fmt: skip
    end.add_argument(
        "--max-predictions", type=positive_int, metavar="N",
        help="stop each source after N predictions (default: no limit)",
    )  # fmt: skip
    end.add_argument(
        "--no-reconnect",
        action="store_true",
        help="end when a camera is lost (default: open it again until it is back)",
    )
    end.add_argument(
        "--wait",
        action="store_true",
        help="wait for a camera, server or file that is not there yet (default: that is a failure)",
    )
    add_model_options(parser)


def _add_window_options(parser: argparse.ArgumentParser) -> None:
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
    window.add_argument(
        "--smoothing", default="none", metavar="HOW",
        help="exponential:S (time constant, seconds), mean:N (of so many predictions) or none (default: %(default)s)",
    )  # fmt: skip
    window.add_argument("--reset-on-cut", action="store_true", help="start a new window where the scene is cut")


def _add_event_options(parser: argparse.ArgumentParser) -> None:
    default = EventOptions()
    events = parser.add_argument_group("events")
    events.add_argument("--events", action="store_true", help="print also when an action begins and when it ends")
    events.add_argument("--events-only", action="store_true", help="print nothing but that")
    events.add_argument(
        "--enter", type=part, default=default.enter, metavar="P",
        help="score from which on an action can begin (default: %(default)s)",
    )  # fmt: skip
    events.add_argument(
        "--exit", type=part, metavar="P", help="score below which it ends (default: 0.15 below --enter)"
    )  # fmt: skip
    events.add_argument(
        "--min-seconds", type=_seconds, default=default.min_seconds, metavar="S",
        help="for so long all predictions must reach --enter before it begins (default: %(default)s)",
    )  # fmt: skip
    events.add_argument(
        "--cooldown", type=_seconds, default=default.cooldown_seconds, metavar="S",
        help="for so long after its end the same action does not begin again (default: %(default)s)",
    )  # fmt: skip


def _add_watching_options(parser: argparse.ArgumentParser) -> None:
    watching = parser.add_argument_group("watching")
    watching.add_argument(
        "--serve", nargs="?", const="", metavar="HOST:PORT",
        help="serve a page to watch on (default address: 127.0.0.1:8080, for browsers on this machine; 0.0.0.0:8080 for those "
        "on your network, with a token)",
    )  # fmt: skip
    watching.add_argument("--token", help="what the page wants to be told, 8 characters or more (default: one is made)")
    watching.add_argument(
        "--mqtt", metavar="URL", help="publish to an MQTT broker: mqtt://[user@]host[:1883] or mqtts://"
    )
    watching.add_argument(
        "--mqtt-name",
        metavar="NAME",
        help="of this device, for people and in topics; each program on a broker needs its own "
        "(default: the host's name)",
    )
    watching.add_argument(
        "--mqtt-topic", metavar="TOPIC", default="edgevid", help="above all topics (default: %(default)s)"
    )
    watching.add_argument(
        "--mqtt-ca", type=Path, metavar="FILE", help="PEM file of the authorities that vouch for mqtts://"
    )


def run(args: argparse.Namespace) -> int:
    _check(args)
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
    """Refuse wrong options before a model is loaded."""
    if args.serve and _is_source(args.serve, bool(args.sources)):  # `--serve 0`
        args.sources.insert(0, args.serve)
        args.serve = ""
    if not args.sources:
        raise OptionError("No SOURCE was given; name a camera (0), a video file or a URL.")
    if args.token and args.serve is None:
        raise OptionError("--token is for the page; give --serve too.")
    if args.mqtt is None and (args.mqtt_name or args.mqtt_ca):
        raise OptionError("--mqtt-name and --mqtt-ca are for a broker; give --mqtt URL too.")
    open_smoothing(args.smoothing)
    _event_options(args)


def _is_source(text: str, has_others: bool) -> bool:
    """Whether what stands after --serve is a source, not an address: a camera's index, a URL, a file, or the only one."""
    return (text.isdecimal() and int(text) < 1024) or "://" in text or Path(text).exists() or not has_others


def _stream(args: argparse.Namespace, summary: Summary) -> None:
    with load_recognizer(args) as recognizer, _watchers(args, recognizer) as watchers:
        sources = named_sources(args.sources)
        output = _output(args, list(sources), recognizer, summary)
        several = len(sources) > 1
        opener = Opener(reconnect=not args.no_reconnect, wait=args.wait, on_message=partial(_print_message, several))
        summary.begin(args.window_seconds or recognizer.window_seconds)
        with recognizer.start_many(
            {name: partial(opener.open, name, source) for name, source in sources.items()},
            on_observation=None if args.events_only else output.prediction,
            on_event=output.event if args.events or args.events_only else None,
            on_status=partial(_print_status, several),
            watchers=[summary, *watchers],
            smoothing=args.smoothing,
            events=_event_options(args),
            max_seconds=args.max_seconds,
            max_predictions=args.max_predictions,
            stream=StreamOptions(
                window_seconds=args.window_seconds,
                hop=args.hop,
                min_filled=args.min_filled,
                reset_on_cut=args.reset_on_cut,
            ),
        ) as group:
            summary.group = group
            try:
                group.wait()
            finally:
                opener.stop()


def _output(args: argparse.Namespace, names: list[str], recognizer: Recognizer, summary: Summary) -> StreamOutput:
    write = Lines().write
    if args.json:
        return JsonOutput(write, args.top)
    return TextOutput(write, names, recognizer.labels, args.top, summary.first_timestamp)


def _event_options(args: argparse.Namespace) -> EventOptions:
    return EventOptions(args.enter, args.exit, args.min_seconds, args.cooldown)


def _print_status(several: bool, name: str, status: SourceStatus) -> None:
    """On stderr: a camera was lost or is back; one of several sources failed (a single one is the command's own failure)."""
    if status.state in ("lost", "reopened") or (several and status.state == "failed"):
        _print_message(several, name, status.message)


def _print_message(several: bool, name: str, message: str) -> None:
    print_error("stream", f"{name}: {message}" if several else message)


@contextmanager
def _watchers(args: argparse.Namespace, recognizer: Recognizer) -> Iterator[list[Watcher]]:
    """The page and the broker that were asked for."""
    watchers: list[Watcher] = []
    try:
        if args.serve is not None:
            from ..outputs.web import DEFAULT_ADDRESS, WebServer, parse_address

            host, port = parse_address(args.serve or DEFAULT_ADDRESS)
            window_seconds = args.window_seconds or recognizer.window_seconds
            server = WebServer(recognizer.labels, host=host, port=port, token=args.token, window_seconds=window_seconds)
            watchers.append(server)
            server.start()
            print_error("stream", f"watch at {server.url}")
        if args.mqtt is not None:
            from ..outputs.mqtt import MqttPublisher

            watchers.append(
                MqttPublisher(
                    args.mqtt, recognizer.labels, name=args.mqtt_name, topic_prefix=args.mqtt_topic, ca_file=args.mqtt_ca,
                    on_message=partial(print_error, "stream"),
                )
            )  # fmt: skip
        yield watchers
    finally:
        # each may take a second or two to say goodbye: all at once
        closing = [threading.Thread(target=watcher.close) for watcher in watchers]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if float(text) == 0:
            return 0.0
    return positive_seconds(text)

"""``edgevid record``: records clips of your own actions with a camera, or cuts them from a film, into a folder to teach with."""

from __future__ import annotations

import argparse
import math
import platform
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Optional

from ..datasets.clips import CSV_NAME
from ..errors import OptionError, SourceError
from ..recording import ClipFolder, ClipLostError, FolderClip, Recorder, Recording, Take
from ..recording.film import Interval, cut, interval, parse_time, read_intervals
from ..recording.folder import check_label
from ..recording.preview import Preview
from ..recording.recorder import DEFAULT_COUNTDOWN_SECONDS, DEFAULT_SECONDS
from ..sources import Source, SourceStatus, open_source
from .interrupts import interruptible
from .options import positive_int, positive_seconds, seconds
from .output import is_terminal, print_error, print_lines, print_note, prompt, rewrite
from .page import add_page_options, check_page_options, web_server

_EPILOG = """\
Clips are Motion JPEG (.avi, at most 640 pixels wide or high and 30 frames a second), in one folder per action. The file
clips.csv beside the folders describes each clip. A clip that was kept is complete, whatever happens afterwards.
A clip's frame rate is the mean rate of the camera, so that the clip lasts as long as the action did.

On a terminal, answer after each clip: Enter keeps it, r records it again, d deletes the previously kept clip, q drops it
and quits. Without a terminal all clips are kept. A clip during which the camera is lost is recorded again.

Record other movements, and doing nothing, as the action none. Clips of one session (same person and place, each less
than half an hour after the one before) share a group. Teaching holds out whole groups to measure accuracy, so record all
actions in at least two sessions, with other people or in other places.

examples:
  edgevid record 0 -o my_clips/wave                       five clips with the first camera
  edgevid record 0 -o my_clips/none --serve 0.0.0.0:8080  with a page that shows the camera's picture, to aim it
  edgevid record --from film.mp4 --begin 1:05 --end 1:45 -o my_clips/clap
  edgevid record --from film.mp4 --intervals what.csv -o my_clips
"""
_CLIPS = 5
_PROMPT = "Enter keeps it, r records it again, d deletes the previous one, q quits without it: "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "source", nargs="?", metavar="SOURCE",
        help="camera index (0), device path (/dev/video0), picamera2, URL (rtsp://..., http://...), or a film, as --from",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", required=True, metavar="FOLDER/ACTION",
        help="folder of the action, in the folder of all clips, to write to (with --intervals: the folder of "
        "all clips)",
    )  # fmt: skip
    parser.add_argument(
        "--clips",
        type=positive_int,
        metavar="N",
        help=f"number of clips (default: {_CLIPS}; from a film: all it holds)",
    )
    parser.add_argument(
        "--seconds", type=positive_seconds, default=DEFAULT_SECONDS, metavar="S",
        help="length of a clip (default: %(default)g; use 2 to 4 for gestures)",
    )  # fmt: skip
    parser.add_argument(
        "--countdown", type=seconds, default=DEFAULT_COUNTDOWN_SECONDS, metavar="S",
        help="countdown before each clip (default: %(default)g)",
    )  # fmt: skip
    about = parser.add_argument_group("notes for clips.csv")
    about.add_argument(
        "--group", metavar="NAME", help="group of these clips (default: the session's; from a film: the film's name)"
    )
    about.add_argument("--person", default="", metavar="NAME", help="who is in the picture")
    about.add_argument("--place", default="", metavar="NAME", help="where it is")
    about.add_argument(
        "--device", metavar="NAME", help=f"recording device (default: {platform.node()}; from a film: unknown)"
    )
    film = parser.add_argument_group("cutting from a film")
    film.add_argument("--from", dest="film", metavar="FILM", help="video file or folder of pictures")
    film.add_argument("--begin", type=_time, metavar="T", help="in seconds or h:mm:ss (default: the film's beginning)")
    film.add_argument("--end", type=_time, metavar="T", help="the same (default: the film's end)")
    film.add_argument(
        "--intervals", type=Path, metavar="FILE.csv", help="many clips at once: columns begin, end, label"
    )
    add_page_options(parser.add_argument_group("preview"), "a page with the camera's picture, to aim it")


def run(args: argparse.Namespace) -> int:
    _check(args)
    root, label = _place(args)
    with interruptible(), open_source(args.source) as source:
        _check_kind(args, source)
        folder = ClipFolder(root)
        try:
            if source.live:
                _record(args, source, folder, label)
            else:
                _cut(args, source, folder, label)
        except KeyboardInterrupt:
            pass
        finally:
            counts = ", ".join(f"{count} of {name}" for name, count in sorted(folder.counts().items()))
            print_note(f"in {root} now: {counts or 'no clip'}")
    return 0


def _check(args: argparse.Namespace) -> None:
    if (args.source is None) == (args.film is None):
        raise OptionError("Give one of them: a camera or film as SOURCE, or a film with --from.")
    if args.intervals is not None and (args.begin is not None or args.end is not None):
        raise OptionError("--intervals gives the begin and end of each clip; leave --begin and --end out.")
    check_page_options(args)
    if args.source is None:
        args.source = args.film


def _check_kind(args: argparse.Namespace, source: Source) -> None:
    if not source.live and args.serve is not None:
        raise OptionError(f"--serve shows a camera; {args.source} is a film.")
    if source.live and (args.film is not None or args.intervals or args.begin is not None or args.end is not None):
        raise OptionError(f"{args.source} is a camera; --from, --begin, --end and --intervals are for films.")


def _place(args: argparse.Namespace) -> tuple[Path, str]:
    """The folder of all clips, and the label; no label with --intervals."""
    output = Path(args.output)
    if args.intervals is not None:
        return output, ""
    text = args.output.rstrip("/\\")
    if Path(text).name == text and not Path(CSV_NAME).is_file():
        raise OptionError(
            f"-o {args.output} was given; expected the folder of all clips and the action, such as my_clips/wave, or ./{text} "
            "for the folder that you are in."
        )
    if (output / CSV_NAME).is_file():
        raise OptionError(f"-o {args.output} is itself a folder of clips; name the action too: {output / 'wave'}")
    if output.parent.resolve() in (Path.home(), Path(output.anchor or "/")):
        raise OptionError(
            f"-o {args.output} was given; expected a folder only for clips, such as {output.parent / 'my_clips/wave'}"
        )
    return output.parent, check_label(output.name)


def _record(args: argparse.Namespace, source: Source, folder: ClipFolder, label: str) -> None:
    """Record with a camera until there are enough clips, or the user at the terminal quits."""
    wanted = args.clips or _CLIPS
    asks = is_terminal(sys.stdin)
    with _page(args, source) as preview:
        countdown = Countdown()
        source.on_status = partial(_print_status, preview)

        def tell(state: Recording) -> None:
            countdown.tell(state)
            if preview is not None:
                preview.progress(state)

        recorder = Recorder(
            source,
            folder,
            seconds=args.seconds,
            countdown_seconds=args.countdown,
            group=args.group,
            person=args.person,
            place=args.place,
            device=platform.node() if args.device is None else args.device,
            on_progress=tell,
            on_frame=None if preview is None else preview.frame,
        )
        print_note(f"group {recorder.group}; start another for other people or places: --group, --person, --place")
        while len(recorder.kept) < wanted:
            print_note(f"{label}: clip {len(recorder.kept) + 1} of {wanted}")
            try:
                take = recorder.record_clip(label)
            except ClipLostError as error:
                print_error("record", str(error))
                continue
            answer = _ask(recorder, preview is not None) if asks else ""
            if take is None or answer == "q":
                return
            if answer != "r":
                _print_kept(folder, take, recorder.keep())


def _ask(recorder: Recorder, watches: bool) -> str:
    """What to do with the clip: "" keep it, "r" record it again, "q" quit."""
    while True:
        prompt(_PROMPT)
        if watches:
            recorder.watch(_line_is_there)  # the page keeps updating
        line = sys.stdin.readline()
        answer = line.strip().lower()[:1] if line else "q"
        if answer == "d":
            deleted = recorder.delete()
            print_note("there is no clip to delete" if deleted is None else f"deleted {deleted.path}")
        elif answer in ("", "r", "q"):
            return answer


def _line_is_there() -> bool:
    try:
        return bool(select.select([sys.stdin], [], [], 0)[0])
    except (OSError, ValueError):  # Windows selects sockets only: there the picture freezes during the question
        return True


def _cut(args: argparse.Namespace, film: Source, folder: ClipFolder, label: str) -> None:
    """Cut clips from a film."""
    if args.intervals is not None:
        intervals = read_intervals(args.intervals)
    else:
        end = math.inf if args.end is None else args.end
        intervals = [interval(args.begin or 0.0, end, label)]
    group = Path(args.source).stem if args.group is None else args.group
    empty: dict[Interval, None] = dict.fromkeys(intervals)
    for one, take in islice(cut(film, intervals, args.seconds), args.clips):
        empty.pop(one, None)
        clip = folder.add(take, group=group, person=args.person, place=args.place, device=args.device or "")
        _print_kept(folder, take, clip)
    missing = [f"{film.name} gave no clip for {one}: it has fewer than 2 frames there." for one in empty]
    if len(empty) == len(intervals):  # nothing was cut
        raise SourceError("\n".join(missing))
    for what in missing if args.clips is None else ():
        print_error("record", what)


def _print_kept(folder: ClipFolder, take: Take, clip: FolderClip) -> None:
    print_lines(f"{folder.root / clip.path}  {take.seconds:.1f} s, {take.fps:.1f} frames/s")


class Countdown:
    """The countdown on stderr: on one line with a bell on a terminal, else nothing."""

    def __init__(self) -> None:
        self._enabled = is_terminal(sys.stderr)
        self._last = Recording()

    def tell(self, now: Recording) -> None:
        if not self._enabled:
            return
        begins = now.state != self._last.state
        # one bell for each second of the countdown, two when recording begins and when it has ended
        bell = "\a" if now.state == "countdown" else "\a\a" if begins else ""
        words = {"countdown": f"{now.seconds_left} ...", "recording": f"RECORDING {now.seconds_left}"}.get(
            now.state, ""
        )
        rewrite(words, bell=bell)
        self._last = now


@contextmanager
def _page(args: argparse.Namespace, source: Source) -> Iterator[Optional[Preview]]:
    """The preview page, if requested."""
    if args.serve is None:
        yield None
        return
    with web_server(args, (), title="edgevid record") as server:
        print_error("record", f"watch at {server.url}")
        yield Preview(server, source)


def _print_status(preview: Optional[Preview], status: SourceStatus) -> None:
    if status.state in ("lost", "reopened"):
        print_error("record", status.message)
    if preview is not None:
        preview.status(status)


def _time(text: str) -> float:
    try:
        return parse_time(text)
    except OptionError as error:
        raise argparse.ArgumentTypeError(str(error)) from error

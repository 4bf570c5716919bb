"""``edgevid teach --live``: record actions with a camera, learn them and stream, in one go."""

from __future__ import annotations

import argparse
import platform
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Optional, TypeVar

from ..embedders.opening import entries_for
from ..errors import EdgevidError, OptionError
from ..extraction import EmbeddingConfig
from ..recording import ClipFolder, ClipLostError, FolderClip
from ..recording.recorder import DEFAULT_COUNTDOWN_SECONDS, DEFAULT_SECONDS
from ..runner import RunOptions
from ..runner.messages import Sampled
from ..runner.running import wait_interruptibly
from ..sources import Source, SourceStatus, open_source
from ..support.memory import keep_few_arenas
from ..teaching import TeachOptions
from ..teaching.examples import NONE
from ..teaching.panel import TeachPanel
from ..teaching.session import TeachingSession
from ..teaching.session_state import SessionState, check_action
from .interrupts import interruptible
from .keys import read_line, told_keys
from .options import positive_int, positive_seconds, seconds
from .output import is_terminal, line_width, print_error, print_note, prompt
from .page import PAGE_OPTIONS, add_page_options, check_page_options, web_server
from .record import Countdown
from .stream_output import Lines, TextOutput

EPILOG = """\
With --live, the command asks for the names of the actions, records some clips of doing nothing and of each action, learns
them, and prints predictions as `edgevid stream` does. When one is wrong, press the key of the right action: the last
seconds become a clip of it and are learned before the next prediction. d takes the last correction back, q or Ctrl-C quits.
The clips stay in BUNDLE-clips: run the command again to continue, or learn from them with `edgevid teach BUNDLE-clips`.
With --serve, a page does all of this: record, delete, teach, correct.
"""
_CLIPS = 5
_TOP = 3
_KEYS_EVERY = 20  # predictions: fewer than a terminal has lines
_KEYS = "0123456789abcefghijklmnoprstuvwxyz"  # without d and q, which have meanings of their own


def add_live_arguments(parser: argparse.ArgumentParser) -> None:
    live = parser.add_argument_group("live")
    live.add_argument(
        "--live", metavar="SOURCE",
        help="instead of reading DATA, record with this camera (0, /dev/video0, picamera2, a URL), then stream it",
    )  # fmt: skip
    live.add_argument("--clips", type=positive_int, metavar="N", help=f"number of clips per action (default: {_CLIPS})")
    live.add_argument(
        "--seconds", type=positive_seconds, metavar="S", help=f"length of a clip (default: {DEFAULT_SECONDS:g})"
    )
    live.add_argument(
        "--countdown",
        type=seconds,
        metavar="S",
        help=f"countdown before each clip (default: {DEFAULT_COUNTDOWN_SECONDS:g})",
    )
    live.add_argument("--clips-folder", type=Path, metavar="FOLDER", help="folder of the clips (default: BUNDLE-clips)")
    live.add_argument("--person", metavar="NAME", help="who is in the picture, for clips.csv")
    live.add_argument("--place", metavar="NAME", help="where it is")
    add_page_options(live, "a page to teach on, also from a phone")
    live.add_argument(
        "--max-seconds", type=positive_seconds, metavar="S", help="end after S seconds of streaming (default: no limit)"
    )


_OWN = ("clips", "seconds", "countdown", "clips_folder", "person", "place", *PAGE_OPTIONS, "max_seconds")
_OTHERS = ("data", "add", "none", "outside", "gru", "epochs", "seed", "evaluate_test")


def check_live(args: argparse.Namespace) -> bool:
    """Whether to teach from a camera.

    Raises:
        OptionError: options for existing clips and for a camera are mixed, or neither DATA nor --live was given.
    """
    if args.live is None:
        if args.data is None:
            raise OptionError("Neither DATA nor --live was given; name a folder of clips, or a camera: --live 0.")
        given, other = _given(args, _OWN), "is for a camera; give --live SOURCE in place of DATA."
    else:
        given, other = _given(args, _OTHERS), "is for existing clips; leave out either it or --live."
        if args.output is None:
            raise OptionError("-o was not given; name a folder for the bundle: -o my_actions.")
        check_page_options(args)
    if given is not None:
        raise OptionError(f"{'DATA' if given == 'data' else '--' + given.replace('_', '-')} {other}")
    return args.live is not None


def _given(args: argparse.Namespace, names: Sequence[str]) -> Optional[str]:
    return next((name for name in names if getattr(args, name) not in (None, False, ())), None)


T = TypeVar("T")


@dataclass(frozen=True)
class _Plan:
    """What to record. ``guided``: one clip after another; else as the page asks."""

    actions: tuple[str, ...]
    clips: int
    guided: bool


def run_live(args: argparse.Namespace, options: TeachOptions) -> int:
    """Run until the stream ends or is stopped."""
    output: Path = args.output
    root = args.clips_folder or output.with_name(f"{output.name}-clips")
    keep_few_arenas()
    with interruptible(), open_source(args.live) as source:
        source.on_status = _print_status
        folder = ClipFolder(root)
        options = replace(options, description=options.description or root.name)
        _check_embedders(options)
        plan = _Plan(_actions(args, folder), args.clips or _CLIPS, bool(args.actions) or args.serve is None)
        try:
            _live(args, source, folder, plan, options)
        except KeyboardInterrupt:
            pass
        finally:
            print_note(f"the clips are in {root}; run the same command again to continue with them")
    return 0


def _check_embedders(options: TeachOptions) -> None:
    """Raise for wrong embedders before anything is recorded."""
    with EmbeddingConfig.of(entries_for(options.embedders, options.extractor)).opened():
        pass


def _actions(args: argparse.Namespace, folder: ClipFolder) -> tuple[str, ...]:
    """The actions named on the command line, those that have clips, or those typed now; none are needed with a page."""
    there = [label for label in folder.labels() if label != NONE]
    named = args.actions or there
    if args.serve is None and not args.actions:
        if not there:
            named = _typed("Names of the actions, with commas between them: ")
        elif is_terminal(sys.stdin):
            named = there + _typed(
                f"There are clips of {', '.join(there)}. Names of further actions, or Enter for none: "
            )
        if not named:
            raise OptionError("No action was named; give --actions wave,point.")
    return tuple(dict.fromkeys(check_action(name) for name in named))


def _typed(question: str) -> list[str]:
    prompt(question)
    with suppress(EOFError):
        return [name.strip() for name in read_line().split(",") if name.strip()]
    return []


def _live(args: argparse.Namespace, source: Source, folder: ClipFolder, plan: _Plan, options: TeachOptions) -> None:
    told = _Told(source.name)
    server = None if args.serve is None else web_server(args, (), title="edgevid teach")
    run = RunOptions(on_sampled=told.sampled)
    if args.max_seconds is not None:
        run["max_seconds"] = args.max_seconds

    def relabel(labels: tuple[str, ...]) -> None:
        told.labels(labels)
        if server is not None:
            server.relabel(labels)

    with TeachingSession(
        source, folder, args.output, actions=plan.actions, options=options, seconds=args.seconds or DEFAULT_SECONDS,
        countdown_seconds=DEFAULT_COUNTDOWN_SECONDS if args.countdown is None else args.countdown,
        about={"person": args.person or "", "place": args.place or "", "device": platform.node()},
        overwrite=args.overwrite, outputs=[] if server is None else [server], run=run, on_state=told.state, on_labels=relabel,
    ) as session, ExitStack() as page:  # fmt: skip
        if server is not None:
            server.panel = TeachPanel(session, plan.clips)
            page.enter_context(server)
            print_error("teach", f"teach at {server.url}")
        if plan.guided:
            _record_all(session, folder, plan, args.seconds or DEFAULT_SECONDS)
        if plan.guided or len(folder.labels()) > 1:
            _finish(session.refit())
        with told_keys(partial(_pressed, session, told)):
            session.wait()


def _record_all(session: TeachingSession, folder: ClipFolder, plan: _Plan, seconds: float) -> None:
    """Record doing nothing first, then each action, until there are enough clips of each."""
    asks = is_terminal(sys.stdin)
    for label in dict.fromkeys((NONE, *plan.actions)):
        missing = plan.clips - folder.counts().get(label, 0)
        while missing > 0:
            what = "none of the actions: stand there, move as people do" if label == NONE else label
            print_note(f"{missing} clips of {seconds:g} s: {what}")
            if asks:
                prompt("Press Enter to start: ")
                _read_answer()
            made = [_recorded(session, label) for _ in range(missing)]
            missing = 0
            if asks:
                prompt("Enter continues, r records these again: ")
                if _read_answer() == "r":
                    missing = len(made)
                    for clip in made:
                        _finish(session.delete(clip.path))


def _read_answer() -> str:
    try:
        return read_line().lower()[:1]
    except EOFError:
        return ""


def _recorded(session: TeachingSession, label: str) -> FolderClip:
    while True:
        try:
            clip = _finish(session.record(label))
        except ClipLostError as error:
            print_error("teach", str(error))
        else:
            print_note(f"kept {clip.path}")
            return clip


def _finish(future: Future[T]) -> T:
    """The future's result. Ctrl-C interrupts the wait on every system."""
    over = threading.Event()
    future.add_done_callback(lambda future: over.set())
    wait_interruptibly(over)
    return future.result()


def _pressed(session: TeachingSession, told: _Told, key: str) -> None:
    """Handle a key: the last seconds were this action."""
    if key == "q":
        session.close()
        return
    try:
        if key == "d":
            told.take_back(session)
            return
        actions = dict(zip(_KEYS, session.state.actions))
        if key in actions:
            session.correct(actions[key]).add_done_callback(told.corrected)
    except EdgevidError as error:
        print_error("teach", str(error))


class _Told:
    """Prints progress: the countdown and what was learnt on stderr, predictions on stdout."""

    def __init__(self, name: str) -> None:
        self._name, self._write, self._countdown = name, Lines().write, Countdown()
        self._lines: Optional[TextOutput] = None
        self._learnt: tuple[object, ...] = ((), None)
        self._keys, self._since_keys = "", 0  # how many predictions ago the keys were said
        self._corrections: list[str] = []

    def labels(self, labels: tuple[str, ...]) -> None:
        self._lines = TextOutput(self._write, [self._name], labels, _TOP, width=line_width())

    def sampled(self, sampled: Sampled) -> None:
        if self._lines is None or sampled.prediction is None:
            return
        self._lines.prediction(self._name, sampled)
        self._since_keys += 1
        if is_terminal(sys.stdout) and self._since_keys >= _KEYS_EVERY:  # they have scrolled away
            self._say_keys()

    def state(self, state: SessionState) -> None:
        self._countdown.tell(state.recording)
        learnt = (state.labels, state.held_out)
        if state.labels and learnt != self._learnt:
            self._learnt = learnt
            print_note(*_summary(state))
            self._say_keys(state.actions)

    def _say_keys(self, actions: Sequence[str] = ()) -> None:
        self._keys = _keys(actions) if actions else self._keys
        self._since_keys = 0
        print_note(self._keys)

    def corrected(self, future: Future[FolderClip]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            print_error("teach", str(error))
            return
        clip = future.result()
        self._corrections.append(clip.path)
        print_note(f"learnt: that was {clip.label} ({clip.path})")

    def take_back(self, session: TeachingSession) -> None:
        """Forget the last correction."""
        if not self._corrections:
            print_note("there is no correction to take back")
            return
        path = self._corrections.pop()
        session.delete(path)
        session.refit().add_done_callback(lambda future: print_note(f"forgotten: {path}"))


def _summary(state: SessionState) -> list[str]:
    count = f"learnt {', '.join(state.labels)} from {len(state.clips)} clips"
    if state.held_out is None:
        return [f"{count}; not measured: that takes clips of each action in two sessions or more"]
    low, high = state.held_out.accuracy.interval
    right = f"{state.held_out.accuracy.value:.1%} [{100 * low:.1f}, {100 * high:.1f}]"
    return [f"{count}; accuracy, groups held out in turn: {right} (95 % Wilson interval)", *state.held_out.advice()]


def _keys(actions: Sequence[str]) -> str:
    keys = ", ".join(f"{key} {action}" for key, action in zip(_KEYS, actions))
    return f"wrong? the right action: {keys}; d takes it back, q quits"


def _print_status(status: SourceStatus) -> None:
    if status.state in ("lost", "reopened"):
        print_error("teach", status.message)

"""Teaching with a camera: record, learn, recognise, correct. Independent of the terminal and the page that drive it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar

from ..bundles.writing import check_output
from ..datasets.clips import CSV_NAME, Clip
from ..datasets.reading import open_dataset
from ..errors import EdgevidError, OptionError
from ..loading import load
from ..recognizer import Recognizer
from ..recording import ClipFolder, FolderClip, Recorder, Recording, Take
from ..recording.preview import Preview
from ..recording.recent import RecentFrames
from ..recording.recorder import DEFAULT_COUNTDOWN_SECONDS, DEFAULT_SECONDS
from ..runner import Runner, RunOptions
from ..runner.messages import Output
from ..runner.running import wait_interruptibly
from ..sources import Source, SourceStatus
from .background import Background
from .examples import NONE
from .held_out import HeldOut
from .options import TeachOptions
from .session_state import CancelledError, SessionState, check_action
from .teaching import embed_ahead, teach_clips

# Limits how much a page can write to the disk.
MAX_CLIPS = 1000
_JOIN_SECONDS = 5.0
_LOOK_SECONDS = 0.2

T = TypeVar("T")


class TeachingSession:
    """Records a camera's clips into a folder, learns a bundle from them, and streams with it.

    Commands may be called from any thread, return at once, and give a future: :meth:`record`, :meth:`delete`, :meth:`refit`,
    :meth:`correct`. One thread reads the camera: a preview, clips, or a stream; another one embeds and learns. A clip whose
    future is done is on the disk; the bundle is replaced as a whole.

    Args:
        source: a camera; closed by :meth:`close`.
        folder: folder of the clips. Existing clips count.
        output: the bundle's folder. An existing bundle is replaced if the folder has clips, or with ``overwrite``.
        actions: actions to record, for :attr:`SessionState.actions`.
        options: options of teaching; examples are always kept.
        seconds: length of a clip.
        countdown_seconds: before each clip.
        about: ``person``, ``place``, ``device`` for ``clips.csv``.
        outputs: receive the preview and the stream.
        run: further options of the stream: functions, limits.
        on_state: called with each change, in order; must return soon.
        on_labels: called with the actions of the predictions to come, before they come.


    Attributes:
        state: the current state.

    Raises:
        OptionError: the source is not a camera, or a value is outside its range. BundleError: ``output`` cannot be written.
        DatasetError: the folder cannot be used.
    """

    def __init__(
        self,
        source: Source,
        folder: ClipFolder,
        output: Path,
        *,
        actions: Sequence[str] = (),
        options: Optional[TeachOptions] = None,
        seconds: float = DEFAULT_SECONDS,
        countdown_seconds: float = DEFAULT_COUNTDOWN_SECONDS,
        about: Optional[dict[str, str]] = None,
        overwrite: bool = False,
        outputs: Sequence[Output] = (),
        run: Optional[RunOptions] = None,
        on_state: Callable[[SessionState], object] = lambda state: None,
        on_labels: Callable[[tuple[str, ...]], object] = lambda labels: None,
    ) -> None:
        if not source.live:
            raise OptionError(f"{source.name} is not a camera; cut clips from a film with `edgevid record --from`.")
        self._options = replace(TeachOptions() if options is None else options, keep_embeddings=True, jobs=1)
        check_output(output, overwrite or bool(folder.clips()))
        self._folder, self._output = folder, output
        self._actions = tuple(check_action(action) for action in actions)
        self._source = RecentFrames(source, self._options.window_seconds)
        self._camera, self._about = source, about or {}
        self._run = RunOptions(outputs=tuple(outputs), **(run or {}))
        self._previews = [Preview(output, source) for output in outputs]
        self._on_state, self._on_labels = on_state, on_labels
        self._lock, self._telling = threading.Lock(), threading.Lock()
        self._learnt_of: frozenset[str] = frozenset()
        self.state = SessionState()
        self._told_before = source.on_status
        self._recorder = Recorder(
            source,
            folder,
            seconds=seconds,
            countdown_seconds=countdown_seconds,
            on_progress=self._recording,
            on_frame=self._frame if self._previews else None,
            **self._about,
        )
        self._set_clips()
        self._changed = threading.Condition()
        self._wanted: Optional[tuple[str, Future[FolderClip]]] = None
        self._recognizer: Optional[Recognizer] = None
        self._runner: Optional[Runner] = None
        self._answers: Optional[Recognizer] = None  # the runner's recogniser
        self._restart = False
        self._closing = False
        self._error: Optional[BaseException] = None
        self._over = threading.Event()
        self._background = Background(lambda work: self._set(work=work))
        source.on_status = self._status
        self._thread = threading.Thread(target=self._work, name=f"edgevid {source.name} session", daemon=True)
        self._thread.start()

    # Commands, for any thread.

    def record(self, label: str) -> Future[FolderClip]:
        """Count down, record a clip and keep it; the stream pauses meanwhile.

        Returns:
            A future: the clip; ``cancelled()``; or ClipLostError: record it again.

        Raises:
            OptionError: the label is invalid for an action, another clip is being recorded, or there are 1000.
        """
        label = check_action(label)
        future: Future[FolderClip] = Future()
        with self._changed:
            if self._wanted is not None:
                raise OptionError("A clip is being recorded already; wait for its end, or cancel it.")
            self._check_room()
            self._wanted = label, future
            self._changed.notify_all()
        self._set(error="")
        return self._watched(future)

    def cancel(self) -> None:
        """Cancel the clip of the last :meth:`record`."""
        wanted = self._wanted
        if wanted is not None:
            wanted[1].cancel()
        self._recorder.cancel()

    def delete(self, path: str) -> Future[None]:
        """Delete a clip, by its path in the folder. The next :meth:`refit` forgets it."""
        return self._later("", self._delete, path)

    def refit(self) -> Future[None]:
        """Learn from all clips, and stream with the result."""
        return self._later("learning", self._refit)

    def correct(self, label: str) -> Future[FolderClip]:
        """Keep the last seconds, as many as a window spans, as a clip of this action, and learn it.

        Raises:
            OptionError: the label is invalid, nothing is streamed, or there are no frames yet. SourceError: the same.
        """
        label = check_action(label)
        runner = self._runner
        window = None if runner is None else runner.window
        since = None if window is None or not window.steps else window.steps[0].timestamp
        if since is None:
            raise OptionError("There is no prediction to correct yet; teach first, and wait for an answer.")
        self._check_room()
        take = self._source.take(label, since)
        return self._later("learning", self._correct, take, window)

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait for the end of the stream, if it has a limit, or of the camera. False if ``timeout`` seconds ran out first.

        Raises:
            The error that ended it.
        """
        if not wait_interruptibly(self._over, timeout):
            return False
        if self._error is not None:
            raise self._error
        return True

    def close(self) -> None:
        """End the recording or the stream, finish current learning, free the source. A second call does nothing."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self.cancel()
        runner = self._runner
        if runner is not None:
            runner.stop_soon()
        self._camera.close()  # frees a blocked read
        if self._thread is not threading.current_thread():
            self._thread.join(_JOIN_SECONDS)
        self._background.close()
        if self._recognizer is not None:
            self._recognizer.close()

    def __enter__(self) -> TeachingSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The thread that reads the camera.

    def _work(self) -> None:
        try:
            while not self._closing:
                self._step()
        except BaseException as error:
            self._error = None if self._closing else error
        finally:
            with suppress(Exception):  # it was reported above
                self._stop_stream()
            wanted, self._wanted = self._wanted, None
            if wanted is not None:
                wanted[1].cancel()
            self._over.set()

    def _step(self) -> None:
        if self._wanted is not None:
            self._stop_stream()
            self._record(*self._wanted)
        elif self._recognizer is not None:
            self._stream()
        elif self._previews:
            self._recorder.watch(self._has_news)
        else:
            with self._changed:
                self._changed.wait_for(self._has_news, _LOOK_SECONDS)

    def _has_news(self) -> bool:
        return self._closing or self._wanted is not None or self._recognizer is not None

    def _record(self, label: str, future: Future[FolderClip]) -> None:
        if not future.set_running_or_notify_cancel():
            self._wanted = None
            return
        try:
            if self._recorder.record_clip(label) is None:
                raise CancelledError(f"The clip of {label!r} was cancelled.")
            clip = self._recorder.keep()
        except BaseException as error:
            self._recorder.discard()
            self._wanted = None  # before the waiting caller asks for the next one
            future.set_exception(error)
            if not isinstance(error, EdgevidError):
                raise
            return
        self._set_clips()
        self._wanted = None
        future.set_result(clip)
        with suppress(OptionError):  # the queue is full: it is embedded when it is learnt
            self._later("embedding", self._embed, clip)

    def _stream(self) -> None:
        """Begin, or continue until something else is requested."""
        if self._restart:
            self._stop_stream()
        if self._runner is None:
            with self._changed:
                self._restart, self._answers = False, self._recognizer
                recognizer = self._answers
            assert recognizer is not None
            self._on_labels(recognizer.labels)
            self._runner = recognizer.start(self._source, **self._run)
            self._set(streaming=True)
        runner = self._runner
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or self._wanted is not None or self._restart or not runner.running, _LOOK_SECONDS
            )
        if not runner.running and not self._closing:
            self._closing = True  # a limit was reached, or it failed
            runner.wait()

    def _stop_stream(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.stop()
            answered, self._answers = self._answers, None
            if answered is not None and answered is not self._recognizer:
                answered.close()
            self._set(streaming=False)

    # The thread that learns.

    def _later(self, work: str, function: Callable[..., T], *arguments: Any) -> Future[T]:
        self._set(error="")
        return self._watched(self._background.later(work, function, *arguments))

    def _embed(self, clip: FolderClip) -> None:
        with suppress(EdgevidError):  # learning reports it
            embed_ahead([Clip(self._folder.root / clip.path, clip.label, clip.group)], self._options)

    def _delete(self, path: str) -> None:
        self._folder.delete(path)
        self._set_clips()

    def _refit(self) -> None:
        clips = self._folder.clips()
        data = open_dataset(self._folder.root / CSV_NAME, ignore_splits=True).clips
        taught = teach_clips(data, self._output, self._options, overwrite=True)
        self._answer_with(load(self._output), clips, taught.held_out)

    def _answer_with(self, recognizer: Recognizer, clips: Sequence[FolderClip], held_out: Optional[HeldOut]) -> None:
        with self._changed:
            before, self._recognizer = self._recognizer, recognizer
            if before is not self._answers and before is not None:
                before.close()
        self._begin_anew()
        self._learnt(recognizer, clips, held_out)

    def _begin_anew(self) -> None:
        with self._changed:
            self._restart = True
            self._changed.notify_all()

    def _correct(self, take: Take, window: Any) -> FolderClip:
        clip = self._folder.add(take, group=self._recorder.group, **self._about)
        self._set_clips()
        recognizer = self._recognizer
        assert recognizer is not None  # it streamed
        labels = recognizer.labels
        recognizer.add_example(take.label, window, group=self._recorder.group)
        learnt = recognizer.refit()
        if learnt.labels != labels:
            self._begin_anew()
        recognizer.save(self._output, overwrite=True)
        self._learnt_of |= {clip.path}
        self._learnt(recognizer, None, learnt.held_out)
        return clip

    # State.

    def _learnt(
        self, recognizer: Recognizer, clips: Optional[Sequence[FolderClip]], held_out: Optional[HeldOut]
    ) -> None:
        if clips is not None:
            self._learnt_of = frozenset(clip.path for clip in clips)
        self._set(labels=recognizer.labels, held_out=held_out)
        self._set_clips()

    def _set_clips(self) -> None:
        clips = tuple(self._folder.clips())
        actions = tuple(dict.fromkeys([NONE, *self._actions, *(clip.label for clip in clips)]))
        unlearnt = len(self._learnt_of ^ {clip.path for clip in clips})
        self._set(clips=clips, actions=actions, unlearnt=unlearnt)

    def _set(self, **changes: Any) -> None:
        with self._telling:
            with self._lock:
                self.state = state = replace(self.state, version=self.state.version + 1, **changes)
            self._on_state(state)

    def _recording(self, recording: Recording) -> None:
        for preview in self._previews:
            preview.progress(recording)
        self._set(recording=recording)

    def _frame(self, frame: Any) -> None:
        for preview in self._previews:
            preview.frame(frame)

    def _status(self, status: SourceStatus) -> None:
        if self._runner is None:
            for preview in self._previews:
                preview.status(status)
        if self._told_before is not None:
            self._told_before(status)

    def _watched(self, future: Future[T]) -> Future[T]:
        """Report its failure in the state."""

        def ended(future: Future[T]) -> None:
            error = None if future.cancelled() else future.exception()
            if error is not None and not isinstance(error, CancelledError):
                self._set(error=str(error) or type(error).__name__)

        future.add_done_callback(ended)
        return future

    def _check_room(self) -> None:
        if len(self.state.clips) >= MAX_CLIPS:
            raise OptionError(f"There are {MAX_CLIPS} clips already; delete some first.")

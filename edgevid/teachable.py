"""Learning on the device, while a recogniser's streams run."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Union, cast

from .bundles import Bundle
from .embedders import Window
from .frames import RGB
from .sampling import Clip
from .sampling.colour import clip_in_rgb

if TYPE_CHECKING:
    from .recognizer import Recognizer
    from .teaching.learner import Learner
    from .teaching.learning import Learnt


class Teachable:
    """The part of a :class:`~edgevid.Recognizer` that learns."""

    def __init__(self) -> None:
        self._learner: Optional[Learner] = None
        self._learning = threading.Lock()

    def add_example(
        self, label: str, clip: Union[Clip, Window], *, group: Optional[str] = None, colour: str = RGB
    ) -> str:
        """Add an example of an action, to be learned with the next :meth:`refit`. Callable from any thread while streams run.

        >>> stream = recognizer.open_stream()                       # doctest: +SKIP
        >>> recognizer.add_example("wave", stream.window)           # somebody has just waved  # doctest: +SKIP
        >>> recognizer.add_example("none", "doing_nothing.mp4")     # doctest: +SKIP
        >>> recognizer.refit()                                      # doctest: +SKIP
        >>> recognizer.save("my_actions_2")                         # doctest: +SKIP

        Args:
            label: what the example shows: an action, known or new; or ``none``: something that is no action.
            clip: the window of a stream, :attr:`edgevid.Stream.window` or :attr:`edgevid.Runner.window`; or a clip as
                for :meth:`classify` (frames: 25 a second), which is embedded first.
            group: examples of one group resemble each other (a person, a place); they are held out together for
                measuring. Default: all examples added to this recogniser are one group.
            colour: as for :meth:`classify`.

        Returns:
            A name for :meth:`remove_example`.

        Raises:
            BundleError: the recogniser's bundle does not keep what it was taught (``edgevid teach --keep-embeddings``).
            OptionError: the window has no samples, or is of other embedders. SourceError, FrameError: the clip cannot be read.
        """
        shown = clip if isinstance(clip, Window) else clip_in_rgb(clip, colour)
        return self._taught().add(label, shown, group)

    def remove_example(self, name: str) -> None:
        """Forget an example, by the name that :meth:`add_example` returned, with the next :meth:`refit`.

        Raises:
            OptionError: no example has this name. BundleError: as for :meth:`add_example`.
        """
        self._taught().remove(name)

    def refit(self, *, measure: Optional[bool] = None) -> Learnt:
        """Learn the examples that were added. Callable from any thread while streams run.

        Open streams use the result from their next sample on, as long as the labels stay the same. After the first example of
        a new action they go on as before, and new streams know the action.

        Args:
            measure: hold out groups in turn, to choose the penalty, calibrate scores, set the threshold and measure accuracy;
                False: keep these as they are, which takes a fraction of the time. Default: measure if there are few examples.

        Returns:
            What was learned: ``labels``; ``held_out.accuracy``, and ``held_out.advice()``, where it was measured.

        Raises:
            BundleError: as for :meth:`add_example`. DatasetError: fewer than two actions, and not one and ``none``.
        """
        return self._taught().refit(measure)

    def save(self, folder: Union[str, Path], *, overwrite: bool = False) -> Bundle:
        """Write a bundle of what was learned, with measured accuracy; all of it or nothing.

        Args:
            overwrite: replace an existing bundle, such as the recogniser's own.

        Raises:
            BundleError: as for :meth:`add_example`, or the folder exists.
        """
        return self._taught().save(Path(folder), overwrite)

    def _taught(self) -> Learner:
        from .teaching.learner import Learner

        with self._learning:
            if self._learner is None:
                self._learner = Learner(cast("Recognizer", self))
            return self._learner

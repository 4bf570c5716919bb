"""What a recogniser learns on the device, while its streams run."""

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
        """Show it an action, to be learned with the next :meth:`refit`. Any thread may call this while streams run.

        >>> stream = recognizer.open_stream()                       # doctest: +SKIP
        >>> recognizer.add_example("wave", stream.window)           # somebody has just waved  # doctest: +SKIP
        >>> recognizer.add_example("none", "doing_nothing.mp4")     # doctest: +SKIP
        >>> recognizer.refit()                                      # doctest: +SKIP
        >>> recognizer.save("my_actions_2")                         # doctest: +SKIP

        Args:
            label: what it shows: an action, known or new; or ``none``: something that is no action.
            clip: the window of a stream, :attr:`edgevid.Stream.window` or :attr:`edgevid.Runner.window`; or a clip as
                :meth:`classify` takes it (frames: 25 a second), which is embedded first.
            group: examples with the same one resemble each other (a person, a place), and are held out together when it is
                measured. Default: all that this recogniser is shown are one group.
            colour: as of :meth:`classify`.

        Returns:
            A name for :meth:`remove_example`.

        Raises:
            BundleError: the recogniser's bundle does not keep what it was taught (``edgevid teach --keep-embeddings``).
            OptionError: a window without samples, or of other embedders. SourceError, FrameError: the clip cannot be read.
        """
        shown = clip if isinstance(clip, Window) else clip_in_rgb(clip, colour)
        return self._taught().add(label, shown, group)

    def remove_example(self, name: str) -> None:
        """Forget an example, one that :meth:`add_example` named, with the next :meth:`refit`.

        Raises:
            OptionError: there is none of this name. BundleError: as :meth:`add_example`.
        """
        self._taught().remove(name)

    def refit(self, *, measure: Optional[bool] = None) -> Learnt:
        """Learn the examples that were added. Any thread may call this while streams run.

        Streams that are open answer with it from their next sample on, as long as the labels stay the same; after a new
        action's first example they answer as before, and new streams know it.

        Args:
            measure: hold out groups in turn, to choose the penalty, make scores likely, set the threshold and measure; False:
                keep these as they are, which takes a fraction of the time. Default: where there are few examples.

        Returns:
            What was learned: ``labels``; ``held_out.accuracy``, and ``held_out.advice()``, where it was measured.

        Raises:
            BundleError: as :meth:`add_example`. DatasetError: fewer than two actions, and not one and ``none``.
        """
        return self._taught().refit(measure)

    def save(self, folder: Union[str, Path], *, overwrite: bool = False) -> Bundle:
        """Write a bundle of what was learned, measured; all of it or nothing.

        Args:
            overwrite: replace a bundle that is there, such as the recogniser's own.

        Raises:
            BundleError: as :meth:`add_example`, or something is there.
        """
        return self._taught().save(Path(folder), overwrite)

    def _taught(self) -> Learner:
        from .teaching.learner import Learner

        with self._learning:
            if self._learner is None:
                self._learner = Learner(cast("Recognizer", self))
            return self._learner

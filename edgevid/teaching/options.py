"""Options of teaching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Optional

from ..bundles import Bundle
from ..datasets.clips import Clip
from ..embedders import Embedder
from ..errors import OptionError
from ..events import EventOptions
from ..extraction import default_cache
from ..sampling import TAUGHT_WINDOW_SECONDS, check_window_seconds
from ..support.checks import MAX_SAMPLES, check_int, check_number, check_type, shown
from ..support.text import brief
from .lesson import NetworkTrainer


@dataclass(frozen=True, repr=False)
class TeachOptions:
    """Options of teaching.

    Attributes:
        embedders: names of embedders to concatenate, see :func:`edgevid.embedders.opening.entries_for`.
        extractor: name of their network; default: the one for each kind.
        own_embedders: the caller's own embedders, after those.
        window_seconds: length of a stream's window.
        samples_per_second: rate of its samples. Embedders with a rate of their own keep it.
        min_filled: the part of the window that must be filled before the first prediction of a stream.
        reset_on_cut: whether streams start a new scene at a cut by default, if an embedder can detect one.
        events: default event options: when an action begins and ends.
        mirror: learn from the mirror image of each clip too; not if left and right have a meaning.
        cache: folder for embeddings.
        jobs: processes that make them; default: number of CPUs.
        keep_embeddings: put the features of the examples into the bundle, so that it can be extended without the clips.
        add: a bundle with such features, to extend: its embedders and sampling are kept, and its examples are learned too.
        network: trains a network that is mixed with the statistics; None: statistics alone.
        none: clips of other actions, whatever their labels, from which "none of these" is learned, in addition to clips
            labelled ``none``. With three labels or more, those of one are held out together.
        test: clips to measure the finished bundle on, once, for the card; those labelled ``none`` are skipped.
        name, description, licence, command: for the card.
    """

    embedders: tuple[str, ...] = ("region-difference", "region-flow")
    extractor: Optional[str] = None
    own_embedders: tuple[Embedder, ...] = ()
    window_seconds: float = TAUGHT_WINDOW_SECONDS
    samples_per_second: float = 5.0
    min_filled: float = 0.4
    reset_on_cut: bool = True
    events: EventOptions = field(default_factory=EventOptions)
    mirror: bool = False
    cache: Path = field(default_factory=default_cache)
    jobs: Optional[int] = None
    keep_embeddings: bool = False
    add: Optional[Bundle] = None
    network: Optional[NetworkTrainer] = None
    none: Sequence[Clip] = ()
    test: Sequence[Clip] = ()
    name: Optional[str] = None
    description: str = ""
    licence: str = "not stated"
    command: str = ""

    def __post_init__(self) -> None:
        check_window_seconds(self.window_seconds)
        check_number("samples_per_second", self.samples_per_second, 0, 1000, above_low=True)
        check_number("min_filled", self.min_filled, 0, 1)
        check_type("events", self.events, EventOptions)
        for given, kind in ((self.embedders, str), (self.own_embedders, Embedder)):
            if not (isinstance(given, (tuple, list)) and all(isinstance(one, kind) for one in given)):
                raise OptionError(
                    f"embedders={shown(given)} was given; expected names of embedders, or embedders of your own."
                )
        for name in ("name", "description", "licence", "command"):
            if getattr(self, name) is not None:
                check_type(name, getattr(self, name), str)
        if self.jobs is not None:
            check_int("jobs", self.jobs, 1)
        check_int("samples_per_second * window_seconds", self.num_samples, 2, MAX_SAMPLES)

    def __repr__(self) -> str:
        made = {f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(self)}
        changed = (
            f"{name}={getattr(self, name)!r}" for name, default in made.items() if getattr(self, name) != default
        )
        return brief(self, *changed)

    @property
    def num_samples(self) -> int:
        """Number of samples in a window; 2 at least."""
        return max(2, round(self.window_seconds * self.samples_per_second))

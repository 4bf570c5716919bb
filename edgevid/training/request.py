"""What to train, and where to put it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..datasets.division import DEFAULT_TEST_SHARE, check_share
from ..embedders import Embedder
from ..embedders.opening import DEFAULT_KINDS
from ..errors import OptionError
from ..evaluation.outside import open_outside
from ..extraction import default_cache
from ..sampling import check_window_seconds
from .export import FLOAT32, PARITY_LIMITS
from .run_folder import default_run_folder
from .tuning import PRESETS, hyper_parameters


@dataclass(frozen=True)
class TrainingRequest:
    """What to train, and where to put it.

    Attributes:
        data: see :func:`edgevid.datasets.reading.open_dataset`; so are ``list_number`` and ``lists_folder``.
        output: the bundle's folder.
        run: the run folder; default: beside the bundle.
        restart: whether to start anew if the run folder holds a training.
        name: name of the bundle; default: the folder's.
        extractor: name of the embedders' network; default: the shipped bundle's.
        embedders: kinds of embedders to concatenate, see :func:`edgevid.embedders.opening.entries_for`.
        own_embedders: the caller's own embedders, after those.
        hyper_parameters: those of :data:`edgevid.training.tuning.NAMES` that differ from the preset's.
        preset: "thesis" or "auto"; None: see :func:`edgevid.training.tuning.preset_for`.
        validation_share: fraction of the training clips to hold out; None: as in the thesis.
        test_share: fraction of the clips to hold out for a test if the data names no test clips; 0: none.
        window_seconds: length of a stream's window; default: the median duration of the training clips.
        cache: folder for embeddings.
        jobs: processes that make them.
        evaluate_test: whether to evaluate on the test clips that the data names.
        classifier_dtype: storage type of the classifier's weights: "float32", "float16" or "int8".
        outside: clips of other actions, to measure how many the bundle rejects; see
            :func:`edgevid.evaluation.outside.open_outside`. They do not affect the bundle.
        refit: whether to train the measured model anew at the end, on all clips except the test clips that the data
            names.
        overwrite: whether an existing bundle may be replaced.
        description, notes, licence, command: for the card.
    """

    data: Path
    output: Path
    run: Optional[Path] = None
    restart: bool = False
    name: Optional[str] = None
    extractor: Optional[str] = None
    embedders: tuple[str, ...] = DEFAULT_KINDS
    own_embedders: tuple[Embedder, ...] = ()
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    preset: Optional[str] = None
    validation_share: Optional[float] = None
    test_share: float = DEFAULT_TEST_SHARE
    list_number: int = 1
    lists_folder: Optional[Path] = None
    window_seconds: Optional[float] = None
    cache: Path = field(default_factory=default_cache)
    jobs: int = 1
    evaluate_test: bool = False
    classifier_dtype: str = FLOAT32
    outside: Optional[Path] = None
    refit: bool = False
    overwrite: bool = False
    description: str = ""
    notes: tuple[str, ...] = ()
    licence: str = "not stated"
    command: str = ""

    def __post_init__(self) -> None:
        """Raise for wrong values before the work starts."""
        hyper_parameters(self.hyper_parameters)
        if self.validation_share is not None:
            check_share(self.validation_share)
        check_share(self.test_share, none=True)
        if self.window_seconds is not None:
            check_window_seconds(self.window_seconds)
        if self.classifier_dtype not in PARITY_LIMITS:
            raise OptionError(
                f"classifier_dtype={self.classifier_dtype!r} was given; expected one of: {', '.join(PARITY_LIMITS)}."
            )
        if self.outside is not None:
            open_outside(self.outside)
        if self.preset not in (None, *PRESETS):
            raise OptionError(f"preset={self.preset!r} was given; expected one of: {', '.join(PRESETS)}.")

    @property
    def run_folder(self) -> Path:
        return default_run_folder(self.output) if self.run is None else self.run

    @property
    def bundle_name(self) -> str:
        return self.name or self.output.resolve().name

    @property
    def data_description(self) -> str:
        return self.description or self.data.resolve().name

"""What to train, and where to put it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..errors import OptionError
from ..sampling import check_window_seconds
from .clips import check_share
from .division import DEFAULT_TEST_SHARE, check_test_share
from .export import FLOAT32, PARITY_LIMITS
from .features import default_cache
from .outside import open_outside
from .run_folder import default_run_folder
from .tuning import RECIPES, settings


@dataclass(frozen=True)
class Request:
    """What to train, and where to put it.

    Attributes:
        data: see :func:`edgevid.training.dataset.open_dataset`; so are ``split_list`` and ``official_lists``.
        output: the bundle's folder.
        run: the run folder; default: beside the bundle.
        restart: whether to begin anew where a training is there already.
        name: of the bundle; default: the folder's.
        extractor: name of an extractor; default: the shipped bundle's.
        hyper_parameters: those of :data:`edgevid.training.tuning.HYPER_PARAMETERS` that are not the recipe's.
        recipe: "thesis" or "auto"; None: see :func:`edgevid.training.tuning.recipe_for`.
        validation_share: the part of the training clips to hold out; None: as in the thesis.
        test_share: the part of the clips to hold out for a test where the data names no test clips; 0: none.
        window_seconds: what a window of a stream spans; default: the median duration of the training clips.
        cache: folder for embeddings.
        jobs: processes that make them.
        evaluate_test: whether to look at test clips that the data names.
        classifier_dtype: how the classifier's weights are stored: "float32", "float16" or "int8".
        outside: clips of other actions, to measure how many the bundle rejects; see
            :func:`edgevid.training.outside.open_outside`. They decide nothing of the bundle.
        overwrite: whether a bundle that is there may be replaced.
        compare: numbers of units to train and measure as well, for the card.
        compare_share: the part of the training clips to hold out in that comparison; default: ``validation_share``.
        divisions: into training and validation clips that the comparison uses.
        description, notes, licence, command: for the card.
    """

    data: Path
    output: Path
    run: Optional[Path] = None
    restart: bool = False
    name: Optional[str] = None
    extractor: Optional[str] = None
    hyper_parameters: Mapping[str, Any] = field(default_factory=dict)
    recipe: Optional[str] = None
    validation_share: Optional[float] = None
    test_share: float = DEFAULT_TEST_SHARE
    split_list: int = 1
    official_lists: Optional[Path] = None
    window_seconds: Optional[float] = None
    cache: Path = field(default_factory=default_cache)
    jobs: int = 1
    evaluate_test: bool = False
    classifier_dtype: str = FLOAT32
    outside: Optional[Path] = None
    overwrite: bool = False
    compare: tuple[int, ...] = ()
    compare_share: Optional[float] = None
    divisions: int = 1
    description: str = ""
    notes: tuple[str, ...] = ()
    licence: str = "not stated"
    command: str = ""

    def __post_init__(self) -> None:
        """Say what is wrong before the work starts, not after it."""
        shape = settings(self.hyper_parameters).shape
        for share in (self.validation_share, self.compare_share):
            if share is not None:
                check_share(share)
        check_test_share(self.test_share)
        if self.window_seconds is not None:
            check_window_seconds(self.window_seconds)
        if self.classifier_dtype not in PARITY_LIMITS:
            raise OptionError(
                f"classifier_dtype={self.classifier_dtype!r} was given; expected one of: {', '.join(PARITY_LIMITS)}."
            )
        if self.outside is not None:
            open_outside(self.outside)
        if self.divisions < 1:
            raise OptionError(f"divisions={self.divisions!r} was given; expected an int of 1 or more.")
        if self.recipe not in (None, *RECIPES):
            raise OptionError(f"recipe={self.recipe!r} was given; expected one of: {', '.join(RECIPES)}.")
        if self.compare and not shape.recurrent:
            raise OptionError(
                "Sizes to compare were given; a single-frame network has no recurrent state: leave them out."
            )

    @property
    def run_folder(self) -> Path:
        return default_run_folder(self.output) if self.run is None else self.run

    @property
    def bundle_name(self) -> str:
        return self.name or self.output.resolve().name

    @property
    def data_description(self) -> str:
        return self.description or self.data.resolve().name

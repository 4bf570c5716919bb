"""The training data: embedded clips, split into training, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np

from ..datasets.clips import Clip, Dataset, DatasetError, check_classes, groups_in_both
from ..datasets.division import MIN_GROUPS_FOR_TEST, Division, default_validation_share, divide, with_splits
from ..datasets.reading import open_dataset
from ..embedders.opening import entries_for
from ..extraction import EmbeddedClips, EmbeddingConfig, embed_clips, local_executor
from .fit import LabelledEmbeddings
from .progress import Reporter
from .request import TrainingRequest
from .tuning import AUTO, Preset, hyper_parameters, num_folds_for, preset_for

# Starting worker processes takes a second or two.
_WORTH_WORKERS = 20


class TrainingData(NamedTuple):
    """Embedded clips by split, and the test clips that the data set names.

    Attributes:
        clips: the embedded ones, with the ``split`` that is used; ``labelled`` are their embeddings.
        share: the fraction of the training clips to hold out for validation.
        config: how they were embedded.
        skipped: number of clips that could not be read.
    """

    dataset: Dataset
    labels: list[str]
    clips: list[Clip]
    labelled: LabelledEmbeddings
    named_test: list[Clip]
    division: Division
    share: float
    config: EmbeddingConfig
    skipped: int

    def of(self, split: str) -> list[Clip]:
        return [clip for clip in self.clips if clip.split == split]


def prepare(request: TrainingRequest, reporter: Reporter) -> tuple[TrainingData, Preset]:
    """Read, embed and split the clips, and decide the source of hyper-parameters.

    Raises:
        DatasetError: the data are not sufficient for training or testing.
    """
    config = EmbeddingConfig.of(entries_for(request.embedders, request.extractor), request.own_embedders)
    dataset = open_dataset(request.data, list_number=request.list_number, lists_folder=request.lists_folder)
    check_classes(dataset.clips)
    for note in dataset.notes:
        reporter.say(f"note: {note}")
    named_test = [clip for clip in dataset.clips if clip.split == "test"]
    rest = [clip for clip in dataset.clips if clip.split != "test"]
    if request.evaluate_test and not named_test and request.test_share == 0:
        raise _no_test(request)
    features = embed(rest, config, request, reporter)
    labels = check_classes([*features.clips, *named_test])
    preset = preset_for(request.preset, request.hyper_parameters, len(features.clips))
    share = default_validation_share(dataset.clips) if request.validation_share is None else request.validation_share
    division = divide(
        features.clips,
        share,
        0.0 if named_test else request.test_share,
        hyper_parameters(request.hyper_parameters).fit.seed,
        num_folds_for(len(features.clips)) if preset.name == AUTO else 1,
    )
    if request.evaluate_test and not named_test and not division.test:
        raise _no_test(request)
    shared = groups_in_both(features.clips, named_test)
    if shared:
        reporter.say(
            f"warning: groups with training and test clips: {', '.join(shared[:5])}; test accuracy will be too high"
        )
    clips = with_splits(features.clips, division)
    classes = np.array([labels.index(clip.label) for clip in clips], dtype=np.int64)
    data = TrainingData(
        dataset, labels, clips, LabelledEmbeddings(features.embeddings, classes), named_test, division, share, config,
        len(features.skipped),
    )  # fmt: skip
    _say_division(data, reporter)
    return data, preset


def embed(
    clips: Sequence[Clip], config: EmbeddingConfig, request: TrainingRequest, reporter: Reporter
) -> EmbeddedClips:
    """The embeddings of clips. Those that cannot be read are reported and left out.

    Raises:
        DatasetError: none can be read.
    """

    def progress(done: int, total: int) -> None:
        reporter.tick(f"embedding clip {done} of {total}")

    with ExitStack() as stack:
        executor = None
        if request.jobs > 1 and len(clips) >= _WORTH_WORKERS:
            executor = stack.enter_context(local_executor(min(request.jobs, len(clips))))
        features = embed_clips(config, clips, request.cache, progress, executor)
    for _, reason in features.skipped:
        reporter.say(f"skipped: {reason}")
    if not features.clips:
        raise DatasetError(f"None of the {len(clips)} clips can be read; the reasons are above.")
    return features


def count_clips(clips: Sequence[Clip]) -> dict[str, Any]:
    """Numbers of clips, groups (per class) and clips of each class."""
    return {
        "clips": len(clips),
        "groups": len({(clip.label, clip.group) for clip in clips}),
        "clips_per_class": dict(sorted(Counter(clip.label for clip in clips).items())),
    }


def group_names(clips: Sequence[Clip]) -> list[str]:
    """The names of groups, in natural order; none if each clip is its own group (names are paths then)."""
    names = {clip.group for clip in clips}
    if len(names) == len(clips):
        return []
    return sorted(names, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))


def _say_division(data: TrainingData, reporter: Reporter) -> None:
    sizes = {}
    for split in ("train", "validation", "test"):
        count = count_clips(data.of(split))
        sizes[split] = f"{count['clips']} clips of {count['groups']} groups"
    if data.division.test:
        test = (sizes["test"], "used for no choice: they measure what was exported")
    elif data.named_test:
        test = (f"{len(data.named_test)} clips", "named by the data; measured with --evaluate-test only")
    else:
        test = ("none", f"a class has fewer than {MIN_GROUPS_FOR_TEST} groups, or --test is 0")
    reporter.table(
        [
            ("classes", str(len(data.labels)), ""),
            ("training clips", sizes["train"], "what is left after whole groups were held out"),
            ("validation clips", sizes["validation"], "used to stop and to choose: their accuracy is too high"),
            ("test clips", *test),
        ]
    )


def _no_test(request: TrainingRequest) -> DatasetError:
    return DatasetError(
        f"{request.data} names no test clips, and none can be held out: a class has too few groups. Name some in a clips.csv "
        "with a column 'split' and 'test' in it, or leave --evaluate-test out."
    )

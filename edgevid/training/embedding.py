"""The embeddings that a training is made of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from ..bundles.bundle import ExtractorFile
from ..embedders.cnn import open_extractor
from .clips import Clip, DatasetError
from .executors import local_executor
from .features import FeatureSet, embed_clips
from .progress import Reporter
from .request import Request

# Starting worker processes takes a second or two.
_WORTH_WORKERS = 20


def embed(clips: Sequence[Clip], file: ExtractorFile, request: Request, reporter: Reporter) -> FeatureSet:
    """The embeddings of clips. Those that cannot be read are said and left out.

    Raises:
        DatasetError: none can be read.
    """
    with ExitStack() as stack:
        extractor = open_extractor(file)
        stack.callback(extractor.close)
        executor = None
        if request.jobs > 1 and len(clips) >= _WORTH_WORKERS:
            executor = stack.enter_context(local_executor(min(request.jobs, len(clips))))
        features = embed_clips(
            extractor, file.sha256, clips, request.cache,
            lambda done, total: reporter.tick(f"embedding clip {done} of {total}"),
            input_range=file.input_range, executor=executor,
        )  # fmt: skip
    for _, reason in features.skipped:
        reporter.say(f"skipped: {reason}")
    if not features.clips:
        raise DatasetError(f"None of the {len(clips)} clips can be read; the reasons are above.")
    return features

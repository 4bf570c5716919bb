"""The shipped feature extractors match their cards, on whichever runtime is installed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from edgevid.bundles import ExtractorFile, shipped_extractors
from edgevid.embedders.cnn import CnnEmbedder
from edgevid.tflite.interpreter import runtimes

EXTRACTORS = [pytest.param(extractor, id=extractor.name) for extractor in shipped_extractors()]


@pytest.fixture(params=["litert", "tflite-runtime"])
def extractor(request: pytest.FixtureRequest, file: ExtractorFile) -> CnnEmbedder:
    info = next(info for info in runtimes() if info.name == request.param)
    if not info.usable:
        pytest.skip(f"{info.name}: {info.problem}")
    return CnnEmbedder(file.path, num_threads=1, runtime=info.name)


@pytest.mark.parametrize("file", EXTRACTORS)
def test_the_file_is_the_one_of_the_card(file: ExtractorFile) -> None:
    content = file.path.read_bytes()
    assert hashlib.sha256(content).hexdigest() == file.sha256
    assert len(content) == file.card["bytes"]
    assert file.path.name == f"{file.name}.tflite"
    assert file.card["licence"]
    assert file.card["source"]
    program, what, *given = file.card["command"].split()
    if program == "edgevid":  # cut from another shipped network
        assert (what, file.path.with_name(given[0]).is_file()) == ("import-extractor", True)
    else:
        assert (Path(__file__).parent.parent / what).is_file()


@pytest.mark.parametrize("file", EXTRACTORS)
def test_shapes_and_quantisation_are_those_of_the_card(file: ExtractorFile, extractor: CnnEmbedder) -> None:
    (picture,), (feature_map,) = extractor.model.inputs, extractor.model.outputs
    assert (list(picture.shape), picture.dtype.name) == (file.card["input"]["shape"], file.card["input"]["dtype"])
    wanted = file.card["feature_map"]
    assert (list(feature_map.shape), feature_map.dtype.name) == (wanted["shape"], wanted["dtype"])
    assert feature_map.scale == pytest.approx(wanted["scale"])
    assert feature_map.zero_point == wanted["zero_point"]
    assert extractor.dim == file.card["embedding"]["dim"]


@pytest.mark.parametrize("file", EXTRACTORS)
def test_embeddings_depend_on_the_picture_and_on_its_colour(file: ExtractorFile, extractor: CnnEmbedder) -> None:
    rows, columns = np.mgrid[0:120, 0:160]
    waves = 127 + 120 * np.sin(np.stack([rows / 9, columns / 5, (rows + columns) / 7], axis=-1))
    frame = waves.astype(np.uint8)
    embeddings = np.stack([extractor.embed_picture(picture) for picture in (frame, frame[..., ::-1], 255 - frame)])
    assert embeddings.min() >= 0
    assert embeddings.max() <= 1
    assert (embeddings > 0).mean() > 0.2
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(embeddings[first] - embeddings[second]).max() > 0.03 * embeddings.max()

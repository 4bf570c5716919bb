"""The embeddings of a data set, as arrays to train on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edgevid.bundles.bundle import find_extractor
from edgevid.embedders.cnn import open_extractor
from edgevid.errors import EdgevidError
from edgevid.training import extraction
from edgevid.training.dataset import Clip
from edgevid.training.features import default_cache, embed_clips

SHA = "a" * 64


class FakeExtractor:
    """Embeds a frame as the mean of its pixels, and counts."""

    dim = 4

    def __init__(self) -> None:
        self.model = SimpleNamespace(runtime=SimpleNamespace(name="litert"), path=Path("fake.tflite"))
        self.calls = 0

    def embed(self, frame):
        self.calls += 1
        return np.full(self.dim, frame.mean() / 255, dtype=np.float32)


@pytest.fixture
def clip(make_video) -> Clip:
    return Clip(make_video("run/a.mp4", 30), "run", "a")


def test_each_clip_is_embedded_once(tmp_path, clip):
    extractor, seen = FakeExtractor(), []
    first = embed_clips(extractor, SHA, [clip], tmp_path / "cache", lambda done, total: seen.append((done, total)))
    assert first.embeddings.shape == (1, 25, 4)
    assert first.embeddings.dtype == np.float32
    assert first.clips == [clip]
    assert seen == [(1, 1)]
    assert extractor.calls == 25
    again = embed_clips(extractor, SHA, [clip], tmp_path / "cache")
    assert extractor.calls == 25
    np.testing.assert_array_equal(again.embeddings, first.embeddings)


def test_unreadable_clips_are_reported_and_skipped(tmp_path, clip):
    broken = Clip(tmp_path / "broken.mp4", "run", "b")
    broken.path.write_bytes(b"no video")
    missing = Clip(tmp_path / "missing.mp4", "run", "c")
    found = embed_clips(FakeExtractor(), SHA, [broken, clip, missing], tmp_path / "cache")
    assert found.clips == [clip]
    assert [skipped for skipped, _ in found.skipped] == [broken, missing]
    assert all(skipped.path.name in reason for skipped, reason in found.skipped)
    assert embed_clips(FakeExtractor(), SHA, [missing], tmp_path / "cache").embeddings.shape == (0, 25, 4)


def test_workers_give_the_same_in_the_same_order(tmp_path, make_video):
    clips = [Clip(make_video(f"{i}.mp4", frames), "run", str(i)) for i, frames in enumerate((6, 1, 3))]
    file = find_extractor()
    extractor = open_extractor(file, num_threads=1)
    here = embed_clips(extractor, file.sha256, clips, tmp_path / "here")
    with ThreadPoolExecutor(2) as executor:
        there = embed_clips(extractor, file.sha256, clips, tmp_path / "there", executor=executor)
    extractor.close()
    assert there.clips == here.clips == clips
    np.testing.assert_array_equal(there.embeddings, here.embeddings)


def test_an_exception_of_progress_ends_it(tmp_path, clip):
    def fail(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_clips(FakeExtractor(), SHA, [clip, clip], tmp_path / "cache", fail)


def test_a_file_that_vanishes_is_not_passed_over(tmp_path, clip, monkeypatch):
    monkeypatch.setattr("edgevid.training.features.read_embeddings", lambda file: None)
    with pytest.raises(extraction.ExtractionError, match="vanished"):
        embed_clips(FakeExtractor(), SHA, [clip], tmp_path / "cache")


def test_a_cache_that_cannot_be_written(tmp_path, clip):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(EdgevidError, match="--cache"):
        embed_clips(FakeExtractor(), SHA, [clip], tmp_path / "cache")


def test_the_default_cache_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "edgevid" / "embeddings"

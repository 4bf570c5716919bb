"""The embeddings of a dataset, as arrays to train on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from edgevid.bundles import EmbedderEntry, find_extractor
from edgevid.embedders import Array, Embedder
from edgevid.errors import EdgevidError
from edgevid.extraction import EmbeddingConfig, ExtractionError, default_cache, embed_clips
from edgevid.sampling import Sample


class Clip(NamedTuple):
    """The fields of a clip that are needed here."""

    path: Path
    label: str
    group: str


class Mean(Embedder):
    """Embeds a frame as the mean of its pixels, and counts."""

    dim = 4

    def __init__(self) -> None:
        self.calls = 0
        self.closed = False

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "mean"}

    def embed(self, sample: Sample) -> Array:
        self.calls += 1
        return np.full(self.dim, sample.frames[-1].mean() / 255, dtype=np.float32)

    def close(self) -> None:
        self.closed = True


def config(own: Embedder) -> EmbeddingConfig:
    return EmbeddingConfig.of([], [own])


@pytest.fixture
def clip(make_video) -> Clip:
    return Clip(make_video("run/a.mp4", 30), "run", "a")


def test_each_clip_is_embedded_once(tmp_path, clip):
    own, seen = Mean(), []
    first = embed_clips(config(own), [clip], tmp_path / "cache", lambda done, total: seen.append((done, total)))
    assert first.embeddings.shape == (1, 25, 4)
    assert first.embeddings.dtype == np.float32
    assert first.clips == [clip]
    assert seen == [(1, 1)]
    assert own.calls == 25
    again = embed_clips(config(own), [clip], tmp_path / "cache")
    assert own.calls == 25
    np.testing.assert_array_equal(again.embeddings, first.embeddings)
    assert not own.closed, "it is the caller's"


def test_unreadable_clips_are_reported_and_skipped(tmp_path, clip):
    broken = Clip(tmp_path / "broken.mp4", "run", "b")
    broken.path.write_bytes(b"no video")
    missing = Clip(tmp_path / "missing.mp4", "run", "c")
    found = embed_clips(config(Mean()), [broken, clip, missing], tmp_path / "cache")
    assert found.clips == [clip]
    assert [skipped for skipped, _ in found.skipped] == [broken, missing]
    assert all(skipped.path.name in reason for skipped, reason in found.skipped)
    none = embed_clips(config(Mean()), [missing], tmp_path / "cache")
    assert (none.clips, none.windows, len(none.skipped)) == ([], [], 1)


def test_workers_give_the_same_in_the_same_order(tmp_path, make_video):
    clips = [Clip(make_video(f"{i}.mp4", frames), "run", str(i)) for i, frames in enumerate((6, 1, 3))]
    shipped = EmbeddingConfig.of([EmbedderEntry("cnn", find_extractor())])
    here = embed_clips(shipped, clips, tmp_path / "here")
    with ThreadPoolExecutor(2) as executor:
        there = embed_clips(shipped, clips, tmp_path / "there", executor=executor)
    assert there.clips == here.clips == clips
    np.testing.assert_array_equal(there.embeddings, here.embeddings)


def test_an_exception_of_progress_ends_it(tmp_path, clip):
    def fail(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_clips(config(Mean()), [clip, clip], tmp_path / "cache", fail)


def test_a_file_that_vanishes_is_not_passed_over(tmp_path, clip, monkeypatch):
    monkeypatch.setattr("edgevid.extraction.features.read_window", lambda files, embedders: None)
    with pytest.raises(ExtractionError, match="vanished"):
        embed_clips(config(Mean()), [clip], tmp_path / "cache")


def test_a_cache_that_cannot_be_written(tmp_path, clip):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(EdgevidError, match="--cache"):
        embed_clips(config(Mean()), [clip], tmp_path / "cache")


def test_the_default_cache_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "edgevid" / "embeddings"

"""Clips -> files of embeddings: the cache, and the workers that fill it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.videos import moving_frames, write_video

from edgevid.bundles import EmbedderEntry, find_extractor
from edgevid.embedders import CnnEmbedder, Embedder, embed_clip, spec_for
from edgevid.embedders.opening import open_cnn
from edgevid.errors import BundleError, EdgevidError, ExtraNotInstalledError, ModelError, OptionError
from edgevid.extraction import EmbeddingConfig, ExtractionError, dask_executor, extract, local_executor
from edgevid.extraction import cache as cache_module
from edgevid.extraction.cache import Extracted, read_window
from edgevid.extraction.config import track_key

DIM = 1280


@pytest.fixture(scope="module")
def config() -> EmbeddingConfig:
    return EmbeddingConfig.of([EmbedderEntry("cnn", find_extractor())])


@pytest.fixture(scope="module")
def cnn() -> Iterator[CnnEmbedder]:
    with_one_thread = open_cnn(find_extractor(), num_threads=1)
    yield with_one_thread
    with_one_thread.close()


def other_network(config: EmbeddingConfig, **changes: Any) -> EmbeddingConfig:
    """The configuration with another network, name, path or hash."""
    (entry,) = config.entries
    return replace(config, entries=(replace(entry, network=replace(entry.network, **changes)),))


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> list[Path]:
    """Five clips that differ."""
    folder = tmp_path_factory.mktemp("videos")
    return [write_video(folder / f"{i}.mp4", moving_frames(2 + i % 2, seed=i)) for i in range(5)]


@pytest.fixture(scope="module")
def reference(config, videos, tmp_path_factory) -> dict[str, bytes]:
    """What the cache holds after an undisturbed extraction."""
    cache = tmp_path_factory.mktemp("reference")
    assert all(extracted.files for _, extracted in extract(config, videos, cache))
    return content(cache)


def content(cache: Path) -> dict[str, bytes]:
    return {file.relative_to(cache).as_posix(): file.read_bytes() for file in cache.rglob("*") if file.is_file()}


def read(file: Path) -> Any:
    """The embeddings in a file, float32 ``[25, 1280]``; None of one that is damaged."""
    rows = cache_module._read(file, DIM)
    return None if rows is None else np.concatenate(rows)


# --- the cache


def test_a_file_holds_what_the_library_embeds(config, cnn, videos, tmp_path):
    ((index, extracted),) = extract(config, videos[:1], tmp_path)
    assert (index, extracted) == (0, Extracted(extracted.files))
    (file,) = extracted.files
    assert file.parent.parent == tmp_path
    expected = embed_clip([cnn], videos[0], spec_for([cnn], 25, 1.0)).aligned
    np.testing.assert_array_equal(read_window(extracted.files, [cnn]).aligned, expected)
    np.testing.assert_array_equal(np.load(file), expected, "NumPy reads it too")


def test_a_clip_is_known_by_its_content(config, videos, tmp_path):
    data, cache = tmp_path / "data", tmp_path / "cache"
    data.mkdir()
    clip = Path(shutil.copy(videos[0], data / "a.mp4"))
    assert extract_clip_in(config, clip, cache) == (False, 1)
    os.utime(clip, (1, 1))
    (data / "moved").mkdir()
    clip = clip.rename(data / "moved" / "b.mp4")
    assert extract_clip_in(config, clip, cache) == (True, 1), "moved, renamed, with another time"
    size_and_time = clip.stat().st_mtime_ns
    shutil.copy(videos[1], clip)
    os.utime(clip, ns=(size_and_time, size_and_time))
    assert extract_clip_in(config, clip, cache) == (False, 2), "another content under the same name and time"


def extract_clip_in(config: EmbeddingConfig, clip: Path, cache: Path) -> tuple[bool, int]:
    """Whether the clip was in the cache, and how many clips are in it now."""
    ((_, extracted),) = extract(config, [clip], cache)
    assert extracted.files, extracted.problem
    return extracted.in_cache, len(content(cache))


def test_the_key_changes_with_whatever_changes_the_embeddings(config, tmp_path):
    class Other(Embedder):
        dim = 4

        def __init__(self, identity: dict[str, Any], offsets: tuple[float, ...] = (0.0,), rate: Any = None) -> None:
            self.identity, self.frame_offsets, self.samples_per_second = identity, offsets, rate

        identity: Any = None

        def embed(self, sample: Any) -> Any:
            raise NotImplementedError

    first = Other({"kind": "k", "network": "a" * 64})
    cases = [
        (config, first, "c"),
        (config, first, "d"),
        (config, Other({"kind": "k", "network": "b" * 64}), "c"),
        (config, Other({"kind": "k", "network": "a" * 64, "input_range": [0, 1]}), "c"),
        (config, Other(first.identity, (-0.1, 0.0)), "c"),
        (config, Other(first.identity, rate=12.5), "c"),
        (replace(config, runtime="another"), first, "c"),
        (replace(config, num_samples=10), first, "c"),
    ]
    assert len({cache_module._file(given, embedder, clip * 64, tmp_path) for given, embedder, clip in cases}) == len(
        cases
    )
    elsewhere = other_network(config, name="renamed", path=Path("/elsewhere/file.tflite"))
    assert track_key(elsewhere, first) == track_key(config, first)


def test_no_damage_is_taken_as_good(config, videos, tmp_path, reference):
    ((_, extracted),) = extract(config, videos[:1], tmp_path)
    (file,) = extracted.files
    whole, rng = file.read_bytes(), random.Random(0)
    for length in [0, 1, 31, 32, 33, len(whole) - 32, len(whole) - 1, *rng.sample(range(len(whole)), 30)]:
        file.write_bytes(whole[:length])
        assert read(file) is None, length
    for position in [0, 9, len(whole) - 1, *rng.sample(range(len(whole)), 30)]:
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert read(file) is None, position
    file.write_bytes(bytes(len(whole)))  # what a power cut may leave
    assert extract_clip_in(config, videos[0], tmp_path) == (False, 1)
    assert file.read_bytes() == whole


@pytest.mark.parametrize("moment", ["write_bytes", "replace"])
def test_an_interrupted_write_leaves_nothing(config, videos, tmp_path, monkeypatch, moment):
    def interrupted(path, *args):
        assert path.name.startswith(".partial-")
        path.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(extract(config, videos[:1], tmp_path))
    assert content(tmp_path) == {}


def test_what_a_killed_process_left_is_swept_once_it_is_old(config, videos, tmp_path):
    folder = tmp_path / "cnn-00"
    folder.mkdir()
    for name, age in ((".partial-old.npy", 7200), (".partial-new.npy", 10)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    list(extract(config, videos[:1], tmp_path))
    assert [path.name for path in folder.glob(".partial-*")] == [".partial-new.npy"], "it may be a process's at work"


def test_an_embedder_more_embeds_with_that_one_only(config, cnn, videos, tmp_path, monkeypatch):
    list(extract(config, videos[:1], tmp_path))
    entry = EmbedderEntry("frame-difference", config.entries[0].network, {"seconds": 0.1, "gain": 2.0})
    both, asked = EmbeddingConfig.of([*config.entries, entry]), []

    def counting(embedders, path, spec):
        asked.append([embedder.kind for embedder in embedders])
        return embed_clip(embedders, path, spec)

    monkeypatch.setattr(cache_module, "embed_clip", counting)
    ((_, extracted),) = extract(both, videos[:1], tmp_path)
    assert asked == [["frame-difference"]]
    assert len(extracted.files) == 2
    ((_, again),) = extract(both, videos[:1], tmp_path)
    assert (again.in_cache, again.files, len(asked)) == (True, extracted.files, 1)
    embedders = both.open(num_threads=1)
    window = embed_clip(embedders, videos[0], spec_for(embedders, 25, 1.0))
    np.testing.assert_array_equal(read_window(again.files, embedders).aligned, window.aligned)
    for embedder in embedders:
        embedder.close()


class Bright(Embedder):
    """A caller's own embedder, denser than the samples."""

    dim, samples_per_second = 1, 25.0
    identity = {"kind": "bright"}  # noqa: RUF012

    def embed(self, sample):
        return np.array([sample.frames[-1].mean()], np.float32)


def test_embedders_of_the_callers_own_and_at_a_rate_of_their_own(config, videos, tmp_path):
    own = Bright()
    with_own = EmbeddingConfig.of([], [own])
    ((_, extracted),) = extract(with_own, videos[:1], tmp_path)
    expected = embed_clip([own], videos[0], spec_for([own], 25, 1.0))
    window = read_window(extracted.files, [own])
    assert [len(step.rows[0]) for step in window.steps] == [len(step.rows[0]) for step in expected.steps]
    np.testing.assert_array_equal(window.rows[0], expected.rows[0])


# --- clips that cannot be read


def test_unreadable_clips_are_skipped_with_the_reason(config, videos, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    names = ["broken.mp4", "empty.mp4", "folder.mp4", "missing.mp4"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
        names.append("pipe.mp4")
    paths = [*(tmp_path / name for name in names), videos[0]]
    done = dict(extract(config, paths, tmp_path / "cache"))
    assert done.pop(len(names)).files
    for index, extracted in done.items():
        assert extracted.files == ()
        assert names[index] in extracted.problem


def test_a_clip_that_changes_while_it_is_read_is_not_kept(config, make_video, tmp_path, monkeypatch):
    clip = make_video("a.mp4", 2)

    def meanwhile_another(embedders, path, spec):
        window = embed_clip(embedders, path, spec)
        make_video("a.mp4", 3)
        return window

    monkeypatch.setattr(cache_module, "embed_clip", meanwhile_another)
    ((_, extracted),) = extract(config, [clip], tmp_path / "cache")
    assert "changed while it was read" in extracted.problem
    assert content(tmp_path / "cache") == {}


def test_an_unforeseen_error_costs_one_clip(config, videos, tmp_path, monkeypatch):
    def trip(embedders, path, spec):
        if path == videos[0]:
            raise MemoryError("too large")
        return embed_clip(embedders, path, spec)

    monkeypatch.setattr(cache_module, "embed_clip", trip)
    done = dict(extract(config, videos[:2], tmp_path))
    assert "MemoryError: too large" in done[0].problem
    assert done[1].files


# --- errors that are not a clip's


def test_an_extractor_that_cannot_be_opened_ends_it(config, videos, tmp_path):
    with pytest.raises(ModelError, match="not the requested one"):
        list(extract(other_network(config, sha256="b" * 64), videos, tmp_path))
    with pytest.raises(BundleError, match="No extractor 'nothing'"):
        list(extract(other_network(config, name="nothing", path=Path("/not/there.tflite")), videos, tmp_path))


def test_a_worker_finds_the_extractor_by_name_where_its_path_differs(config, videos, tmp_path, reference):
    list(extract(other_network(config, path=Path("/not/there.tflite")), videos, tmp_path))
    assert content(tmp_path) == reference


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_may_not_be_written(config, videos, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ExtractionError, match="--cache"):
        list(extract(config, videos, tmp_path))


def test_a_full_disk(config, videos, tmp_path, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExtractionError, match="No space left"):
        list(extract(config, videos, tmp_path))


# --- executors


def test_processes_make_the_same_files(config, videos, tmp_path, reference):
    with local_executor(2) as executor:
        done = dict(extract(config, [*videos, Path("missing.mp4")], tmp_path, executor))
        assert sorted(done) == list(range(6))
        assert done[5].problem.startswith("No such file")
        assert content(tmp_path) == reference
        with pytest.raises(ModelError):  # as in this process
            list(extract(other_network(config, sha256="b" * 64), videos, tmp_path, executor))


def test_threads_make_the_same_files(config, videos, tmp_path, reference, monkeypatch):
    monkeypatch.chdir(videos[0].parent)
    with ThreadPoolExecutor(2) as executor:
        done = dict(extract(config, [path.name for path in videos], tmp_path, executor))
    assert [done[i].in_cache for i in range(5)] == [False] * 5
    assert content(tmp_path) == reference


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX systems do")
def test_a_killed_worker_is_an_error_not_a_hang(config, videos, tmp_path):
    with local_executor(1) as executor:
        pid = executor.submit(os.getpid).result()
        executing = extract(config, videos, tmp_path, executor)
        next(executing)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ExtractionError, match=r"ended unexpectedly.*\.mp4.*run the same again"):
            list(executing)
        with pytest.raises(ExtractionError, match="ended unexpectedly"):  # a dead pool, from the start
            list(extract(config, videos, tmp_path, executor))


def test_an_exception_ends_the_workers_at_once():
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), local_executor(1) as executor:
        interrupted_while_it_sleeps(executor, 60)
    assert time.monotonic() - start < 30


def interrupted_while_it_sleeps(executor: Executor, seconds: float) -> None:
    executor.submit(int).result()
    executor.submit(time.sleep, seconds)
    raise KeyboardInterrupt


def test_closing_cancels_what_has_not_begun(config, videos, tmp_path):
    executor = RecordingExecutor()
    extracting = extract(config, videos, tmp_path, executor)
    executor.answer_first = True
    next(extracting)
    extracting.close()
    assert [future.cancelled() for future in executor.futures] == [False, True, True, True, True]


def test_other_failures_of_an_executor_are_explained(config, videos, tmp_path):
    killed_worker = type("KilledWorker", (Exception,), {})  # as Dask's

    def failing(error: BaseException) -> Executor:
        executor = RecordingExecutor()
        executor.error = error
        return executor

    with pytest.raises(ExtractionError, match="was cancelled"):
        list(extract(config, videos, tmp_path, failing(CancelledError())))
    with pytest.raises(ExtractionError, match="same edgevid"):
        list(extract(config, videos, tmp_path, failing(ModuleNotFoundError("No module named 'edgevid'"))))
    done = dict(extract(config, videos, tmp_path, failing(killed_worker("4 times"))))
    assert all("ended the workers" in extracted.problem for extracted in done.values())


def test_a_cache_that_only_the_workers_see(config, videos, tmp_path):
    executor = RecordingExecutor()
    executor.answer_first = True
    executor.answer = Extracted((tmp_path / "elsewhere.npy",))
    with pytest.raises(ExtractionError, match="all machines share"):
        list(extract(config, videos, tmp_path, executor))


class RecordingExecutor(Executor):
    """Does nothing; answers as told."""

    def __init__(self) -> None:
        self.futures: list[Future] = []
        self.error: BaseException | None = None
        self.answer_first = False
        self.answer = Extracted((), problem="told to")

    def submit(self, function, /, *args):
        future: Future = Future()
        if self.error is not None:
            future.set_exception(self.error)
        elif self.answer_first and not self.futures:
            future.set_result(self.answer)
        self.futures.append(future)
        return future


def test_no_workers_at_all():
    with pytest.raises(OptionError, match="0 worker processes"), local_executor(0):
        pass


# --- Dask


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Dask cluster of two worker processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'edgevid[dask]'")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0, silence_logs=50,
        local_directory=str(tmp_path_factory.mktemp("dask")),
    ) as started:  # fmt: skip
        yield started


def test_a_cluster_makes_the_same_files(cluster, config, videos, tmp_path, reference):
    with dask_executor(cluster.scheduler_address) as executor:
        done = dict(extract(config, [*videos, Path("missing.mp4")], tmp_path, executor))
        assert done[5].problem.startswith("No such file")
        assert content(tmp_path) == reference
        again = dict(extract(config, videos, tmp_path, executor))
        assert all(extracted.in_cache for extracted in again.values())
        with pytest.raises(ModelError, match="not the requested one"):
            list(extract(other_network(config, sha256="b" * 64), videos, tmp_path, executor))


def test_a_client_of_the_users_own(cluster, config, videos, tmp_path, reference):
    distributed = pytest.importorskip("distributed")
    with distributed.Client(cluster, set_as_default=False) as client:
        list(extract(config, videos, tmp_path, client.get_executor()))
    assert content(tmp_path) == reference


def test_the_command_takes_a_scheduler(cluster, tmp_path, capsys):
    from edgevid.cli import main

    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        write_video(tmp_path / "data" / label / "1.mp4", moving_frames(2, seed=ord(label)))
    command = ["extract", str(tmp_path / "data"), "-o", str(tmp_path / "cache")]
    assert main([*command, "--scheduler", cluster.scheduler_address]) == 0
    assert "2 clips embedded" in capsys.readouterr().out
    assert len(content(tmp_path / "cache")) == 2


def test_an_interrupt_leaves_the_cluster_alive(cluster):
    with pytest.raises(KeyboardInterrupt), dask_executor(cluster.scheduler_address) as executor:
        interrupted_while_it_sleeps(executor, 2)
    with dask_executor(cluster.scheduler_address) as executor:
        assert executor.submit(abs, -1).result(timeout=60) == 1


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x"])
def test_no_scheduler_there(address, monkeypatch):
    pytest.importorskip("distributed", reason="needs Dask: pip install 'edgevid[dask]'")
    monkeypatch.setattr("edgevid.extraction.executors._CONNECT_SECONDS", 1)
    with pytest.raises(EdgevidError, match="No Dask scheduler answers"), dask_executor(address):
        pass


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(ExtraNotInstalledError, match=r"\[dask\]'$"), dask_executor("tcp://127.0.0.1:1"):
        pass

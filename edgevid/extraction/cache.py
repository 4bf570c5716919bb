"""Clips -> files of embeddings, in this process or by any executor; each is computed once.

The embeddings of a clip by an embedder have a file of their own, whose name depends on all that they depend on: the embedder,
the sampling and the clip's content. So a changed clip is embedded again, a moved or renamed one is not, a killed run continues
when run again, and an additional embedder embeds only its own part.
"""

from __future__ import annotations

import hashlib
import io
import json
import stat
import time
from collections.abc import Generator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from ..bundles import sha256_of
from ..embedders import Embedder, Embedding, Window, embed_clip, spec_for
from ..embedders.stream import embed_as_stream
from ..errors import EdgevidError
from ..support.arrays import read_array
from ..support.files import as_path, read_content, whole
from .config import EmbeddingConfig, embedders_of_this_thread, track_key

# Increase it when frames are sampled, resized or embedded in another way: existing caches are then no longer used.
_CACHE_FORMAT = 3
_DIGEST_BYTES = hashlib.sha256().digest_size
# A temporary file exists for milliseconds. One this old was left by a killed process.
_STALE_SECONDS = 3600
_MAX_NAMED = 8


class ExtractionError(EdgevidError):
    """Embeddings cannot be made or saved, whatever the clip: a worker ended, or the cache cannot be written."""


class Extracted(NamedTuple):
    """The result for a clip.

    Attributes:
        files: its embeddings by each embedder, see :func:`read_window`; empty: it could not be read.
        in_cache: whether all existed already.
        problem: why it could not be read.
    """

    files: tuple[Path, ...]
    in_cache: bool = False
    problem: str = ""


def extract(
    config: EmbeddingConfig,
    paths: Sequence[Union[str, Path]],
    cache: Path,
    executor: Optional[Executor] = None,
    embedders: Optional[Sequence[Embedder]] = None,
) -> Generator[tuple[int, Extracted], None, None]:
    """Embed clips whose embeddings are not in the cache yet.

    Closing the iterator cancels work that has not begun. Files in the cache are always complete.

    Args:
        cache: a folder; created if absent. Several processes may use it at once.
        executor: any, such as :func:`edgevid.extraction.local_executor` or Dask's ``client.get_executor(pure=False)``. Its
            workers must see clips and cache under the same paths as this process. Default: this process does the work.
        embedders: open embedders of this configuration, for this process to use.

    Yields:
        Indices into ``paths`` and the result for the clip, in order of completion.

    Raises:
        ExtractionError: the cache cannot be written, or a worker ended.
        EdgevidError: a worker cannot open an embedder.
    """
    clips, cache = [as_path("clip", path).absolute() for path in paths], as_path("cache", cache).absolute()
    _sweep(cache)
    if executor is None or config.own:
        for index, clip in enumerate(clips):
            yield index, extract_clip(config, clip, cache, embedders)
    else:
        yield from _extract_by(executor, config, clips, cache)


def extract_clip(
    config: EmbeddingConfig, path: Path, cache: Path, embedders: Optional[Sequence[Embedder]] = None
) -> Extracted:
    """Embed one clip by those embedders whose embeddings of it are not in the cache. This is what executors run.

    Args:
        embedders: default: this thread opens them at its first clip, with one thread each, and keeps them.

    Raises:
        EdgevidError: as for :func:`extract`. A clip that cannot be read raises nothing.
    """
    embedders = embedders_of_this_thread(config) if embedders is None else embedders
    try:
        before = path.stat()
        if not stat.S_ISREG(before.st_mode):  # reading a pipe would block for ever
            return Extracted((), problem=f"{path} is not a file; expected a video file.")
        sha256 = sha256_of(path)
    except FileNotFoundError:
        return Extracted((), problem=f"No such file: {path}")
    except OSError as error:
        return Extracted((), problem=f"{path} cannot be read: {error.strerror or error}.")
    files = tuple(_file(config, embedder, sha256, cache) for embedder in embedders)
    missing = [k for k, file in enumerate(files) if _read(file, embedders[k].dim) is None]
    if not missing:
        return Extracted(files, in_cache=True)
    try:
        wanted = [embedders[k] for k in missing]
        if config.interval_seconds is None:
            window = embed_clip(wanted, path, spec_for(wanted, config.num_samples, 1.0))
        else:
            seconds = config.interval_seconds * config.num_samples
            spec = spec_for(wanted, config.num_samples, seconds)
            window = Window(embed_as_stream(wanted, path, spec, mirrored=config.mirrored))
        after = path.stat()
    except EdgevidError as error:
        return Extracted((), problem=str(error))
    except Exception as error:  # one clip that fails in OpenCV or on the disk must not end the work on the others
        return Extracted((), problem=f"{path} cannot be embedded: {type(error).__name__}: {error}")
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        return Extracted((), problem=f"{path} changed while it was read; try again once nothing writes to it.")
    for column, k in enumerate(missing):
        _write(files[k], [step.rows[column] for step in window.steps])
    return Extracted(files)


def read_window(files: Sequence[Path], embedders: Sequence[Embedder]) -> Optional[Window]:
    """The embeddings of a clip, from the files that :func:`extract_clip` names; None if one is missing or damaged."""
    columns = [_read(file, embedder.dim) for file, embedder in zip(files, embedders)]
    present = [column for column in columns if column is not None]
    if len(present) < len(columns):
        return None
    return Window([Embedding(tuple(rows)) for rows in zip(*present)])


def _file(config: EmbeddingConfig, embedder: Embedder, clip_sha256: str, cache: Path) -> Path:
    key = {"format": _CACHE_FORMAT, "clip": clip_sha256, **track_key(config, embedder)}
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    return cache / f"{embedder.identity['kind']}-{name[:2]}" / f"{name}.npy"


def _read(file: Path, dim: int) -> Optional[list[Any]]:
    """An embedder's rows of each sample, float32 ``[n, dim]`` each; None if the file is missing or damaged."""
    try:
        content = read_content(file)
    except OSError:
        return None
    arrays, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(arrays).digest() != digest:
        return None
    stream = io.BytesIO(arrays)
    try:
        rows, ends = read_array(stream), read_array(stream)
    except ValueError:
        return None
    good = rows.dtype == np.float32 and rows.shape[1:] == (dim,) and np.isfinite(rows).all()
    if not good or ends.ndim != 1 or ends.dtype.kind not in "iu" or not len(ends) or ends[-1] != len(rows):
        return None
    if ends[0] < 0 or (np.diff(ends.astype(np.int64)) < 0).any():
        return None
    return list(np.split(rows, ends[:-1]))


def _extract_by(
    executor: Executor, config: EmbeddingConfig, clips: Sequence[Path], cache: Path
) -> Generator[tuple[int, Extracted], None, None]:
    waiting: dict[Future[Extracted], int] = {}
    try:
        for index, clip in enumerate(clips):
            waiting[executor.submit(extract_clip, config, clip, cache)] = index
        for future in as_completed(list(waiting)):
            extracted = _outcome(future, clips[waiting[future]])
            unseen = [file for file in extracted.files if not file.exists()]
            if unseen:
                raise ExtractionError(
                    f"A worker wrote {unseen[0]}, which this process does not see; the cache must be a folder that "
                    "all machines share, under one path."
                )
            yield waiting.pop(future), extracted
    except BrokenExecutor as error:
        oldest = [clips[index] for index in sorted(waiting.values())[:_MAX_NAMED]]
        raise ExtractionError(
            "A worker process ended unexpectedly: it was killed, memory ran out, or a decoder crashed. It read one of: "
            f"{', '.join(map(str, oldest)) or 'no clip yet'}. Finished work is kept: run the same again, with fewer "
            "workers if memory is short. If it ends there again, leave that clip out."
        ) from error
    finally:
        for future in waiting:
            future.cancel()


def _outcome(future: Future[Extracted], clip: Path) -> Extracted:
    try:
        return future.result()
    except (EdgevidError, BrokenExecutor):
        raise
    except CancelledError as error:
        raise ExtractionError(
            f"The work on {clip} was cancelled, as when a cluster's scheduler ends. Finished work is kept: run the "
            "same again."
        ) from error
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # Dask's: several workers ended at this clip, and at no other
            return Extracted((), problem=f"{clip} ended the workers that read it: {error}")
        raise ExtractionError(
            f"A worker failed at {clip}: {type(error).__name__}: {error}. Check that the workers have the same edgevid."
        ) from error


def _write(file: Path, rows: Sequence[Any]) -> None:
    """Write all rows ``[n, dim]``, the end of each sample's rows, and the SHA-256 of both.

    So a damaged file is detected without syncing to the disk. numpy.load reads the rows.
    """
    buffer = io.BytesIO()
    np.save(buffer, np.concatenate(rows), allow_pickle=False)
    np.save(buffer, np.cumsum([len(part) for part in rows]), allow_pickle=False)
    content = buffer.getvalue()
    try:
        file.parent.mkdir(exist_ok=True)
        with whole(file) as partial:
            partial.write_bytes(content + hashlib.sha256(content).digest())
    except OSError as error:
        raise _unwritable(file.parent, error) from error


def _sweep(cache: Path) -> None:
    """Make the folder, and remove files left by killed processes."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for temporary in cache.glob("*/.partial-*"):
            try:
                if time.time() - temporary.stat().st_mtime > _STALE_SECONDS:
                    temporary.unlink()
            except FileNotFoundError:  # another process was faster
                pass
    except OSError as error:
        raise _unwritable(cache, error) from error


def _unwritable(folder: Path, error: OSError) -> ExtractionError:
    return ExtractionError(
        f"The cache {folder} cannot be written: {error.strerror or error}. Name another folder with --cache, or make room."
    )

"""Clips -> files of embeddings, in this process or by any executor; what is done once is not done again.

The embeddings of a clip lie in a file of their own, whose name follows from all that they depend on: extractor, sampling and
the clip's content. So a changed clip is embedded again, a moved or renamed one is not, and to go on after a kill is to run again.
"""

from __future__ import annotations

import hashlib
import io
import json
import stat
import threading
import time
import uuid
from collections.abc import Generator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import NDArray

from ..bundles.bundle import KNOWN_PICTURES, ExtractorFile, find_extractor, sha256_of
from ..clip import embed_clip
from ..embedders.cnn import Extractor
from ..errors import EdgevidError, ModelError
from ..sampling import FRAMES_PER_CLIP
from ..tflite.interpreter import select_runtime

# Raise it when frames are sampled, resized or embedded in another way: what is in the caches is then no longer used.
_CACHE_FORMAT = 2
_DIGEST_BYTES = hashlib.sha256().digest_size
# A temporary file lives for milliseconds. One this old was left by a process that was killed.
_STALE_SECONDS = 3600
_MAX_NAMED = 8


class ExtractionError(EdgevidError):
    """Embeddings cannot be made or kept, whatever the clip: a worker ended, or the cache cannot be written."""


class Recipe(NamedTuple):
    """What embeddings depend on besides the clip. Small and picklable: it travels to the workers.

    Attributes:
        name: the extractor's; a worker on another machine finds it by this where ``extractor`` is not.
        extractor: path of its ``.tflite`` file.
        sha256: of that file.
        input_range: what pixels 0 and 255 become for a float32 input.
        runtime: ``"litert"`` or ``"tflite-runtime"``: their quantised outputs differ by a few units of the last place.
    """

    name: str
    extractor: str
    sha256: str
    input_range: tuple[float, float]
    runtime: str

    @classmethod
    def of(cls, file: ExtractorFile, runtime: Optional[str] = None) -> Recipe:
        """The recipe of a verified extractor.

        Args:
            runtime: default: the best one present, for all workers alike.
        """
        return cls(file.name, str(file.path.absolute()), file.sha256, file.input_range, select_runtime(runtime).name)


class Extracted(NamedTuple):
    """What became of a clip.

    Attributes:
        file: its embeddings, see :func:`read_embeddings`; None: it could not be read.
        in_cache: they were there already.
        problem: why it could not be read.
    """

    file: Optional[Path]
    in_cache: bool = False
    problem: str = ""


def extract(
    recipe: Recipe,
    paths: Sequence[Union[str, Path]],
    cache: Path,
    executor: Optional[Executor] = None,
    extractor: Optional[Extractor] = None,
) -> Generator[tuple[int, Extracted], None, None]:
    """Embed clips whose embeddings are not in the cache yet.

    Closing the iterator cancels what has not begun. Whatever happens, files that are in the cache are whole.

    Args:
        cache: a folder; made if absent. Several processes may use it at once.
        executor: any, such as :func:`edgevid.training.executors.local_executor` or Dask's
            ``client.get_executor(pure=False)``. Its workers must see clips and cache under the paths that this process
            sees. Default: this process does the work.
        extractor: an open one of this recipe, for this process to use.

    Yields:
        Indices into ``paths`` and what became of the clip, in the order in which they are done.

    Raises:
        ExtractionError: the cache cannot be written, or a worker ended.
        EdgevidError: a worker cannot open the extractor.
    """
    clips, cache = [Path(path).absolute() for path in paths], Path(cache).absolute()
    _sweep(_folder(recipe, cache))
    if executor is None:
        for index, clip in enumerate(clips):
            yield index, extract_clip(recipe, clip, cache, extractor)
    else:
        yield from _extract_by(executor, recipe, clips, cache)


def extract_clip(recipe: Recipe, path: Path, cache: Path, extractor: Optional[Extractor] = None) -> Extracted:
    """Embed one clip, unless its embeddings are in the cache. The function that executors run.

    Args:
        extractor: default: one that this thread opens at its first clip, on one thread, and keeps.

    Raises:
        EdgevidError: as :func:`extract`. A clip that cannot be read raises nothing.
    """
    extractor = open_extractor_of(recipe) if extractor is None else extractor
    try:
        before = path.stat()
        if not stat.S_ISREG(before.st_mode):  # a pipe would be waited for, for ever
            return Extracted(None, problem=f"{path} is not a file; expected a video file.")
        file = _folder(recipe, cache) / f"{cache_key(recipe, sha256_of(path))}.npy"
    except FileNotFoundError:
        return Extracted(None, problem=f"No such file: {path}")
    except OSError as error:
        return Extracted(None, problem=f"{path} cannot be read: {error.strerror or error}.")
    held = read_embeddings(file)
    if held is not None and held.shape == (FRAMES_PER_CLIP, extractor.dim):
        return Extracted(file, in_cache=True)
    try:
        embeddings = embed_clip(extractor, path)[0]
        after = path.stat()
    except EdgevidError as error:
        return Extracted(None, problem=str(error))
    except Exception as error:  # one clip that trips OpenCV or the disk must not end the work on all others
        return Extracted(None, problem=f"{path} cannot be embedded: {type(error).__name__}: {error}")
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        return Extracted(None, problem=f"{path} changed while it was read; try again once nothing writes to it.")
    _write(file, embeddings)
    return Extracted(file)


def cache_key(recipe: Recipe, clip_sha256: str) -> str:
    """What a clip's embeddings depend on, as 32 hex digits: extractor, runtime, sampling, and the clip's content."""
    key = {
        "format": _CACHE_FORMAT,
        "extractor": recipe.sha256,
        "input_range": recipe.input_range,
        "runtime": recipe.runtime,
        "sampling": {"frames": FRAMES_PER_CLIP, "pictures": KNOWN_PICTURES},
        "clip": clip_sha256,
    }
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]


def read_embeddings(file: Path) -> Optional[NDArray[np.float32]]:
    """The embeddings of a clip, float32 ``[25, D]``; None where there is no such file, or it is damaged."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    array, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(array).digest() != digest:
        return None
    embeddings: NDArray[Any] = np.load(io.BytesIO(array), allow_pickle=False)
    return embeddings


def open_extractor_of(recipe: Recipe) -> Extractor:
    """The extractor of a recipe, on one thread: opened by the first call in each thread, kept for the next ones."""
    if getattr(_opened, "recipe", None) != recipe:
        path = Path(recipe.extractor)
        if not path.is_file():
            path = find_extractor(recipe.name).path
        if sha256_of(path) != recipe.sha256:
            raise ModelError(
                f"The extractor {recipe.name} at {path} is not the one asked for, whose SHA-256 begins with "
                f"{recipe.sha256[:12]}; install the same edgevid and models on all machines."
            )
        _opened.extractor = Extractor(path, input_range=recipe.input_range, num_threads=1, runtime=recipe.runtime)
        _opened.recipe = recipe
    extractor: Extractor = _opened.extractor
    return extractor


# An interpreter serves one thread at a time, and a Dask worker process has several.
_opened = threading.local()


def _extract_by(
    executor: Executor, recipe: Recipe, clips: Sequence[Path], cache: Path
) -> Generator[tuple[int, Extracted], None, None]:
    waiting: dict[Future[Extracted], int] = {}
    try:
        for index, clip in enumerate(clips):
            waiting[executor.submit(extract_clip, recipe, clip, cache)] = index
        for future in as_completed(list(waiting)):
            extracted = _outcome(future, clips[waiting[future]])
            if extracted.file is not None and not extracted.file.exists():
                raise ExtractionError(
                    f"A worker wrote {extracted.file}, which this process does not see; the cache must be a folder that "
                    "all machines share, under one path."
                )
            yield waiting.pop(future), extracted
    except BrokenExecutor as error:
        workers = getattr(executor, "_max_workers", 1)
        oldest = [clips[index] for index in sorted(waiting.values())[: min(workers, _MAX_NAMED)]]
        raise ExtractionError(
            "A worker process ended unexpectedly: it was killed, memory ran out, or a decoder crashed. It read one of: "
            f"{', '.join(map(str, oldest)) or 'no clip yet'}. What is finished is kept: run the same again, with fewer "
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
            f"The work on {clip} was cancelled, as when a cluster's scheduler ends. What is finished is kept: run the "
            "same again."
        ) from error
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # Dask's: several workers ended at this clip, and at no other
            return Extracted(None, problem=f"{clip} ended the workers that read it: {error}")
        raise ExtractionError(
            f"A worker failed at {clip}: {type(error).__name__}: {error}. Check that the workers have the same edgevid."
        ) from error


def _folder(recipe: Recipe, cache: Path) -> Path:
    return cache / recipe.sha256[:16]


def _write(file: Path, embeddings: NDArray[np.float32]) -> None:
    """Write under another name first, so that a killed process leaves no half file under the real one.

    The array's SHA-256 follows it: numpy.load stops before it, and no file that a power cut or a bad disk damaged is taken
    as good. So nothing needs to wait for the disk.
    """
    buffer = io.BytesIO()
    np.save(buffer, embeddings, allow_pickle=False)
    content = buffer.getvalue()
    temporary = file.with_name(f"{file.stem}.{uuid.uuid4().hex}.tmp")
    try:
        try:
            temporary.write_bytes(content + hashlib.sha256(content).digest())
            temporary.replace(file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(file.parent, error) from error


def _sweep(folder: Path) -> None:
    """Make the folder, and remove what killed processes left in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for temporary in folder.glob("*.tmp"):
            try:
                if time.time() - temporary.stat().st_mtime > _STALE_SECONDS:
                    temporary.unlink()
            except FileNotFoundError:  # another process was faster
                pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> ExtractionError:
    return ExtractionError(
        f"The cache {folder} cannot be written: {error.strerror or error}. Name another folder with --cache, or make room."
    )

"""The only access to the TensorFlow Lite interpreter.

Two packages contain the same ``Interpreter`` class: ``ai-edge-litert`` (LiteRT, the maintained one) and
``tflite-runtime`` (the last for 32-bit ARM). Nothing else in edgevid imports either. Both are imported on first use only.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, OptionError, RuntimeNotAvailableError
from ..support.checks import check_int, check_type, shown
from ..support.extras import install_command
from ..support.files import as_path
from ..support.hardware import usable_cpus
from ..support.native_log import without_first_words
from ..support.system import system_errors
from .file_check import read_tflite_file

ENVIRONMENT_VARIABLE = "EDGEVID_RUNTIME"

_Sizes = tuple[tuple[int, ...], ...]  # the shape of each input

# runtime name -> (distribution on PyPI, module with the Interpreter); the best one first
_RUNTIMES = {
    "litert": ("ai-edge-litert", "ai_edge_litert.interpreter"),
    "tflite-runtime": ("tflite-runtime", "tflite_runtime.interpreter"),
}
_ALIASES = {"ai-edge-litert": "litert", "tflite": "tflite-runtime"}
# On the boards that edgevid is for, more threads make a 3 ms network slower.
_MAX_DEFAULT_THREADS = 4
# Maximum number of interpreters of one model, for different input sizes, if the runtime cannot resize inputs.
_MAX_INTERPRETERS = 4
_RUNTIME_ERRORS = (ValueError, RuntimeError, TypeError, SystemError, MemoryError, OverflowError)
# More threads are of no use on any board; if the system refuses to start them, the process crashes.
MOST_THREADS = 256
# Long enough for a waiting thread to wake up and take the lock.
_STEP_ASIDE_SECONDS = 0.0003


@dataclass(frozen=True)
class RuntimeInfo:
    """State of one runtime: ``problem`` is None if it can be used."""

    name: str
    distribution: str
    version: Optional[str]
    problem: Optional[str]

    @property
    def usable(self) -> bool:
        return self.problem is None


@dataclass(frozen=True)
class TensorSpec:
    """Shape, dtype and quantisation (real = (value - zero_point) * scale; scale 0 means none) of a tensor.

    Attributes:
        shape: as the interpreter opens it. shape_signature: the same, with -1 for sizes that may vary.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int

    def __str__(self) -> str:
        return f"{self.dtype.name} [{', '.join('any' if size < 0 else str(size) for size in self.shape_signature)}]"

    def takes(self, array: NDArray[Any]) -> bool:
        """Whether an array has this dtype and a shape that fits."""
        return (
            array.dtype == self.dtype
            and array.ndim == len(self.shape)
            and all(size in (-1, given) for size, given in zip(self.shape_signature, array.shape))
        )


def runtimes() -> list[RuntimeInfo]:
    """State of both runtimes, the preferred one first. Imports neither."""
    return [_inspect(name) for name in _RUNTIMES]


def select_runtime(name: Optional[str] = None) -> RuntimeInfo:
    """The runtime to use: ``name``, else the variable ``EDGEVID_RUNTIME``, else the best working one.

    Args:
        name: ``"litert"`` or ``"tflite-runtime"``.

    Raises:
        OptionError: the name is not one of the two.
        RuntimeNotAvailableError: the requested runtime, or every one, is absent or broken.
    """
    wanted, said_by = name, "runtime="
    if wanted is None:
        wanted, said_by = os.environ.get(ENVIRONMENT_VARIABLE) or None, f"{ENVIRONMENT_VARIABLE}="
    if wanted is not None:
        check_type("runtime", wanted, str)
        key = wanted.strip().lower().replace("_", "-")
        key = _ALIASES.get(key, key)
        if key not in _RUNTIMES:
            raise OptionError(f"{said_by}{shown(wanted)} is not a runtime; use one of: {', '.join(_RUNTIMES)}.")
        info = _inspect(key)
        if info.usable:
            return info
        raise RuntimeNotAvailableError(
            f"The runtime {key}, requested by {said_by}{wanted!r}, cannot be used: {info.problem}"
        )
    found = runtimes()
    usable = next((info for info in found if info.usable), None)
    if usable is not None:
        return usable
    problems = "".join(f" {info.name}: {info.problem}" for info in found)
    raise RuntimeNotAvailableError(f"No TensorFlow Lite runtime can be used.{problems}")


def default_num_threads(runtime: str = "litert") -> int:
    """Default number of threads of an interpreter: the CPUs this process may use, at most 4.

    For tflite-runtime on x86 it is 1: with two, its quantised networks took 2 to 6 times as long (measured on two cores).
    """
    if runtime == "tflite-runtime" and platform.machine().lower() in ("x86_64", "amd64", "i686", "x86"):
        return 1
    return min(_MAX_DEFAULT_THREADS, usable_cpus())


class TfliteModel:
    """One TFLite model, ready to run.

    An interpreter is not thread-safe, so :meth:`run` takes a lock: calls from several threads run one after the other, and
    each thread gets its turn.

    Args:
        path: the ``.tflite`` file. It is read once; later changes have no effect.
        sha256: the expected SHA-256; default: any.
        num_threads: threads of the interpreter, an int from 1 to 256; default :func:`default_num_threads`.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default see :func:`select_runtime`.

    Raises:
        ModelError: the file is missing or is not a TFLite model that this runtime can run.
        RuntimeNotAvailableError: no runtime.
        OptionError: ``num_threads`` is not such an int.
    """

    def __init__(
        self,
        path: Union[str, Path],
        *,
        sha256: Optional[str] = None,
        num_threads: Optional[int] = None,
        runtime: Optional[str] = None,
    ) -> None:
        self.path = as_path("path", path)
        self.runtime = select_runtime(runtime)
        self.num_threads = default_num_threads(self.runtime.name)
        if num_threads is not None:
            self.num_threads = check_int("num_threads", num_threads, 1, MOST_THREADS)
        self._lock = threading.Lock()
        self._last_thread = 0  # the thread that ran the model last
        self._waiting: set[int] = set()  # threads that wait for their turn
        self._closed = False
        with system_errors(ModelError):
            there = self.path.is_file()
        if not there:
            raise ModelError(f"No model file at {self.path}; give the path of a .tflite file.")
        if sha256 is not None:
            check_type("sha256", sha256, str)
        self._content = read_tflite_file(self.path, sha256)  # interpreters refer to it
        interpreter = self._open()
        with self._explained():
            self.inputs = tuple(_spec(d) for d in interpreter.get_input_details())
            self.outputs = tuple(_spec(d) for d in interpreter.get_output_details())
        self._interpreters: dict[_Sizes, Any] = {tuple(spec.shape for spec in self.inputs): interpreter}
        self._resizable = True

    def _open(self) -> Any:
        interpreter_class = _load_interpreter_class(self.runtime)
        with self._explained(), without_first_words(self.runtime.name):
            interpreter = interpreter_class(model_content=self._content, num_threads=self.num_threads)
            interpreter.allocate_tensors()
        return interpreter

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn exceptions of the runtime while it opens the file into a ModelError."""
        try:
            yield
        except _RUNTIME_ERRORS as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ModelError(
                f"{self.path} cannot be run by {self.runtime.name} {self.runtime.version}: {reason} "
                "Expected a TFLite model with built-in operators only; export or copy the file again, "
                "or use a newer runtime."
            ) from error

    def run(self, *arrays: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model once.

        Args:
            arrays: one array for each input, of its shape and dtype.

        Returns:
            A copy of each output tensor. (A view would block the interpreter's next call.)

        Raises:
            ModelError: the arrays do not fit, the runtime fails, or the model is closed.
        """
        # A thread that releases a threading.Lock and asks again at once mostly gets it again: of four threads, three waited 4 s
        # for a network of 34 ms. So the last holder lets the others go first. Only "with lock" is safe against Ctrl-C, which
        # can strike between any two steps of Python code; what it leaves in the set costs a short sleep at most.
        thread = threading.get_ident()
        if self._waiting and self._last_thread == thread:
            time.sleep(_STEP_ASIDE_SECONDS)
        self._waiting.add(thread)
        try:
            with self._lock:
                self._waiting.discard(thread)
                self._last_thread = thread
                return self._run(arrays)
        finally:
            self._waiting.discard(thread)

    def _run(self, arrays: tuple[NDArray[Any], ...]) -> list[NDArray[Any]]:
        self._check_open()
        try:
            if not all(isinstance(array, np.ndarray) for array in arrays):
                raise TypeError("It takes NumPy arrays.")
            sizes = tuple(array.shape for array in arrays)
            interpreter = self._interpreters.get(sizes) or self._sized(sizes, arrays)
            for spec, array in zip(self.inputs, arrays):
                interpreter.set_tensor(spec.index, array)
            interpreter.invoke()
            return [interpreter.get_tensor(spec.index) for spec in self.outputs]
        except _RUNTIME_ERRORS as error:
            raise ModelError(
                f"{self.path.name} failed in {self.runtime.name} {self.runtime.version}: {' '.join(str(error).split())} "
                f"It was given {list(map(_described, arrays))} and takes "
                f"{[str(spec) for spec in self.inputs]}."
            ) from error

    def _sized(self, sizes: _Sizes, arrays: tuple[NDArray[Any], ...]) -> Any:
        """An interpreter with these input sizes, which no existing one has."""
        if len(arrays) != len(self.inputs):
            raise ValueError("The number of arrays is wrong.")
        if not all(spec.takes(array) for spec, array in zip(self.inputs, arrays)):
            raise ValueError("The arrays do not fit.")
        interpreter = None
        if self._resizable and self._interpreters:
            # Out of the dict first: an interpreter that an error or Ctrl-C leaves halfway is not kept.
            _, interpreter = self._interpreters.popitem()
            try:
                self._resize(interpreter, sizes)  # 0.01 ms with LiteRT; opening another one takes 1.5 ms
            except RuntimeError:  # tflite-runtime 2.14 cannot resize after the first run
                interpreter, self._resizable = None, False
        if interpreter is None:
            interpreter = self._open()
            self._resize(interpreter, sizes)
        if len(self._interpreters) >= _MAX_INTERPRETERS:
            del self._interpreters[next(iter(self._interpreters))]
        self._interpreters[sizes] = interpreter
        return interpreter

    def _resize(self, interpreter: Any, sizes: _Sizes) -> None:
        for spec, size in zip(self.inputs, sizes):
            interpreter.resize_tensor_input(spec.index, list(size), strict=True)
        interpreter.allocate_tensors()

    def close(self) -> None:
        """Free the interpreters. A second call does nothing."""
        with self._lock:
            self._closed = True
            self._interpreters.clear()
            self._content = b""

    def delegates(self) -> int:
        """Number of parts of the graph that a delegate (usually XNNPACK) runs; 0: plain kernels run everything."""
        with self._lock:
            return sum(op["op_name"] == "DELEGATE" for op in self._interpreter._get_ops_details())

    @property
    def _interpreter(self) -> Any:
        """One of the interpreters, for benchmarks to compare :meth:`run` with."""
        self._check_open()
        return next(iter(self._interpreters.values()), None) or self._open()

    def _check_open(self) -> None:
        if self._closed:
            raise ModelError(f"The model {self.path.name} is closed; open it again.")


def tflite_schema() -> Any:
    """The module with the classes of the TFLite file format (``ModelT`` and the rest). Only LiteRT has it.

    Raises:
        RuntimeNotAvailableError: LiteRT is not installed.
    """
    try:
        return importlib.import_module("ai_edge_litert.schema_py_generated")
    except (ImportError, OSError) as error:
        raise RuntimeNotAvailableError(
            f"Reading the structure of a TFLite file needs ai-edge-litert, which is not installed ({error}). "
            "To fix this: pip install ai-edge-litert. On a 32-bit ARM machine, for which it does not exist: do this on a "
            "64-bit machine and copy the two files that it writes, NAME.tflite and NAME.json, to this one."
        ) from error


def plain_interpreter(content: bytes) -> Any:
    """LiteRT's interpreter for the content of a ``.tflite`` file, without delegates: its tensors are the file's own.

    Raises:
        ValueError, RuntimeError: LiteRT's error about the file.
    """
    module = importlib.import_module("ai_edge_litert.interpreter")
    plain = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return module.Interpreter(model_content=content, experimental_op_resolver_type=plain)


def _inspect(name: str) -> RuntimeInfo:
    distribution, module = _RUNTIMES[name]
    version: Optional[str] = None
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        version = importlib.metadata.version(distribution)
    if version is None and importlib.util.find_spec(module.split(".")[0]) is None:
        return RuntimeInfo(name, distribution, None, f"it is not installed. To fix this: pip install {distribution}")
    problem = None
    if name == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
        # It imports under NumPy 2, prints a warning, and dies on construction: do not even import it.
        problem = (
            f"tflite-runtime {version} needs NumPy 1, but NumPy {np.__version__} is installed. "
            f"To fix this: {install_command('tflite-runtime')} (it pins NumPy and OpenCV), or pip install ai-edge-litert"
        )
    return RuntimeInfo(name, distribution, version or "unknown", problem)


def _load_interpreter_class(info: RuntimeInfo) -> Any:
    try:
        return importlib.import_module(_RUNTIMES[info.name][1]).Interpreter
    except (ImportError, AttributeError, OSError) as error:
        raise RuntimeNotAvailableError(
            f"{info.distribution} {info.version} is installed but cannot be imported: {error}. "
            f"To fix this: pip install --force-reinstall {info.distribution}"
        ) from error


def _described(array: Any) -> str:
    return f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    shape, signature = (tuple(int(n) for n in detail[key]) for key in ("shape", "shape_signature"))
    dtype = np.dtype(detail["dtype"])
    return TensorSpec(int(detail["index"]), str(detail["name"]), shape, signature, dtype, float(scale), int(zero_point))

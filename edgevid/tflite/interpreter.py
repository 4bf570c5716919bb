"""The one door to the TensorFlow Lite interpreter.

Two packages hold the same ``Interpreter`` class: ``ai-edge-litert`` (LiteRT, the maintained one) and
``tflite-runtime`` (the last for 32-bit ARM). Nothing else in edgevid imports either. Both are imported on first use only.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, OptionError, RuntimeNotAvailableError
from .fair_lock import FairLock
from .file_check import check_tflite_file

ENVIRONMENT_VARIABLE = "EDGEVID_RUNTIME"

# runtime name -> (distribution on PyPI, module with the Interpreter); the best one first
_RUNTIMES = {
    "litert": ("ai-edge-litert", "ai_edge_litert.interpreter"),
    "tflite-runtime": ("tflite-runtime", "tflite_runtime.interpreter"),
}
_ALIASES = {
    "ai-edge-litert": "litert",
    "ai_edge_litert": "litert",
    "tflite_runtime": "tflite-runtime",
    "tflite": "tflite-runtime",
}
# More threads than this make a 3 ms network slower, not faster, on the boards that edgevid is for.
_MAX_DEFAULT_THREADS = 4


@dataclass(frozen=True)
class RuntimeInfo:
    """What is known of one runtime: ``problem`` is None when it can be used."""

    name: str
    distribution: str
    version: Optional[str]
    problem: Optional[str]

    @property
    def installed(self) -> bool:
        return self.version is not None

    @property
    def usable(self) -> bool:
        return self.problem is None


@dataclass(frozen=True)
class TensorSpec:
    """Shape, dtype and quantisation (real = (value - zero_point) * scale; scale 0 means none) of a tensor.

    Attributes:
        shape: as the interpreter opens it. shape_signature: the same, with -1 for a size that the model takes as it is given.
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
    """The runtime to use: ``name``, else the variable ``EDGEVID_RUNTIME``, else the best one that works.

    Args:
        name: ``"litert"`` or ``"tflite-runtime"``.

    Raises:
        OptionError: the name is not one of the two.
        RuntimeNotAvailableError: the one asked for, or every one, is absent or broken.
    """
    wanted, said_by = name, "runtime="
    if wanted is None:
        wanted, said_by = os.environ.get(ENVIRONMENT_VARIABLE) or None, f"{ENVIRONMENT_VARIABLE}="
    if wanted is not None:
        key = _ALIASES.get(wanted.strip().lower(), wanted.strip().lower())
        if key not in _RUNTIMES:
            raise OptionError(f"{said_by}{wanted!r} is not a runtime; use one of: {', '.join(_RUNTIMES)}.")
        info = _inspect(key)
        if not info.usable:
            raise RuntimeNotAvailableError(
                f"The runtime {key}, asked for by {said_by}{wanted!r}, cannot be used: {info.problem}"
            )
        return info
    found = runtimes()
    for info in found:
        if info.usable:
            return info
    problems = "".join(f"\n  {info.name}: {info.problem}" for info in found)
    raise RuntimeNotAvailableError(f"No TensorFlow Lite runtime can be used.{problems}")


def default_num_threads() -> int:
    """Threads an interpreter uses unless told otherwise: the CPUs this process may use, at most 4."""
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        available = os.cpu_count() or 1
    return max(1, min(_MAX_DEFAULT_THREADS, available))


class TfliteModel:
    """One TFLite model, ready to run.

    An interpreter is not thread-safe, so :meth:`run` takes a lock: calls from several threads follow one another, in the
    order in which they came.

    Args:
        path: the ``.tflite`` file.
        num_threads: threads of the interpreter, an int >= 1; default :func:`default_num_threads`.
        runtime: ``"litert"`` or ``"tflite-runtime"``; default see :func:`select_runtime`.

    Raises:
        ModelError: the file is missing or is not a TFLite model that this runtime can run.
        RuntimeNotAvailableError: no runtime.
        OptionError: ``num_threads`` is not an int >= 1.
    """

    def __init__(
        self, path: Union[str, Path], *, num_threads: Optional[int] = None, runtime: Optional[str] = None
    ) -> None:
        self.path = Path(path)
        self.num_threads = check_num_threads(num_threads)
        self.runtime = select_runtime(runtime)
        self._lock = FairLock()
        self._closed = False
        self._interpreter: Any = self._open()
        self.inputs = tuple(_spec(d) for d in self._interpreter.get_input_details())
        self.outputs = tuple(_spec(d) for d in self._interpreter.get_output_details())
        self._sizes = tuple(spec.shape for spec in self.inputs)

    def _open(self) -> Any:
        if not self.path.is_file():
            raise ModelError(f"No model file at {self.path}; give the path of a .tflite file.")
        check_tflite_file(self.path)
        interpreter_class = _load_interpreter_class(self.runtime)
        try:
            interpreter = interpreter_class(model_path=str(self.path), num_threads=self.num_threads)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError, TypeError, SystemError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ModelError(
                f"{self.path} cannot be run by {self.runtime.name} {self.runtime.version}: {reason} "
                "Expected a TFLite model with built-in operators only; export or copy the file again, "
                "or use a newer runtime."
            ) from error
        return interpreter

    def run(self, *arrays: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model once.

        Args:
            arrays: one array for each input, of its shape and dtype.

        Returns:
            A copy of each output tensor. (A view would block the interpreter's next call.)

        Raises:
            ModelError: the arrays do not fit, the runtime fails, or the model is closed.
        """
        with self._lock:
            interpreter = self._usable_interpreter()
            try:
                if len(arrays) != len(self.inputs):
                    raise ValueError("The number of arrays is wrong.")
                sizes = tuple(array.shape for array in arrays)
                if sizes != self._sizes and all(spec.takes(array) for spec, array in zip(self.inputs, arrays)):
                    interpreter = self._resize(sizes)
                for spec, array in zip(self.inputs, arrays):
                    interpreter.set_tensor(spec.index, array)
                interpreter.invoke()
                return [interpreter.get_tensor(spec.index) for spec in self.outputs]
            except (ValueError, RuntimeError) as error:
                raise ModelError(
                    f"{self.path.name} failed in {self.runtime.name} {self.runtime.version}: {' '.join(str(error).split())} "
                    f"It was given {[f'{array.dtype} {list(array.shape)}' for array in arrays]} and takes "
                    f"{[str(spec) for spec in self.inputs]}."
                ) from error

    def _usable_interpreter(self) -> Any:
        if self._closed:
            raise ModelError(f"The model {self.path.name} is closed; open it again.")
        if self._interpreter is None:  # a change of its sizes failed, or was interrupted
            self._interpreter, self._sizes = self._open(), tuple(spec.shape for spec in self.inputs)
        return self._interpreter

    def _resize(self, sizes: tuple[tuple[int, ...], ...]) -> Any:
        """Give the inputs of any size the sizes that are wanted; the interpreter that has them."""
        # Neither way back nor retry: an interpreter that failed halfway is not used again.
        interpreter, self._interpreter = self._interpreter, None
        try:
            self._set_sizes(interpreter, sizes)
        except RuntimeError:
            # tflite-runtime 2.14 sizes an interpreter with XNNPACK once only: later sizes need a new one.
            interpreter = self._open()
            self._set_sizes(interpreter, sizes)
        self._interpreter, self._sizes = interpreter, sizes
        return interpreter

    def _set_sizes(self, interpreter: Any, sizes: tuple[tuple[int, ...], ...]) -> None:
        for spec, size in zip(self.inputs, sizes):
            interpreter.resize_tensor_input(spec.index, list(size), strict=True)
        interpreter.allocate_tensors()

    def close(self) -> None:
        """Free the interpreter. A second call does nothing."""
        with self._lock:
            self._closed, self._interpreter = True, None

    def delegates(self) -> int:
        """How many parts of the graph a delegate (XNNPACK, as a rule) took over; 0: plain kernels run everything."""
        with self._lock:
            return sum(op["op_name"] == "DELEGATE" for op in self._usable_interpreter()._get_ops_details())


def tflite_schema() -> Any:
    """The module with the classes of the TFLite file format (``ModelT`` and the rest). Only LiteRT has it.

    Raises:
        RuntimeNotAvailableError: LiteRT is not installed.
    """
    try:
        return importlib.import_module("ai_edge_litert.schema_py_generated")
    except (ImportError, OSError) as error:
        raise RuntimeNotAvailableError(
            f"Reading the structure of a TFLite file needs ai-edge-litert, which is not here ({error}). "
            "To mend it: pip install ai-edge-litert. On a 32-bit ARM machine, which it is not made for: do this on a "
            "64-bit machine and copy the two files that it writes, NAME.tflite and NAME.json, to this one."
        ) from error


def check_num_threads(num_threads: Optional[int]) -> int:
    if num_threads is None:
        return default_num_threads()
    if isinstance(num_threads, bool) or not isinstance(num_threads, int) or num_threads < 1:
        raise OptionError(f"num_threads={num_threads!r} was given; expected an int of 1 or more.")
    return num_threads


def _inspect(name: str) -> RuntimeInfo:
    distribution, module = _RUNTIMES[name]
    version: Optional[str]
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        version = None
    if version is None and importlib.util.find_spec(module.split(".")[0]) is None:
        return RuntimeInfo(name, distribution, None, f"it is not installed. To mend it: pip install {distribution}")
    problem = None
    if name == "tflite-runtime" and int(np.__version__.split(".")[0]) >= 2:
        # It imports under NumPy 2, prints a warning, and dies on construction: do not even import it.
        problem = (
            f"tflite-runtime {version} needs NumPy 1, but NumPy {np.__version__} is installed. "
            "To mend it: pip install 'edgevid[tflite-runtime]' (it pins NumPy and OpenCV), or pip install ai-edge-litert"
        )
    return RuntimeInfo(name, distribution, version or "unknown", problem)


def _load_interpreter_class(info: RuntimeInfo) -> Any:
    try:
        return importlib.import_module(_RUNTIMES[info.name][1]).Interpreter
    except (ImportError, AttributeError, OSError) as error:
        raise RuntimeNotAvailableError(
            f"{info.distribution} {info.version} is installed but cannot be imported: {error}. "
            f"To mend it: pip install --force-reinstall {info.distribution}"
        ) from error


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    return TensorSpec(
        int(detail["index"]),
        str(detail["name"]),
        tuple(int(n) for n in detail["shape"]),
        tuple(int(n) for n in detail["shape_signature"]),
        np.dtype(detail["dtype"]),
        float(scale),
        int(zero_point),
    )

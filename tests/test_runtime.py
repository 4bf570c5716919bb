"""edgevid.tflite.interpreter: which TFLite runtime is used, and how a model file is opened."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.waiting import reached

import edgevid
from edgevid import ModelError, OptionError, RuntimeNotAvailableError
from edgevid.classifiers import RecurrentClassifier, open_network
from edgevid.embedders import Window
from edgevid.tflite import interpreter
from edgevid.tflite.interpreter import TfliteModel, default_num_threads, runtimes, select_runtime

DATA = Path(__file__).parent / "data"
MODEL = Path(__file__).parent.parent / "models" / "mobilenet_v2_1.0_224_uint8.tflite"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """``installed({"tflite-runtime": "2.14.0"}, numpy="1.26.4")`` makes edgevid see just these distributions."""
    monkeypatch.delenv("EDGEVID_RUNTIME", raising=False)

    def pretend(distributions: dict[str, str], numpy: str = "2.1.0") -> None:
        def version(name: str) -> str:
            if name not in distributions:
                raise importlib.metadata.PackageNotFoundError(name)
            return distributions[name]

        monkeypatch.setattr(importlib.metadata, "version", version)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        monkeypatch.setattr(interpreter.np, "__version__", numpy)

    return pretend


class TestChoice:
    def test_litert_is_preferred(self, installed):
        installed({"ai-edge-litert": "2.3.0", "tflite-runtime": "2.14.0"}, numpy="1.26.4")
        assert select_runtime().name == "litert"
        assert [info.name for info in runtimes()] == ["litert", "tflite-runtime"]

    def test_tflite_runtime_is_used_where_it_is_the_only_one(self, installed):
        installed({"tflite-runtime": "2.14.0"}, numpy="1.26.4")
        assert (select_runtime().name, select_runtime().version) == ("tflite-runtime", "2.14.0")

    def test_broken_one_is_passed_over(self, installed):
        installed({"ai-edge-litert": "2.3.0", "tflite-runtime": "2.14.0"}, numpy="2.1.0")
        assert [info.usable for info in runtimes()] == [True, False]
        assert select_runtime().name == "litert"

    @pytest.mark.parametrize("name", ["tflite-runtime", "tflite_runtime", "TFLite-Runtime", " tflite "])
    def test_keyword_forces_one(self, installed, name: str):
        installed({"ai-edge-litert": "2.3.0", "tflite-runtime": "2.14.0"}, numpy="1.26.4")
        assert select_runtime(name).name == "tflite-runtime"

    def test_variable_forces_one_and_the_keyword_beats_it(self, installed, monkeypatch: pytest.MonkeyPatch):
        installed({"ai-edge-litert": "2.3.0", "tflite-runtime": "2.14.0"}, numpy="1.26.4")
        monkeypatch.setenv("EDGEVID_RUNTIME", "tflite-runtime")
        assert select_runtime().name == "tflite-runtime"
        assert select_runtime("litert").name == "litert"
        monkeypatch.setenv("EDGEVID_RUNTIME", "")
        assert select_runtime().name == "litert"

    def test_unknown_name_is_refused_with_the_names_there_are(self, installed, monkeypatch: pytest.MonkeyPatch):
        installed({"ai-edge-litert": "2.3.0"})
        with pytest.raises(OptionError, match=r"runtime='onnx' is not a runtime; use one of: litert, tflite-runtime"):
            select_runtime("onnx")
        monkeypatch.setenv("EDGEVID_RUNTIME", "tensorflow")
        with pytest.raises(OptionError, match=r"EDGEVID_RUNTIME='tensorflow' is not a runtime"):
            select_runtime()

    def test_one_asked_for_that_is_absent_is_never_replaced(self, installed, monkeypatch: pytest.MonkeyPatch):
        installed({"ai-edge-litert": "2.3.0"})
        with pytest.raises(RuntimeNotAvailableError, match=r"not installed.*pip install tflite-runtime"):
            select_runtime("tflite-runtime")
        monkeypatch.setenv("EDGEVID_RUNTIME", "tflite-runtime")
        with pytest.raises(RuntimeNotAvailableError, match="EDGEVID_RUNTIME="):
            select_runtime()

    def test_tflite_runtime_under_numpy_2_says_how_to_mend_it(self, installed):
        installed({"tflite-runtime": "2.14.0"}, numpy="2.0.0rc1")
        for name in (None, "tflite-runtime"):
            with pytest.raises(RuntimeNotAvailableError) as caught:
                select_runtime(name)
            for part in (
                "2.14.0 needs NumPy 1",
                "NumPy 2.0.0rc1 is installed",
                "[tflite-runtime]'",
            ):
                assert part in str(caught.value)

    def test_no_runtime_says_how_to_install_each(self, installed):
        installed({})
        with pytest.raises(RuntimeNotAvailableError) as caught:
            edgevid.load()
        assert "pip install ai-edge-litert" in str(caught.value)
        assert "pip install tflite-runtime" in str(caught.value)

    @pytest.mark.parametrize(
        "error", [ImportError("libpython: wrong ELF class"), OSError("no such lib"), AttributeError("x")]
    )
    def test_runtime_that_cannot_be_imported_says_how_to_mend_it(self, installed, monkeypatch, error: Exception):
        def fail(name: str) -> None:
            raise error

        installed({"ai-edge-litert": "2.3.0"})
        monkeypatch.setattr(importlib, "import_module", fail)
        with pytest.raises(RuntimeNotAvailableError, match=r"cannot be imported: .*--force-reinstall ai-edge-litert"):
            TfliteModel(MODEL)

    def test_looking_imports_no_runtime(self):
        script = (
            "import sys, edgevid.tflite.interpreter as r; r.runtimes(); r.select_runtime(); "
            "print([m for m in sys.modules if m.startswith(('ai_edge_litert', 'tflite_runtime'))])"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip() == "[]"


class TestThreads:
    @pytest.mark.parametrize("num_threads", [0, -1, True, False, 1.5, 2.0, "2"])
    def test_number_of_threads_that_is_no_int_above_0_is_refused(self, num_threads: object):
        with pytest.raises(OptionError, match="expected an int from 1 to 256"):
            edgevid.load(num_threads=num_threads)

    def test_default_is_the_cpus_at_most_4(self):
        model = TfliteModel(MODEL)
        assert model.num_threads == default_num_threads(model.runtime.name)
        assert 1 <= default_num_threads() <= 4

    @pytest.mark.parametrize(("machine", "expected"), [("x86_64", 1), ("AMD64", 1), ("armv7l", 3)])
    def test_tflite_runtime_gets_one_on_x86(self, monkeypatch: pytest.MonkeyPatch, machine: str, expected: int):
        monkeypatch.setattr(interpreter, "usable_cpus", lambda: 3)
        monkeypatch.setattr(interpreter.platform, "machine", lambda: machine)
        assert default_num_threads("tflite-runtime") == expected
        assert default_num_threads("litert") == 3

    def test_opencv_follows_a_number_that_is_given(self):
        before = cv2.getNumThreads()
        try:
            cv2.setNumThreads(2)
            edgevid.load("exercises10-motion").close()
            assert cv2.getNumThreads() == 2
            edgevid.load("exercises10-motion", num_threads=1).close()
            assert cv2.getNumThreads() == 1
        finally:
            cv2.setNumThreads(before)


class TestFile:
    @pytest.mark.parametrize("content", [b"", b"a", b"hello" * 1000, b"\x1c\0\0\0TFL2" + bytes(5000)])
    def test_what_is_no_tflite_file_is_refused(self, tmp_path: Path, content: bytes):
        path = tmp_path / "model.tflite"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"model\.tflite is not a TFLite model"):
            TfliteModel(path)

    @pytest.mark.parametrize("part", [0.0001, 0.01, 0.3, 0.5, 0.9, 0.99, 0.9999])
    def test_cut_file_is_refused_though_the_runtime_would_crash_on_it(self, tmp_path: Path, part: float):
        data, path = MODEL.read_bytes(), tmp_path / "model.tflite"
        path.write_bytes(data[: int(part * len(data))])
        with pytest.raises(ModelError, match=r"model\.tflite is cut short or damaged.*Copy it again"):
            TfliteModel(path, num_threads=1)

    def test_random_bytes_behind_a_true_header_are_refused(self, tmp_path: Path):
        for seed in range(20):
            path = tmp_path / "model.tflite"
            path.write_bytes(MODEL.read_bytes()[:8] + np.random.default_rng(seed).bytes(20_000))
            with pytest.raises(ModelError):
                TfliteModel(path, num_threads=1)

    def test_missing_file_and_folder_are_refused(self, tmp_path: Path):
        for path in (tmp_path / "gone.tflite", tmp_path):
            with pytest.raises(ModelError, match="No model file at"):
                TfliteModel(path)

    @pytest.mark.parametrize("content", [b"", b"\0" * 3_000_000])
    def test_what_becomes_of_the_file_later_does_not_matter(self, tmp_path: Path, content: bytes):
        """Cut short or overwritten by cp while it is in use, and read again when sizes change."""
        path = tmp_path / "model.tflite"
        shutil.copy(DATA / "gru.tflite", path)
        model = TfliteModel(path, num_threads=1)
        (spec,) = model.inputs[:1]
        rows = [np.random.default_rng(0).random((n, *spec.shape[1:]), np.float32) for n in (1, 3)]
        arrays = [[row, *(np.zeros((len(row), *one.shape[1:]), one.dtype) for one in model.inputs[1:])] for row in rows]
        before = [model.run(*given) for given in arrays]
        with path.open("r+b") as file:
            file.truncate(0)
            file.write(content)
        for given, expected in zip(arrays, before):
            for one, other in zip(model.run(*given), expected):
                np.testing.assert_array_equal(one, other)

    def test_another_file_than_the_card_says_is_refused(self):
        with pytest.raises(ModelError, match="another file than its card describes"):
            TfliteModel(DATA / "gru.tflite", sha256="0" * 64)

    def test_path_may_be_a_string(self):
        model = TfliteModel(str(MODEL), num_threads=1)
        assert model.path == MODEL
        model.close()

    def test_what_the_runtime_refuses_names_the_file_and_the_runtime(self, monkeypatch: pytest.MonkeyPatch):
        class Refusing:
            def __init__(self, **kwargs: object) -> None:
                raise ValueError("Didn't find op for\n builtin opcode 'FULLY_CONNECTED' version '12'")

        monkeypatch.setattr(interpreter, "_load_interpreter_class", lambda info: Refusing)
        with pytest.raises(ModelError, match=r"uint8\.tflite cannot be run by \S+ \S+: .*version '12'.*newer runtime"):
            TfliteModel(MODEL)

    def test_outputs_are_copies(self):
        model = TfliteModel(MODEL, num_threads=1)
        (first,) = model.run(np.zeros((1, 224, 224, 3), np.uint8))
        kept = first.copy()
        model.run(np.full((1, 224, 224, 3), 200, np.uint8))  # a live view would make this call raise
        np.testing.assert_array_equal(first, kept)
        model.close()

    def test_array_of_the_wrong_shape_or_dtype_is_named(self):
        model = TfliteModel(MODEL, num_threads=1)
        for array in (np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 224, 224, 3), np.float32)):
            with pytest.raises(ModelError, match=rf"given \['{array.dtype} .*takes \['uint8 \[1, 224, 224, 3\]'\]"):
                model.run(array)
        model.close()

    def test_a_wrong_number_of_arrays_is_refused(self):
        model, picture = TfliteModel(MODEL), np.zeros((1, 224, 224, 3), np.uint8)
        for arrays in ((), (picture, picture)):
            with pytest.raises(ModelError, match="The number of arrays is wrong"):
                model.run(*arrays)

    def test_closed_model_says_so_and_closes_twice(self):
        model = TfliteModel(MODEL, num_threads=1)
        model.close()
        model.close()
        for call in (lambda: model.run(np.zeros((1, 224, 224, 3), np.uint8)), model.delegates):
            with pytest.raises(ModelError, match=r"uint8\.tflite is closed; open it again"):
                call()


RUNTIMES = [info.name for info in runtimes() if info.usable]


@pytest.fixture(params=RUNTIMES)
def classifier(request: pytest.FixtureRequest, recognizer: edgevid.Recognizer) -> Iterator[RecurrentClassifier]:
    """The shipped classifier, a network whose inputs have any number of rows, on each installed runtime."""
    opened = open_network(recognizer.classifier.model.path, num_threads=1, runtime=request.param)
    yield opened
    opened.close()


class TestSizes:
    """Inputs of any size, as a window and a step have them."""

    def test_sizes_in_turn_open_few_interpreters(
        self, classifier: RecurrentClassifier, monkeypatch: pytest.MonkeyPatch
    ):
        model, opened = classifier.model, []
        real = model._open
        monkeypatch.setattr(model, "_open", lambda: opened.append(1) or real())
        window = np.random.default_rng(0).random((25, classifier.dim), np.float32)
        expected = classifier.predict(Window.of(window))
        for rows in (25, 5):
            states = classifier.zero_states(rows)
            first = classifier.step(window[0], states)[0]
            for _ in range(10):
                np.testing.assert_array_equal(classifier.step(window[0], states)[0], first)
                np.testing.assert_array_equal(classifier.predict(Window.of(window)), expected)
        # LiteRT changes the sizes in place; tflite-runtime, which cannot, has one for each
        assert len(opened) == (0 if model.runtime.name == "litert" else 3)

    def test_however_many_sizes_few_interpreters_are_kept(self, classifier: RecurrentClassifier):
        window = np.random.default_rng(0).random((25, classifier.dim), np.float32)
        for rows in range(1, 12):
            classifier.step(window[0], classifier.zero_states(rows))
        assert len(classifier.model._interpreters) <= 4

    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
    def test_what_breaks_a_change_of_sizes_off_does_not_break_the_model(
        self, classifier: RecurrentClassifier, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
    ):
        window = np.random.default_rng(0).random((25, classifier.dim), np.float32)
        expected = classifier.predict(Window.of(window))
        states = classifier.zero_states(25)
        expected_step = classifier.step(window[0], states)[0]

        def fail(*args: object, **kwargs: object) -> None:
            raise error("in the middle")

        interpreter_class = type(classifier.model._interpreter)
        with monkeypatch.context() as patch:
            patch.setattr(interpreter_class, "allocate_tensors", fail)
            with pytest.raises((KeyboardInterrupt, ModelError)):
                classifier.step(window[0], classifier.zero_states(7))
        np.testing.assert_array_equal(classifier.step(window[0], states)[0], expected_step)
        np.testing.assert_array_equal(classifier.predict(Window.of(window)), expected)
        classifier.close()
        with pytest.raises(ModelError, match="is closed"):
            classifier.predict(Window.of(window))


class Idle:
    """An interpreter that does nothing."""

    def set_tensor(self, *args: object) -> None:
        pass

    def invoke(self) -> None:
        pass

    def get_tensor(self, index: int) -> int:
        return index


def with_interpreter(idle: Idle) -> TfliteModel:
    model = TfliteModel(MODEL, num_threads=1)
    model._interpreters = dict.fromkeys(model._interpreters, idle)
    return model


class TestSeveralThreads:
    def test_one_runs_at_a_time_and_none_starves(self):
        """Four threads that each ask again at once, for a network that takes a while outside Python."""
        inside, most, taken = [0], [0], []

        class Slow(Idle):
            def set_tensor(self, *args: object) -> None:
                inside[0] += 1
                most[0] = max(most[0], inside[0])

            def invoke(self) -> None:
                time.sleep(0.002)

            def get_tensor(self, index: int) -> int:
                inside[0] -= 1
                return index

        model = with_interpreter(Slow())
        picture = np.zeros((1, 224, 224, 3), np.uint8)

        def work(k: int) -> None:
            while len(taken) < 400:
                model.run(picture)
                taken.append(k)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert most == [1]
        assert min(taken.count(k) for k in range(4)) >= 50
        assert model._waiting == set()

    def test_who_ran_it_last_lets_others_go_first(self, monkeypatch: pytest.MonkeyPatch):
        model, slept = with_interpreter(Idle()), []
        monkeypatch.setattr("edgevid.tflite.interpreter.time.sleep", slept.append)
        picture = np.zeros((1, 224, 224, 3), np.uint8)
        for _ in range(3):
            model.run(picture)
        assert slept == []  # alone, it waits for no other thread
        model._waiting.add(-1)  # as if from another thread
        model.run(picture)
        assert slept == [interpreter._STEP_ASIDE_SECONDS]
        model._last_thread = -1
        model.run(picture)
        assert len(slept) == 1

    @pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer that interrupts Python here")
    def test_ctrl_c_at_any_step_leaves_the_model_to_the_others(self):
        """In a tight loop of a model that costs nothing, so that Ctrl-C strikes where the lock is taken and freed."""
        model = with_interpreter(Idle())
        picture = np.zeros((1, 224, 224, 3), np.uint8)
        over, runs = threading.Event(), [0]

        def work() -> None:
            while not over.is_set():
                model.run(picture)
                runs[0] += 1

        def interrupt(number: int, frame: object) -> None:
            raise KeyboardInterrupt

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            for delay in np.random.default_rng(0).uniform(1e-3, 6e-3, 300):
                with contextlib.suppress(KeyboardInterrupt):
                    signal.setitimer(signal.ITIMER_REAL, delay)
                    while True:
                        model.run(picture)
                seen = runs[0]
                assert reached(lambda seen=seen: runs[0] > seen, 10), "the worker is blocked"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            over.set()
        worker.join(20)
        assert not worker.is_alive()

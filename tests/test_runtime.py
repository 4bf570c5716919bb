"""edgevid.tflite.interpreter: which TFLite runtime is used, and how a model file is opened."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgevid
from edgevid import ModelError, OptionError, RuntimeNotAvailableError
from edgevid.classifiers.classifier import Classifier
from edgevid.tflite import interpreter as runtime
from edgevid.tflite.interpreter import TfliteModel, check_num_threads, default_num_threads, runtimes, select_runtime

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
        monkeypatch.setattr(runtime.np, "__version__", numpy)

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
                "pip install 'edgevid[tflite-runtime]'",
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
        with pytest.raises(OptionError, match="expected an int of 1 or more"):
            edgevid.load(num_threads=num_threads)

    def test_default_is_the_cpus_at_most_4(self):
        assert check_num_threads(None) == default_num_threads()
        assert 1 <= default_num_threads() <= 4


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

    def test_path_may_be_a_string(self):
        model = TfliteModel(str(MODEL), num_threads=1)
        assert model.path == MODEL
        model.close()

    def test_what_the_runtime_refuses_names_the_file_and_the_runtime(self, monkeypatch: pytest.MonkeyPatch):
        class Refusing:
            def __init__(self, **kwargs: object) -> None:
                raise ValueError("Didn't find op for\n builtin opcode 'FULLY_CONNECTED' version '12'")

        monkeypatch.setattr(runtime, "_load_interpreter_class", lambda info: Refusing)
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

    def test_an_interrupt_while_its_sizes_change_does_not_close_it(
        self, recognizer: edgevid.Recognizer, monkeypatch: pytest.MonkeyPatch
    ):
        def interrupt(*arguments: object) -> None:
            raise KeyboardInterrupt

        classifier = Classifier(recognizer.classifier.model.path)
        clip = np.random.default_rng(0).random((25, classifier.dim), np.float32)
        expected = classifier.predict(clip)
        states = classifier.zero_states(25)
        with monkeypatch.context() as patch:
            patch.setattr(classifier.model, "_set_sizes", interrupt)
            with pytest.raises(KeyboardInterrupt):
                classifier.step(clip[0], states)
        classifier.step(clip[0], states)
        np.testing.assert_array_equal(classifier.predict(clip), expected)
        classifier.close()
        with pytest.raises(ModelError, match="is closed"):
            classifier.predict(clip)

    def test_closed_model_says_so_and_closes_twice(self):
        model = TfliteModel(MODEL, num_threads=1)
        model.close()
        model.close()
        for call in (lambda: model.run(np.zeros((1, 224, 224, 3), np.uint8)), model.delegates):
            with pytest.raises(ModelError, match=r"uint8\.tflite is closed; open it again"):
                call()

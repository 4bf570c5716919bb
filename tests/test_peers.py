"""benchmarks/peers.py: rows take turns, absent ones are skipped with the reason, and a stream's states are passed on."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from edgevid import OptionError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
import peers
from peer_worker import Lstm, installed_bytes, movinet_step


def test_rows_are_measured_or_skipped_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    told = tmp_path / "peers.json"
    rows = ["exercises10-motion", "single-frame", "movinet", "pose"]
    options = ["--samples", "3", "--turn", "2", "--movinet", __file__, "--json", str(told)]
    assert peers.main(["--rows", ",".join(rows), *options]) == 0
    result = json.loads(told.read_text())["rows"]
    assert list(result) == ["invoke", *rows]
    assert result["invoke"]["wall_in_invokes"] == 1
    for name in rows[:2]:
        assert result[name]["wall_latency"]["num_runs"] == result[name]["cpu_latency"]["num_runs"] == 3
        assert result[name]["wall_in_invokes"] > 0
        assert result[name]["peak_memory_mb"] is None or result[name]["peak_memory_mb"] > 20
    assert "test_peers.py" in result["movinet"]["skipped"]  # the process reported what is wrong with the file
    assert "--mediapipe-python" in result["pose"]["skipped"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 1 + len(rows)
    assert len({line.count("|") for line in lines}) == 1


def test_a_row_that_there_is_not_is_named():
    with pytest.raises(OptionError, match="nonsense"):
        peers.main(["--rows", "single-frame,nonsense"])


class Stream:
    """Stands in for an interpreter whose only signature counts its frames."""

    def get_signature_runner(self) -> Stream:
        return self

    def get_input_details(self) -> dict[str, dict[str, object]]:
        picture = {"shape": np.array([1, 1, 6, 8, 3]), "dtype": np.float32}
        return {"count": {"shape": np.array([1]), "dtype": np.int32}, "image": picture}

    def get_output_details(self) -> dict[str, object]:
        return {"count": None, "logits": None}

    def __call__(self, image: np.ndarray, count: np.ndarray) -> dict[str, np.ndarray]:
        assert image.shape == (1, 1, 6, 8, 3)
        assert image.dtype == np.float32
        assert count.dtype == np.int32
        return {"logits": image.mean(axis=(1, 2, 3)) * count, "count": count + 1}


def test_states_are_threaded_through():
    step = movinet_step(Stream(), lambda: np.full((12, 16, 3), 255, np.uint8))
    assert [float(step()[0, 0]) for _ in range(3)] == pytest.approx([0, 1, 2])


def test_the_lstm_on_landmarks_gives_probabilities():
    lstm, window = Lstm(12, (6, 4)), np.random.default_rng(0).random((25, 12), np.float32)
    assert lstm(window).sum() == pytest.approx(1, abs=1e-5)
    assert not np.array_equal(lstm(window), lstm(window[::-1]))  # order counts


def test_what_a_distribution_requires_is_counted_too():
    assert installed_bytes(["no-such-distribution"]) is None
    alone, with_more = installed_bytes(["iniconfig"]), installed_bytes(["pytest"])  # which requires it
    assert alone is not None
    assert with_more is not None
    assert with_more > alone > 0

"""``edgevid compare``: tables, gaps, tests, and what it refuses."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from evaluation_data import synthetic_predictions, write_evaluation

from edgevid.cli import main
from edgevid.evaluation.comparison import accuracy_rows, compare, score_rows
from edgevid.evaluation.folder import read_evaluation
from edgevid.evaluation.predictions import EvaluationError, Predictions
from edgevid.evaluation.published import published

pytest.importorskip("sklearn", reason="comparisons need the extra: pip install 'edgevid[evaluate]'")
pytest.importorskip("matplotlib", reason="comparisons need the extra: pip install 'edgevid[evaluate]'")

SMALL, LARGE = "mobilenet_v2_1.0_224_uint8", "inception_v3_float"


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    """Folders of the thesis's six combinations: the large extractor is much better with single frames only."""
    root = tmp_path_factory.mktemp("six")
    skills = {
        (SMALL, "lstm"): 0.8, (SMALL, "gru"): 0.82, (SMALL, "single-frame"): 0.3,
        (LARGE, "lstm"): 0.82, (LARGE, "gru"): 0.84, (LARGE, "single-frame"): 0.82,
    }  # fmt: skip
    folders = []
    for number, ((extractor, architecture), skill) in enumerate(skills.items()):
        predictions = synthetic_predictions(4, 30, 3, skill=skill, seed=number)
        units = None if architecture == "single-frame" else 2048 if extractor == LARGE else 1280
        folders.append(
            write_evaluation(root / f"{extractor}_{architecture}", predictions, extractor, architecture, units)
        )
    return folders


@pytest.fixture(scope="module")
def comparison(six):
    return compare([read_evaluation(folder) for folder in six], resamples=500)


def test_the_command_writes_a_page_that_needs_nothing_else(six, tmp_path, capsys):
    output = tmp_path / "out"
    assert main(["compare", *map(str, six), "-o", str(output), "--bootstrap", "200"]) == 0
    printed = capsys.readouterr().out
    assert "lstm 2048" in printed
    assert "McNemar" in printed
    page = (output / "comparison.html").read_text(encoding="utf-8")
    without_pictures = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"https?:|@import|url\(|<script|<link", without_pictures)
    assert str(tmp_path) not in page
    assert page.count("data:image/png;base64,") == 4
    markdown = (output / "comparison.md").read_text(encoding="utf-8")
    for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", markdown):
        assert (output / name).read_bytes().startswith(b"\x89PNG")
    figures = json.loads((output / "comparison.json").read_text(encoding="utf-8"))
    assert len(figures["bundles"]) == 6
    assert len(figures["mcnemar"]) == 15
    assert len(figures["gaps"]) == 3


def test_rows_are_in_the_order_of_the_thesis(comparison):
    rows = [row[:2] for row in accuracy_rows(comparison)[1:]]
    assert rows == [
        (LARGE, "lstm 2048"), (LARGE, "gru 2048"), (SMALL, "lstm 1280"), (SMALL, "gru 1280"),
        (LARGE, "single-frame"), (SMALL, "single-frame"),
    ]  # fmt: skip


def test_gaps(comparison):
    assert [gap.large.classifier for gap in comparison.gaps] == ["lstm 2048", "gru 2048", "single-frame"]
    for gap in comparison.gaps:
        value, interval = gap.accuracy
        accuracies = [np.mean(bundle.stored.predictions.correct) for bundle in (gap.large, gap.small)]
        assert value == pytest.approx(accuracies[0] - accuracies[1])
        assert interval[0] < value < interval[1]
        assert gap.macro_f1[1][0] < gap.macro_f1[0] < gap.macro_f1[1][1]
    (*_, (single, (low, _))) = (gap.accuracy for gap in comparison.gaps)
    assert low > 0, "with single frames the large extractor is better"
    assert all(single > gap.accuracy[0] for gap in comparison.gaps[:2])


def test_paired_tests_count_the_clips(comparison):
    for test in comparison.tests:
        first, second = test.first.stored.predictions.correct, test.second.stored.predictions.correct
        assert test.result.only_first == np.sum(first & ~second)
        assert test.adjusted >= test.result.p


def test_figures_of_the_thesis_stand_beside_no_other_data(comparison, tmp_path):
    headings = [*accuracy_rows(comparison)[0], *score_rows(comparison)[0]]
    assert not [heading for heading in headings if "thesis" in heading]
    # nor if a file claims to be UCF101 split 1 but lacks its 101 classes
    folder = write_evaluation(tmp_path / "claims", synthetic_predictions(4), SMALL, "gru", 1280, ucf101_split_1=True)
    evaluations = [read_evaluation(folder), read_evaluation(folder)]
    assert not any(compare(evaluations, resamples=20).bundles[0].published)


def test_figures_of_the_thesis_stand_beside_the_same_data(tmp_path):
    predictions = [synthetic_predictions(101, 1, 1, seed=seed) for seed in (0, 1)]
    folders = [
        write_evaluation(tmp_path / f"e{i}", predictions[i], SMALL, architecture, 1280, ucf101_split_1=True)
        for i, architecture in enumerate(("gru", "lstm"))
    ]
    found = compare([read_evaluation(folder) for folder in folders], resamples=20)
    accuracy, scores = accuracy_rows(found), score_rows(found)
    assert accuracy[0][-2:] == ("thesis: accuracy", "thesis: top-5")
    assert accuracy[1][-2:] == ("0.7430", "0.9117")
    assert accuracy[2][-2:] == ("0.7594", "0.9297")
    assert scores[1][-3:] == ("-", "-", "-")
    assert scores[2][-3:] == ("0.74", "0.73", "0.72")
    assert not any(published("efficientnet_lite2", "gru"))
    assert not any(published(f"{SMALL} + frame-difference", "gru")), "other embedders beside it"


def test_two_bundles_of_one_kind_are_told_by_their_folders(tmp_path):
    folders = [write_evaluation(tmp_path / name, synthetic_predictions(3, seed=i)) for i, name in enumerate("xy")]
    found = compare([read_evaluation(folder) for folder in folders], resamples=50)
    assert [e.classifier for e in found.bundles] == ["gru 128 (x)", "gru 128 (y)"]
    assert found.gaps == []


def test_the_order_of_the_clips_does_not_matter(tmp_path):
    p = synthetic_predictions(3)
    turned = Predictions(p.labels, p.clips[::-1], p.probabilities[::-1])
    folders = [write_evaluation(tmp_path / "a", p), write_evaluation(tmp_path / "b", turned)]
    found = compare([read_evaluation(folder) for folder in folders], resamples=20)
    assert found.tests[0].result == (0, 0)


def test_other_clips_are_refused(tmp_path, capsys):
    p = synthetic_predictions(3)
    write_evaluation(tmp_path / "a", p)
    write_evaluation(tmp_path / "b", Predictions(p.labels, p.clips[2:], p.probabilities[2:]))
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert "a has 54 clips and b has 52; 2 are not in both" in capsys.readouterr().err
    with pytest.raises(EvaluationError, match="two or more"):
        compare([read_evaluation(tmp_path / "a")], resamples=20)


def test_a_folder_that_is_no_evaluation(tmp_path, capsys):
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 1
    assert "edgevid evaluate -o" in capsys.readouterr().err
    (tmp_path / "note.txt").write_text("mine")
    assert main(["compare", str(tmp_path), "-o", str(tmp_path)]) == 1
    assert "not empty" in capsys.readouterr().err

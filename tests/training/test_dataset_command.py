"""``edgevid dataset``, and its plot."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgevid.cli import main
from edgevid.errors import ExtraNotInstalledError, OptionError
from edgevid.training.analysis import Video
from edgevid.training.clips import Clip
from edgevid.training.dataset_plot import bands, clips_per_class, plot_clips_per_class

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def data(make_video, tmp_path) -> Path:
    for i in range(3):
        make_video(f"data/run/{i}.avi", 25 + i)
        make_video(f"data/walk/{i}.avi", 50 + i)
    return tmp_path / "data"


def videos(classes: int, clips: int = 3) -> list[Video]:
    return [
        Video(Clip(Path(f"{k}_{i}"), f"Class{k:03}", f"{k}_{i}"), 25 * (1 + 4 * i), 25.0, 320, 240)
        for k in range(classes)
        for i in range(clips)
    ]


def test_the_table(data, capsys):
    assert main(["dataset", str(data)]) == 0
    out, err = capsys.readouterr()
    lines = [line.split() for line in out.splitlines()]
    assert ["class", "clips", "groups", "min", "s", "mean", "s", "max", "s"] in lines
    assert ["run", "3", "3", "1.00", "1.04", "1.08"] in lines
    assert ["all", "2", "6", "6", "1.00", "1.54", "2.08"] in lines
    assert "25 fps (6 clips)" in out
    assert "64x48 (6 clips)" in out
    assert "validation    2 clips (33.3 %), 2 groups" in out
    assert "warning: 2 class(es) have fewer than 20 clips" in out
    assert err == ""


def test_json(data, capsys):
    assert main(["dataset", str(data), "--json", "--exact"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["clips"] == 6
    assert report["parts"]["train"]["clips"] == 4
    assert [row["label"] for row in report["classes"]] == ["run", "walk"]
    assert report["warnings"][0]["kind"] == "few clips"


def test_files(data, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="the plot needs the extra: pip install 'edgevid[train]'")
    assert main(["dataset", str(data), "-o", str(tmp_path / "new" / "report")]) == 0
    assert json.loads((tmp_path / "new/report/dataset.json").read_text(encoding="utf-8"))["clips"] == 6
    assert (tmp_path / "new/report/clips_per_class.png").read_bytes().startswith(PNG)
    assert capsys.readouterr().err.count("wrote ") == 2
    assert main(["dataset", str(data), "-o", str(tmp_path / "plain"), "--no-plot"]) == 0
    assert [path.name for path in (tmp_path / "plain").iterdir()] == ["dataset.json"]


def test_without_matplotlib_all_but_the_plot_is_there(data, tmp_path, capsys, monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["dataset", str(data), "-o", str(tmp_path / "report")]) == 0
    out, err = capsys.readouterr()
    assert "run" in out
    assert "no plot: Plots need Matplotlib" in err
    assert "edgevid[train]" in err
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["dataset.json"]
    with pytest.raises(ExtraNotInstalledError, match=r"edgevid\[train\]"):
        clips_per_class(videos(2))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing"], 1, "is not there"),
        (["empty"], 1, "holds no clips"),
        (["data", "--split-list", "2"], 1, "No official lists of UCF101"),
        (["data", "--splits", "empty"], 1, "No official lists of UCF101"),
        (["data", "-o", "data/run/0.avi"], 2, "cannot be made"),
        (["missing.csv"], 1, "can be read; the first one: No such file"),
    ],
)
def test_errors(data, tmp_path, capsys, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("missing.csv").write_text("path,label\nx.mp4,run\ny.mp4,walk\n")
    assert main(["dataset", *arguments]) == code
    assert message in capsys.readouterr().err


def test_csv_files_with_some_clips_missing(data, capsys):
    lines = ["path,label,group", *(f"{label}/{i}.avi,{label},{i}" for label in ("run", "walk") for i in range(4))]
    (data / "clips.csv").write_text("\n".join(lines))
    assert main(["dataset", str(data)]) == 0
    assert "warning: 2 clip(s) cannot be read and are left out: run/3.avi, walk/3.avi." in capsys.readouterr().out


def test_there_is_no_list_4(data):
    with pytest.raises(SystemExit, match="2"):
        main(["dataset", str(data), "--split-list", "4"])


@pytest.mark.parametrize(("classes", "panels"), [(1, 1), (40, 1), (101, 2)])
def test_a_plot_shows_every_class_and_all_its_clips(tmp_path, classes, panels):
    pytest.importorskip("matplotlib", reason="the plot needs the extra: pip install 'edgevid[train]'")
    figure = clips_per_class(videos(classes), title="a $b$_{")
    assert len(figure.axes) == panels
    names = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    assert names == [f"Class{k:03}" for k in range(classes)]
    for axes in figure.axes:
        bars = sum(patch.get_width() for patch in axes.patches)
        assert bars == 3 * len(axes.get_yticklabels())
        # rows are as far apart as their letters are high, and more
        top, bottom = (axes.transData.transform((0, row))[1] / figure.dpi for row in (0, 1))
        assert (top - bottom) * 72 > axes.get_yticklabels()[0].get_fontsize() * 1.5
    plot_clips_per_class(videos(classes), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(PNG)
    with pytest.raises(OptionError, match="cannot be written"):
        plot_clips_per_class(videos(2), tmp_path / "nowhere" / "plot.png")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([7.2], (2, 5, 10)),
        ([2.0], (2, 5, 10)),
        ([1.4], (0.5, 1, 2)),
        ([15.0], (5, 10, 20)),
        ([9999.0], (300, 600, 1200)),
    ],
)
def test_bands_fit_the_clips(seconds, expected):
    assert bands(seconds) == expected

"""``edgevid dataset``, and its plot."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import pytest

from edgevid.cli import main
from edgevid.datasets.analysis import Video
from edgevid.datasets.clips import Clip
from edgevid.datasets.plot import plot_clips_per_class
from edgevid.errors import ExtraNotInstalledError, OptionError

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
    assert "warning: 2 class(es) have fewer than 20 training clips" in out
    assert err == ""


def test_json(data, capsys):
    assert main(["dataset", str(data), "--json", "--exact"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["clips"] == 6
    assert report["parts"]["train"]["clips"] == 4
    assert [row["label"] for row in report["classes"]] == ["run", "walk"]
    assert report["warnings"][0]["kind"] == "few clips"


def test_files(data, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="the plot needs the extra: pip install 'edgevid[evaluate]'")
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
    assert "no plot: Plots need matplotlib" in err
    assert "[evaluate]'" in err
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["dataset.json"]
    with pytest.raises(ExtraNotInstalledError, match=r"\[evaluate\]'$"):
        plot_clips_per_class(videos(2), tmp_path / "plot.png")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing"], 1, "is not there"),
        (["empty"], 1, "holds no clips"),
        (["data", "--split-list", "2"], 1, "official lists of UCF101 are missing"),
        (["data", "--splits", "empty"], 1, "official lists of UCF101 are missing"),
        (["data", "-o", "data/run/0.avi"], 2, "cannot be created"),
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


@pytest.mark.parametrize("classes", [1, 40, 101])
def test_a_plot_has_room_for_every_class(tmp_path, classes):
    pytest.importorskip("matplotlib", reason="the plot needs the extra: pip install 'edgevid[evaluate]'")
    plot_clips_per_class(videos(classes), tmp_path / "plot.png", title="a $b$_{")
    png = (tmp_path / "plot.png").read_bytes()
    assert png.startswith(PNG)
    height = struct.unpack(">I", png[20:24])[0]
    assert height / 140 * 72 > 7.5 * 1.5 * classes, "rows are as far apart as their letters are high, and more"
    with pytest.raises(OptionError, match="cannot be written"):
        plot_clips_per_class(videos(2), tmp_path / "nowhere" / "plot.png")


def test_a_plot_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    figure = pytest.importorskip(
        "matplotlib.figure", reason="the plot needs the extra: pip install 'edgevid[evaluate]'"
    )

    def fill_the_disk(self: object, path: Path, **options: object) -> None:
        path.write_bytes(b"a part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure.Figure, "savefig", fill_the_disk)
    (tmp_path / "plot.png").write_bytes(b"old")
    with pytest.raises(OptionError, match="No space left"):
        plot_clips_per_class([], tmp_path / "plot.png")
    assert [path.name for path in tmp_path.iterdir()] == ["plot.png"]
    assert (tmp_path / "plot.png").read_bytes() == b"old"

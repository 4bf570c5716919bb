"""Reading labelled clips, and holding out whole groups of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgevid.datasets.clips import Clip, DatasetError, check_classes, groups_in_both
from edgevid.datasets.division import default_validation_share, validation_folds
from edgevid.datasets.reading import open_dataset, read_dataset
from edgevid.errors import EdgevidError, OptionError


def make_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def write_csv(folder: Path, *lines: str) -> Path:
    path = folder / "clips.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def grouped(classes: int = 3, groups: int = 10, clips: int = 3, shared_names: bool = True) -> list[Clip]:
    return [
        Clip(Path(f"{k}_{g}_{c}.mp4"), f"class{k}", str(g) if shared_names else f"{k}/{g}")
        for k in range(classes)
        for g in range(groups)
        for c in range(clips)
    ]


def test_a_folder_for_each_class(tmp_path):
    make_files(
        tmp_path, "run/b.MP4", "run/deep/a.avi", "walk/c.mkv", "walk/notes.txt", "walk/.hidden.mp4", ".git/x.mp4"
    )
    clips = read_dataset(tmp_path)
    assert [(c.path.relative_to(tmp_path).as_posix(), c.label, c.split) for c in clips] == [
        ("run/b.MP4", "run", "train"),
        ("run/deep/a.avi", "run", "train"),
        ("walk/c.mkv", "walk", "train"),
    ]
    assert len({clip.group for clip in clips}) == 3, "each video is its own group"


def test_videos_outside_class_folders_are_left_out_and_named(tmp_path):
    dataset = open_dataset(make_files(tmp_path, "stray.mp4", "run/a.mp4", "walk/b.mp4"))
    assert [clip.label for clip in dataset.clips] == ["run", "walk"]
    assert dataset.kind == "a folder for each class"
    (note,) = dataset.notes
    assert "stray.mp4" in note


@pytest.mark.parametrize("given", ["folder", "file"])
def test_a_csv_file(tmp_path, given):
    path = write_csv(
        tmp_path, "path,label,group,split,fps", "a/x.mp4,run,7,test,25", "y.mp4,run,8,,25", "z.mp4, walk ,,train,25"
    )
    assert read_dataset(tmp_path if given == "folder" else path) == [
        Clip(tmp_path / "a/x.mp4", "run", "7", "test"),
        Clip(tmp_path / "y.mp4", "run", "8", "train"),
        Clip(tmp_path / "z.mp4", "walk", "z.mp4", "train"),
    ]


def test_people_places_and_other_columns_of_a_csv_file(tmp_path):
    make_files(tmp_path, "run/a.mp4", "run/b.mp4", "walk/c.mp4", "walk/new.mp4", "walk/notes.txt", "walk/.hidden.mp4")
    lines = ["run/a.mp4,run,monday,Ann,hall,pi", "run/b.mp4,run,,Ann,,", "walk/c.mp4,walk,,,,"]
    dataset = open_dataset(write_csv(tmp_path, "path,label,group,person,place,device", *lines))
    assert [(clip.group, clip.person, clip.place) for clip in dataset.clips] == [
        ("monday", "Ann", "hall"),
        ("Ann", "Ann", ""),
        ("walk/c.mp4", "", ""),
    ]
    (note,) = dataset.notes
    assert "1 video(s) are not listed in clips.csv and are left out, such as new.mp4" in note


def test_a_csv_file_as_spreadsheets_write_it(tmp_path):
    (tmp_path / "clips.csv").write_bytes("\ufeffpath,label\r\nä.mp4,run\r\nb.mp4,walk\r\n".encode())
    assert [clip.path.name for clip in read_dataset(tmp_path)] == ["ä.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,label", "x.mp4,run"], "lacks the column.*path"),
        (["path", "x.mp4"], "lacks the column.*label"),
        (["path,label"], "names no clips"),
        (["path,label", "x.mp4,run", "y.mp4,"], "line 3: the label is empty"),
        (["path,label,split", "x.mp4,run,dev"], "line 2: the split is 'dev'"),
        (["path,label", "x.mp4,run", "x.mp4,walk"], "more than once"),
        (["path,label", "x.mp4,run", "y.mp4,run"], "1 class"),
        (["path,label,split", "x.mp4,run,", "y.mp4,walk,", "z.mp4,jump,test"], "no training clip: jump"),
    ],
)
def test_csv_files_that_are_wrong(tmp_path, lines, message):
    with pytest.raises(DatasetError, match=message):
        read_dataset(write_csv(tmp_path, *lines))


def test_places_without_clips(tmp_path):
    with pytest.raises(DatasetError, match="not there"):
        read_dataset(tmp_path / "nothing")
    with pytest.raises(DatasetError, match="holds no clips"):
        read_dataset(make_files(tmp_path, "run/notes.txt"))
    with pytest.raises(DatasetError, match=r"not a \.csv file"):
        read_dataset(tmp_path / "run" / "notes.txt")
    with pytest.raises(DatasetError, match=r"1 class\(es\) were given: run"):
        read_dataset(make_files(tmp_path, "run/a.mp4"))
    (tmp_path / "clips.csv").write_bytes(b"path,label\n\xff\xfe,run\n")
    with pytest.raises(DatasetError, match="UTF-8"):
        read_dataset(tmp_path)
    assert issubclass(DatasetError, EdgevidError)


@pytest.mark.parametrize("shared_names", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_no_group_straddles_the_division(shared_names, seed):
    clips = grouped(shared_names=shared_names)
    for training, validation in validation_folds(clips, 0.2, seed, count=3):
        assert sorted(training + validation) == list(range(len(clips)))
        assert not {clips[i].group for i in training} & {clips[i].group for i in validation}
        assert Counter(clips[i].label for i in validation) == {f"class{k}": 6 for k in range(3)}


def test_no_group_is_held_out_twice():
    clips = grouped()
    folds = validation_folds(clips, 0.2, 0, count=4)
    held_out = Counter(i for _, validation in folds for i in validation)
    assert set(held_out.values()) == {1}
    assert validation_folds(clips, 0.2, 0) == folds[:1]
    assert validation_folds(clips, 0.2, 1) != folds[:1]


def test_every_class_is_on_both_sides():
    clips = [
        *grouped(2, groups=8, clips=1, shared_names=False),
        Clip(Path("p"), "rare", "p"),
        Clip(Path("q"), "rare", "q"),
    ]
    ((training, validation),) = validation_folds(clips, 0.1, 0)
    assert {clips[i].label for i in training} == {clips[i].label for i in validation} == {"class0", "class1", "rare"}


def test_a_class_of_one_group_cannot_be_divided():
    clips = [*grouped(2), Clip(Path("p"), "rare", "x"), Clip(Path("q"), "rare", "x")]
    with pytest.raises(DatasetError, match=r"class rare .* 2 training clip\(s\) are of 1 group"):
        validation_folds(clips, 0.1, 0)
    with pytest.raises(DatasetError, match="held out before"):
        validation_folds(grouped(), 0.3, 0, count=5)


def test_validation_clips_that_are_named_are_taken():
    clips = [*grouped(2), Clip(Path("v"), "class0", "v", "validation"), Clip(Path("t"), "class0", "t", "test")]
    assert validation_folds(clips, 0.1, 0) == [(list(range(60)), [60])]
    with pytest.raises(OptionError, match="which is one split"):
        validation_folds(clips, 0.1, 0, count=2)


@pytest.mark.parametrize("seed", range(5))
def test_groups_of_one_class_each_come_as_near_the_share_as_they_can(seed):
    sizes = [4, 5, 7, 6, 4, 7, 5, 4, 6]
    clips = [
        Clip(Path(f"{k}_{g}_{c}"), f"class{k}", f"{k}/{g}") for k in range(30) for g, n in enumerate(sizes) for c in range(n)
    ]  # fmt: skip
    training, validation = validation_folds(clips, 0.2, seed)[0]
    assert len(validation) == round(0.2 * len(clips))
    held = Counter(clips[i].label for i in validation)
    assert all(abs(held[f"class{k}"] - 0.2 * sum(sizes)) <= 1 for k in range(30))
    assert not {clips[i].group for i in training} & {clips[i].group for i in validation}
    assert validation_folds(clips, 0.2, seed + 1)[0][1] != validation, "drawn at random"


def test_classes_too_small_for_their_share_cost_the_others_nothing():
    small = [Clip(Path(f"{k}{g}"), f"a{k:02}", f"{k}/{g}") for k in range(40) for g in range(2)]
    large = [Clip(Path(f"z{g}"), "z", f"z/{g}") for g in range(100)]
    validation = validation_folds([*small, *large], 0.1, 0)[0][1]
    held = Counter([*small, *large][i].label for i in validation)
    assert held["z"] in (9, 10)
    assert sum(held.values()) == 40 + held["z"]


def test_the_default_share_is_a_tenth_of_all_clips():
    def of(train: int, test: int) -> float:
        return default_validation_share([Clip(Path(), "", "", "train")] * train + [Clip(Path(), "", "", "test")] * test)

    assert of(72, 28) == pytest.approx(10 / 72)
    assert of(50, 50) == pytest.approx(0.2)
    assert of(30, 0) == 10 / 72
    assert of(1, 99) == 0.5
    assert of(0, 9) == 10 / 72


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_shares_out_of_range(share):
    with pytest.raises(OptionError, match="validation share"):
        validation_folds(grouped(), share, 0)


def test_groups_on_both_sides_are_found():
    first = [Clip(Path("a"), "run", "1"), Clip(Path("b"), "walk", "2")]
    assert groups_in_both(first, [Clip(Path("c"), "run", "1", "test"), Clip(Path("d"), "run", "2", "test")]) == [
        "run/1"
    ]


def test_the_real_data_set(shared):
    clips = read_dataset(shared / "data" / "ucf101_core10")
    assert Counter(clip.split for clip in clips) == {"train": 528, "test": 127}
    assert len(check_classes(clips)) == 10
    assert not groups_in_both([c for c in clips if c.split == "train"], [c for c in clips if c.split == "test"])
    for training, validation in validation_folds(clips, 10 / 72, 0, count=3):
        assert {clips[i].split for i in training + validation} == {"train"}
        assert 0.1 < len(validation) / 528 < 0.2

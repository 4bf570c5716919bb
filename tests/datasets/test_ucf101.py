"""UCF101 by its official names and lists: a miniature of it, and the real lists if they are available."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgevid.datasets.clips import DatasetError, check_classes, groups_in_both
from edgevid.datasets.division import default_validation_share, validation_folds
from edgevid.datasets.reading import open_dataset, read_dataset
from edgevid.datasets.ucf101 import read_lists
from edgevid.errors import OptionError

CLASSES = {
    "ApplyEyeMakeup": "ApplyEyeMakeup",
    "HandstandPushups": "HandStandPushups",
    "YoYo": "YoYo",
}  # folder: in names
TEST_GROUPS = {1: range(1, 8), 2: range(8, 15), 3: range(15, 22)}


def names() -> list[tuple[str, int]]:
    """Paths in the lists, and their groups: 25 a class, of 4 to 7 clips."""
    return [
        (f"{folder}/v_{name}_g{group:02}_c{clip:02}.avi", group)
        for k, (folder, name) in enumerate(CLASSES.items())
        for group in range(1, 26)
        for clip in range(1, 5 + (group + k) % 4)
    ]


@pytest.fixture
def miniature(tmp_path) -> Path:
    """A folder with UCF-101 and ucfTrainTestlist, as the archives unpack to; lines end as in the official lists."""
    lists = tmp_path / "ucfTrainTestlist"
    lists.mkdir()
    numbers = {folder: str(i) for i, folder in enumerate(CLASSES, start=1)}
    write(lists / "classInd.txt", [f"{number} {folder}" for folder, number in numbers.items()])
    for number, groups in TEST_GROUPS.items():
        training = [f"{path} {numbers[path.split('/')[0]]}" for path, group in names() if group not in groups]
        write(lists / f"trainlist0{number}.txt", training)
        write(lists / f"testlist0{number}.txt", [path for path, group in names() if group in groups])
    touch(tmp_path / "UCF-101", [path for path, _ in names()])
    return tmp_path


def write(path: Path, lines: list[str]) -> None:
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())


def touch(folder: Path, paths: list[str]) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("given", ["above", "clips"])
def test_the_official_division(miniature, number, given):
    data = miniature if given == "above" else miniature / "UCF-101"
    dataset = open_dataset(data, list_number=number)
    test = {path for path, group in names() if group in TEST_GROUPS[number]}
    assert dataset.kind == f"UCF101, official list {number}"
    assert dataset.notes == ()
    assert {c.path.relative_to(miniature / "UCF-101").as_posix() for c in dataset.clips if c.split == "test"} == test
    assert Counter(c.split for c in dataset.clips) == {"train": len(names()) - len(test), "test": len(test)}
    assert check_classes(dataset.clips) == ["ApplyEyeMakeup", "HandstandPushups", "YoYo"]
    assert len({clip.group for clip in dataset.clips}) == 3 * 25
    assert "HandstandPushups_g01" in {clip.group for clip in dataset.clips}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_tenth_of_all_clips_is_held_out_in_whole_groups(miniature, number):
    clips = read_dataset(miniature, list_number=number)
    ((training, validation),) = validation_folds(clips, default_validation_share(clips), seed=0)
    assert abs(len(validation) - 0.1 * len(clips)) <= 0.5
    assert not groups_in_both([clips[i] for i in training], [clips[i] for i in validation])
    assert {clips[i].split for i in training + validation} == {"train"}


def test_converted_clips_and_a_part_of_them(miniature):
    for path in (miniature / "UCF-101").rglob("*.avi"):
        path.rename(path.with_suffix(".MP4"))
    for path in (miniature / "UCF-101" / "YoYo").iterdir():
        path.unlink()
    (miniature / "UCF-101" / "HandstandPushups").rename(miniature / "UCF-101" / "HandStandPushups")
    dataset = open_dataset(miniature)
    assert Counter(clip.label for clip in dataset.clips).keys() == {"ApplyEyeMakeup", "HandstandPushups"}
    (note,) = dataset.notes
    missing = sum(path.startswith("YoYo") for path, _ in names())
    assert note.startswith(f"{missing} of the {len(names())} clips")
    assert "1 of the 3 classes have none" in note


def test_lists_in_a_folder_that_is_named(miniature, tmp_path):
    lists = (miniature / "ucfTrainTestlist").rename(tmp_path / "elsewhere")
    touch(miniature / "UCF-101", ["Juggling/mine.mp4"])
    dataset = open_dataset(miniature, lists_folder=lists)
    assert len(dataset.clips) == len(names())
    assert dataset.notes == ("1 video(s) are in no official list and are left out, such as mine.mp4.",)
    touch(tmp_path / "other", ["Juggling/mine.mp4"])
    with pytest.raises(DatasetError, match=r"None of the \d+ clips in the official lists"):
        open_dataset(tmp_path / "other", lists_folder=lists)


def test_without_lists_the_names_still_tell_the_groups(miniature):
    (miniature / "ucfTrainTestlist").rename(miniature / "away")
    dataset = open_dataset(miniature)
    assert dataset.kind == "a folder for each class"
    assert {clip.split for clip in dataset.clips} == {"train"}
    assert {clip.label for clip in dataset.clips} == set(CLASSES)
    assert len({clip.group for clip in dataset.clips}) == 3 * 25
    assert "named as those of UCF101" in dataset.notes[0]
    for options in ({"list_number": 2}, {"lists_folder": miniature / "UCF-101"}):
        with pytest.raises(DatasetError, match=r"official lists .* trainlist0.*--splits"):
            open_dataset(miniature, **options)


def test_own_clips_beside_the_lists_are_no_ucf101(miniature):
    touch(miniature / "own", ["run/a.mp4", "walk/b.mp4", "YoYo/v_YoYo_g01_c01.avi"])
    dataset = open_dataset(miniature / "own")
    assert [(clip.label, clip.group) for clip in dataset.clips] == [
        ("YoYo", "YoYo_g01"),
        ("run", "run/a.mp4"),
        ("walk", "walk/b.mp4"),
    ]
    with pytest.raises(DatasetError, match="not all of the 3 video"):
        open_dataset(miniature / "own", list_number=2)


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("trainlist01.txt", "v_YoYo_g01_c01.avi 3", r"line \d+: got 'v_YoYo_g01_c01.avi 3'; expected a line such as"),
        ("trainlist01.txt", "YoYo/v_YoYo.avi 3", "expected a line such as"),
        ("trainlist01.txt", "YoYo/v_Surfing_g01_c01.avi 3", "expected a line such as"),
        ("trainlist01.txt", "YoYo/v_YoYo_g99_c01.avi 3 7", "expected a line such as"),
        ("trainlist01.txt", "YoYo/v_YoYo_g08_c01.avi 3", "v_YoYo_g08_c01 is in this list already"),
        ("testlist01.txt", "YoYo/v_YoYo_g08_c01.avi", "v_YoYo_g08_c01 is in the train list"),
        ("testlist01.txt", "\udcff", "cannot be read"),
    ],
)
def test_lists_that_are_wrong(miniature, file, line, message):
    with (miniature / "ucfTrainTestlist" / file).open("ab") as lists:
        lists.write(f"{line}\r\n".encode("utf-8", "surrogateescape"))
    with pytest.raises(DatasetError, match=message):
        read_dataset(miniature)


@pytest.mark.parametrize("file", ["trainlist01.txt", "testlist01.txt"])
def test_lists_that_are_incomplete(miniature, file):
    (miniature / "ucfTrainTestlist" / file).unlink()
    with pytest.raises(DatasetError, match=rf"{file} cannot be read: No such file"):
        read_dataset(miniature)


def test_empty_lists(miniature):
    for name in ("trainlist01.txt", "testlist01.txt"):
        write(miniature / "ucfTrainTestlist" / name, ["", " "])
    with pytest.raises(DatasetError, match="name no clip"):
        read_dataset(miniature)


def test_the_same_clip_in_two_formats(miniature):
    touch(miniature / "UCF-101", ["YoYo/v_YoYo_g01_c01.mp4"])
    with pytest.raises(DatasetError, match=r"v_YoYo_g01_c01\.avi and .*\.mp4 have the name of the same clip"):
        read_dataset(miniature)


def test_numbers_of_lists(miniature, tmp_path):
    with pytest.raises(OptionError, match="expected 1, 2 or 3"):
        read_dataset(miniature, list_number=4)
    (tmp_path / "clips.csv").write_text("path,label\na.mp4,run\nb.mp4,walk\n")
    with pytest.raises(OptionError, match="expected 1, 2 or 3"):
        read_dataset(tmp_path / "clips.csv", list_number=0)
    with pytest.raises(DatasetError, match="cannot be used with it"):
        read_dataset(tmp_path / "clips.csv", list_number=2)


@pytest.mark.parametrize(
    ("number", "training", "test", "shares"),
    [(1, 9537, 3783, (61.6, 10.0, 28.4)), (2, 9586, 3734, (62.0, 10.0, 28.0)), (3, 9624, 3696, (62.3, 10.0, 27.7))],
)
def test_the_official_counts(shared, tmp_path, number, training, test, shares):
    lists = shared / "data" / "ucf101_splits"
    listed = read_lists(lists, number)
    # the folders are named as in the archive: HandstandPushups/v_HandStandPushups_g01_c01.avi
    touch(tmp_path / "UCF-101", [f"{entry.label}/{entry.name}.avi" for entry in listed])
    dataset = open_dataset(tmp_path, list_number=number, lists_folder=lists)
    clips = dataset.clips
    assert dataset.notes == ()
    assert Counter(clip.split for clip in clips) == {"train": training, "test": test}
    assert len(check_classes(clips)) == 101
    assert len({clip.group for clip in clips}) == 101 * 25
    by_split = [[c for c in clips if c.split == split] for split in ("train", "test")]
    assert not groups_in_both(*by_split)
    ((kept, held_out),) = validation_folds(clips, default_validation_share(clips), seed=0)
    assert len(held_out) == 1332
    assert tuple(round(100 * n / len(clips), 1) for n in (len(kept), len(held_out), test)) == shares
    assert not {clips[i].group for i in kept} & {clips[i].group for i in held_out}
    assert len({clips[i].label for i in held_out}) == 101


def test_the_real_clips_by_the_official_lists(shared):
    data = shared / "data" / "ucf101_core10"
    by_lists = open_dataset(data, lists_folder=shared / "data" / "ucf101_splits")
    by_csv = {clip.path: clip for clip in read_dataset(data)}
    assert Counter(clip.split for clip in by_lists.clips) == {"train": 528, "test": 127}
    for clip in by_lists.clips:
        assert clip.split == by_csv[clip.path].split
        assert clip.label.lower() == by_csv[clip.path].label.lower()
        assert int(clip.group[-2:]) == int(by_csv[clip.path].group)
    assert "12,665 of the 13,320" in by_lists.notes[0]

"""Reads labelled clips from disk: a folder for each class, a CSV file, or UCF101 as published."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional, Union

from ..sources.folder import VIDEO_SUFFIXES, videos_below
from ..support.checks import check_type
from ..support.files import as_path, open_table
from ..support.system import system_errors
from . import ucf101
from .clips import CSV_NAME, SPLITS, Clip, Dataset, DatasetError, check_classes

# Distinguishes a run folder of `edgevid train`, which also has a ``clips.csv``, from a data set
RUN_CONFIG_NAME = "config.json"


def read_dataset(
    data: Union[str, Path], *, list_number: int = 1, lists_folder: Optional[Union[str, Path]] = None
) -> list[Clip]:
    """The clips of a data set for training. Arguments and errors as for :func:`open_dataset`, and those of :func:`check_classes`.

    Whether the clips can be read as video is not checked.
    """
    clips = open_dataset(data, list_number=list_number, lists_folder=lists_folder).clips
    check_classes(clips)
    return clips


@system_errors(DatasetError)
def open_dataset(
    data: Union[str, Path],
    *,
    list_number: int = 1,
    lists_folder: Optional[Union[str, Path]] = None,
    ignore_splits: bool = False,
) -> Dataset:
    """The clips of a data set, and their origin.

    Args:
        data: a folder with a folder for each class; or a ``clips.csv``, or a folder with one; or UCF101 as published, see
            :mod:`edgevid.datasets.ucf101`. The file has the columns ``path`` (relative to the file), ``label``, and
            optionally ``group``, ``split`` (train, validation or test; empty means train), ``person`` and ``place``. Without
            a group, the person is the group; without either, each video is its own. Other columns are ignored.
        list_number: which of UCF101's three official train/test splits. For other data it is 1.
        lists_folder: folder of UCF101's official lists, if they are neither inside nor beside ``data``.
        ignore_splits: whether ``clips.csv`` may name other splits; each of its clips then counts as a training clip.

    Raises:
        DatasetError: nothing is there, a column is missing, a row or list is invalid, or there are no such lists.
        OptionError: ``list_number`` is not 1, 2 or 3.
    """
    path = as_path("data", data)
    check_type("ignore_splits", ignore_splits, bool)
    lists_folder = None if lists_folder is None else as_path("lists_folder", lists_folder)
    if lists_folder is None and path.is_dir() and (path / CSV_NAME).is_file():
        path = path / CSV_NAME
    if path.is_dir():
        root = ucf101.clips_folder(path)
        videos = videos_below(root)
        dataset = ucf101.open_official(root, videos, list_number, lists_folder)
        return _read_folder(root, videos) if dataset is None else dataset
    if not path.is_file() or path.suffix.lower() != ".csv":
        raise DatasetError(
            f"{path} is {'not a .csv file' if path.exists() else 'not there'}; expected a folder with a folder of clips for each "
            f"class, a {CSV_NAME}, or a folder with one."
        )
    if ucf101.check_list_number(list_number) != 1 or lists_folder is not None:
        raise DatasetError(
            f"{path} names training and test clips itself, so an official list of UCF101 cannot be used with "
            "it. Give the folder of the clips together with the folder of the lists."
        )
    clips = _read_csv(path, ignore_splits)
    return Dataset(path.parent, f"clips named in {path.name}", clips, tuple(_unnamed_note(path, clips)))


@system_errors(DatasetError)
def open_clips(data: Path, *, list_number: int = 1, lists_folder: Optional[Path] = None) -> tuple[list[Clip], str]:
    """The clips of a data set, see :func:`open_dataset`, or those of a training, by its run folder; and its name."""
    folder = data.parent if data.name == CSV_NAME else data
    name = folder.resolve().name if data.is_dir() or folder != data else data.stem
    if (folder / RUN_CONFIG_NAME).is_file() and (folder / CSV_NAME).is_file():
        return read_used_clips(folder), name
    return open_dataset(data, list_number=list_number, lists_folder=lists_folder).clips, name


@system_errors(DatasetError)
def read_used_clips(run: Path) -> list[Clip]:
    """The clips that a training used; ``split`` says how.

    Args:
        run: its run folder. Paths are as given to that training, possibly relative to its working folder.

    Raises:
        DatasetError: they cannot be read.
    """
    path = run / CSV_NAME
    try:
        with open_table(path) as file:
            return [Clip(Path(row["path"]), row["label"], row["group"], row["split"]) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DatasetError(f"{path} is damaged or missing: {error}. Train again, with --restart.") from error


def _read_folder(root: Path, videos: Sequence[Path]) -> Dataset:
    clips, strays, named = [], [], 0
    for path in videos:
        parts = path.relative_to(root).parts
        if len(parts) == 1:
            strays.append(path)
            continue
        group = ucf101.group_of(path, parts[0])
        named += group is not None
        clips.append(Clip(path, label=parts[0], group=group or "/".join(parts)))
    if not clips:
        raise DatasetError(
            f"{root} holds no clips; expected a folder for each class with video files in it "
            f"({' '.join(VIDEO_SUFFIXES)}), or {CSV_NAME}."
        )
    notes = []
    if named:
        notes.append(
            f"{named:,} of the {len(clips):,} clips are named as those of UCF101: their groups are taken from the names. No "
            "official list was applied, so all clips are training clips; --splits names the folder of the lists."
        )
    if strays:
        notes.append(f"{len(strays):,} video(s) lie in no class folder and are left out, such as {strays[0].name}.")
    return Dataset(root, "a folder for each class", clips, tuple(notes))


def _read_csv(path: Path, ignore_splits: bool) -> list[Clip]:
    try:
        with open_table(path) as file:
            reader = csv.DictReader(file)
            missing = [name for name in ("path", "label") if name not in (reader.fieldnames or [])]
            if missing:
                raise DatasetError(
                    f"{path} lacks the column(s) {', '.join(missing)}; it has {', '.join(reader.fieldnames or []) or 'none'}. "
                    "Expected a first line such as: path,label,group,split"
                )
            clips = [_clip_of_row(row, path, reader.line_num, ignore_splits) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} cannot be read: {error}. Expected comma-separated text in UTF-8.") from error
    if not clips:
        raise DatasetError(f"{path} names no clips; expected a line for each.")
    twice = [name for name, count in Counter(clip.path for clip in clips).items() if count > 1]
    if twice:
        raise DatasetError(f"{path} names {twice[0]} more than once ({len(twice)} such clips); name each clip once.")
    return clips


def _unnamed_note(csv_path: Path, clips: Sequence[Clip]) -> Iterator[str]:
    """A note on videos in the folders that the CSV file does not list."""
    named = {clip.path for clip in clips}
    beside = (path for folder in {path.parent for path in named} if folder.is_dir() for path in folder.iterdir())
    unnamed = sorted(p for p in beside if p.suffix.lower() in VIDEO_SUFFIXES and p.name[0] != "." and p not in named)
    if unnamed:
        yield (
            f"{len(unnamed):,} video(s) are not listed in {csv_path.name} and are left out, such as {unnamed[0].name}; add lines "
            "for them, or remove the file, so that each folder counts as a class."
        )


def _clip_of_row(row: dict[str, str], csv_path: Path, line: int, ignore_splits: bool) -> Clip:
    values = {key: (row.get(key) or "").strip() for key in ("path", "label", "group", "split", "person", "place")}
    for key in ("path", "label"):
        if "\0" in values[key]:
            raise DatasetError(f"{csv_path}, line {line}: the {key} holds a NUL character; delete it.")
        if not values[key]:
            raise DatasetError(f"{csv_path}, line {line}: the {key} is empty; fill it in or delete the line.")
    split = "train" if ignore_splits else values["split"] or "train"
    if split not in SPLITS:
        raise DatasetError(f"{csv_path}, line {line}: the split is {split!r}; expected one of: {', '.join(SPLITS)}.")
    group = values["group"] or values["person"] or values["path"]
    return Clip(csv_path.parent / values["path"], values["label"], group, split, values["person"], values["place"])

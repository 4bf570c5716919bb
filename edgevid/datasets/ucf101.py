"""UCF101 as published: class folders of clips, and the official lists of training and test clips.

The clips are named ``CLASS/v_CLASS_gNN_cNN.avi``: ``gNN`` is the group within its class. The lists are ``trainlist01.txt`` to
``trainlist03.txt`` and ``testlist01.txt`` to ``testlist03.txt`` (Soomro, Zamir and Shah 2012, arXiv:1212.0402). They are
searched for inside the folder of the clips and beside it, also in a folder ``ucfTrainTestlist``.

Clips are found by their names, so they may have been converted to another format, and some may be missing. Upper and
lower case are the same, because the lists put ``v_HandStandPushups_g01_c01.avi`` into a folder ``HandstandPushups``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from ..errors import OptionError
from ..support.checks import shown
from ..support.files import open_table
from ..support.system import system_errors
from .clips import CSV_NAME, Clip, Dataset, DatasetError

LISTS = (1, 2, 3)
_LISTS_FOLDER = "ucfTrainTestlist"
_CLIPS_FOLDERS = ("ucf-101", "ucf101")
_NAME = re.compile(r"v_\w+_g(?P<group>\d+)_c\d+", re.IGNORECASE)
_LINE = re.compile(r"(?P<label>\w+)[/\\](?P<name>v_(?P=label)_g(?P<group>\d+)_c\d+)\.\w+(\s+\d+)?", re.IGNORECASE)


class Listed(NamedTuple):
    """A line of a list: the clip's name without suffix, its class, its group, "train" or "test"."""

    name: str
    label: str
    group: str
    split: str


def check_list_number(number: int) -> int:
    """Return ``number`` if there is such an official list; :class:`OptionError` otherwise."""
    if not isinstance(number, int) or number not in LISTS:
        raise OptionError(f"The official list {shown(number)} of UCF101 was requested; expected 1, 2 or 3.")
    return number


def clips_folder(folder: Path) -> Path:
    """The folder of the class folders: ``UCF-101`` in ``folder`` if there is one, else ``folder`` itself."""
    try:
        inside = [path for path in folder.iterdir() if path.name.lower() in _CLIPS_FOLDERS and path.is_dir()]
    except OSError as error:
        raise DatasetError(f"The folder {folder} cannot be read: {error.strerror}.") from error
    return inside[0] if len(inside) == 1 else folder


def group_of(path: Path, label: str) -> Optional[str]:
    """The group of a clip with a UCF101 name; None for other names."""
    match = _NAME.fullmatch(path.stem)
    return f"{label}_g{match['group']}" if match else None


def open_official(root: Path, videos: Sequence[Path], number: int, lists_folder: Optional[Path]) -> Optional[Dataset]:
    """The existing clips of an official list.

    Args:
        root: the folder of the class folders. videos: the files in it.
        number: number of the list.
        lists_folder: folder of the lists; None: search for it.

    Returns:
        None if there are no lists, or not all files have UCF101 names, unless ``number`` or ``lists_folder`` insists.

    Raises:
        DatasetError: the lists are missing or invalid, or none of their clips exists.
    """
    check_list_number(number)
    folder = _find_lists(root, lists_folder)
    official = bool(videos) and all(_NAME.fullmatch(path.stem) for path in videos)
    if lists_folder is None and number == 1 and not (folder and official):
        return None
    if folder is None:
        places = ", ".join(str(place) for place in _places(root, lists_folder))
        raise DatasetError(
            f"The official lists of UCF101 are missing; expected {' and '.join(_list_names(number))} in one of: {places}. "
            "Unpack them there, or name their folder with --splits."
        )
    if not official and lists_folder is None:
        raise DatasetError(
            f"List {number} of UCF101 was requested, but not all of the {len(videos)} video(s) in {root} are named like its "
            f"clips, v_CLASS_gNN_cNN. Take the others out, or write {CSV_NAME}."
        )
    return _match(root, videos, read_lists(folder, number), number)


@system_errors(DatasetError)
def read_lists(folder: Path, number: int) -> list[Listed]:
    """Read the lists ``number`` in ``folder``: training clips first, each in the order of its list.

    Raises:
        DatasetError: a list is missing, empty or cannot be read, a line is malformed, or a clip is named twice.
    """
    found: dict[str, Listed] = {}
    for name, split in zip(_list_names(number), ("train", "test")):
        for place, line in _lines(folder / name):
            match = _LINE.fullmatch(line)
            if match is None:
                raise DatasetError(
                    f"{place}: got {line!r}; expected a line such as: ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi"
                )
            label = match["label"]
            listed = Listed(match["name"], label, f"{label}_g{match['group']}", split)
            first = found.setdefault(listed.name.lower(), listed)
            if first is not listed:
                where = f"the {first.split} list" if first.split != split else "this list already"
                raise DatasetError(f"{place}: {listed.name} is in {where}; get the official lists again.")
    if not found:
        raise DatasetError(f"The official lists in {folder} name no clip; get them again.")
    return list(found.values())


def _match(root: Path, videos: Sequence[Path], listed: Sequence[Listed], number: int) -> Dataset:
    files: dict[str, Path] = {}
    for path in videos:
        first = files.setdefault(path.stem.lower(), path)
        if first is not path and _NAME.fullmatch(path.stem):
            raise DatasetError(f"{first} and {path} have the name of the same clip; keep one of them.")
    clips = [
        Clip(files.pop(entry.name.lower()), entry.label, entry.group, entry.split)
        for entry in listed
        if entry.name.lower() in files
    ]
    if not clips:
        raise DatasetError(
            f"None of the {len(listed):,} clips in the official lists is in {root}, which has {len(videos)} video(s); expected "
            f"names such as {listed[0].label}/{listed[0].name}.avi."
        )
    notes = []
    if len(clips) < len(listed):
        labels, here = {entry.label for entry in listed}, {clip.label for clip in clips}
        notes.append(
            f"{len(listed) - len(clips):,} of the {len(listed):,} clips in the official lists are not here; "
            f"{len(labels - here)} of the {len(labels)} classes have none."
        )
    if files:
        example = min(files.values()).name
        notes.append(f"{len(files):,} video(s) are in no official list and are left out, such as {example}.")
    return Dataset(root, f"UCF101, official list {number}", clips, tuple(notes))


def _find_lists(root: Path, lists_folder: Optional[Path]) -> Optional[Path]:
    """The first place with a training list; missing other lists are noticed when they are read."""
    for place in _places(root, lists_folder):
        if any((place / f"trainlist0{number}.txt").is_file() for number in LISTS):
            return place
    return None


def _places(root: Path, lists_folder: Optional[Path]) -> list[Path]:
    parents = [root.absolute(), root.absolute().parent] if lists_folder is None else [lists_folder]
    return [place for parent in parents for place in (parent, parent / _LISTS_FOLDER)]


def _list_names(number: int) -> tuple[str, str]:
    return f"trainlist0{number}.txt", f"testlist0{number}.txt"


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """The position of each line, and the line; empty ones are skipped."""
    try:
        text = open_table(path).read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(
            f"The official list {path} cannot be read: {reason}. Get the official lists again."
        ) from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"{path}, line {number}", line.strip()

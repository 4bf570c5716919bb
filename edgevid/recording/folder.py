"""A folder of clips for each label, and a ``clips.csv`` that describes them.

::

    my_clips/
        clips.csv                         path, label, group, person, place, device
        wave/20261126-101500-3fa9.avi     a clip; its row is in the file too
        none/20261126-101702-9c04.avi

A clip is written under a temporary name, flushed to disk and renamed; then its row is written in the same way. So after a
kill at any point each file is complete, and a clip without a row gets it back when the folder is next opened.
"""

from __future__ import annotations

import csv
import io
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Union

from ..datasets import ucf101
from ..datasets.clips import CSV_NAME, DatasetError
from ..errors import OptionError
from ..sources.folder import videos_below
from ..support.files import as_path, is_file, open_table, whole, write_whole
from ..support.locks import locked
from ..support.system import reason_of
from .avi import count_frames, read_note, write_avi
from .take import Take

LOCK_NAME = ".clips.lock"
# While they hold the lock, other recorders need a second or two on a slow card.
LOCK_SECONDS = 10.0
_UNFINISHED = ".partial-*"  # names of files that are being written, see `support.files`
_LONGEST_LABEL = 100
# Clips of the same people and place that follow one another this soon are of one session, whatever program recorded them.
SESSION_SECONDS = 1800.0
_SESSION = "%Y-%m-%d_%H.%M.%S_"
_SESSION_GROUP = re.compile(r"\d{4}-\d\d-\d\d_\d\d\.\d\d\.\d\d_[0-9a-f]{4}")
_NOT_IN_LABELS = '/\\:*?"<>|'


class FolderClip(NamedTuple):
    """A row of ``clips.csv``; unknown values are empty strings.

    Attributes:
        path: path of the video, relative to the folder, with ``/``.
        label: the action it shows.
        group: clips of one group share people, place or session; whole groups are held out for measuring.
        person, place: who is in the picture, and where.
        device: the recording device.
    """

    path: str
    label: str
    group: str = ""
    person: str = ""
    place: str = ""
    device: str = ""


def check_label(label: str) -> str:
    """Return ``label`` if it can be the name of a folder on every system.

    Raises:
        OptionError: it cannot.
    """
    try:
        too_long = len(label.encode()) > _LONGEST_LABEL
    except UnicodeEncodeError:
        too_long = True
    bad = too_long or not label or label != label.strip() or label[0] == "." or label[-1] == "."
    if bad or any(sign in _NOT_IN_LABELS or not sign.isprintable() for sign in label):
        raise OptionError(
            f"The label {label!a} was given; expected a name that a folder can have, such as wave: at most {_LONGEST_LABEL} "
            f"bytes, no point or space around it, and none of {' '.join(_NOT_IN_LABELS)}"
        )
    return label


class ClipFolder:
    """The clips in a folder. Several programs may change it at once; each waits for the other.

    Opening it makes the folder if absent, removes unfinished files of dead recorders, and writes missing rows: for
    clips that this class recorded, and, if there was no ``clips.csv``, for all videos in the class folders.

    Args:
        root: the folder that holds the class folders.

    Raises:
        DatasetError: it cannot be written, ``clips.csv`` is damaged, or another program holds it for more than 10 s.
    """

    def __init__(self, root: Union[str, Path]) -> None:
        self.root = as_path("root", root)
        with self._changing("opened"):
            for pattern in (_UNFINISHED, f"*/{_UNFINISHED}"):
                for path in self.root.glob(pattern):
                    path.unlink(missing_ok=True)
            table = self._read()
            if table.adopt(self.root):
                self._write(table)

    def clips(self) -> list[FolderClip]:
        """The existing clips, in the order of ``clips.csv``: the newest last."""
        clips = (_clip_of(row) for row in self._read().rows)
        return [clip for clip in clips if is_file(self.root / clip.path)]

    def labels(self) -> list[str]:
        """The labels that have clips, sorted."""
        return sorted(self.counts())

    def counts(self) -> dict[str, int]:
        """How many clips each label has."""
        return dict(Counter(clip.label for clip in self.clips()))

    def session_group(self, *, person: str = "", place: str = "", device: str = "") -> str:
        """The group of clips that are recorded now, as one session.

        The newest clip's, if it was recorded less than half an hour ago, of the same person and place and by the same
        device. Else a new one: date, time and four random characters, because a board may have no clock.
        """
        newest = next(reversed(self.clips()), None)
        if newest is not None and newest[3:] == (person, place, device) and _SESSION_GROUP.fullmatch(newest.group):
            with suppress(OSError):
                if abs(time.time() - (self.root / newest.path).stat().st_mtime) < SESSION_SECONDS:
                    return newest.group
        return time.strftime(_SESSION) + secrets.token_hex(2)

    def add(self, take: Take, *, group: str, person: str = "", place: str = "", device: str = "") -> FolderClip:
        """Write a clip. On return it is on the disk, complete, and listed in ``clips.csv``.

        Raises:
            OptionError: the label cannot be the name of a folder. DatasetError: it cannot be written; nothing has changed.
        """
        folder = self.root / check_label(take.label)
        path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}.avi"
        clip = FolderClip(path.relative_to(self.root).as_posix(), take.label, group, person, place, device)
        with self._changing("written"):
            table = self._read()
            try:
                folder.mkdir(exist_ok=True)
                with whole(path, sync=True) as partial:
                    note = {name: value for name, value in clip._asdict().items() if name != "path"}
                    write_avi(partial, take.jpegs, take.width, take.height, take.fps, note)
                    frames = count_frames(partial)
                    if frames != len(take.jpegs):
                        raise DatasetError(
                            f"Only {frames} of a clip's {len(take.jpegs)} frames can be read back from {folder}; it is not kept. "
                            "Check the disk."
                        )
                table.append(clip)
                self._write(table)
            except BaseException:
                path.unlink(missing_ok=True)
                with suppress(OSError):
                    folder.rmdir()  # if it is empty
                raise
        return clip

    def delete(self, clip: Union[FolderClip, str]) -> None:
        """Delete a clip, given itself or its path, and its row.

        Raises:
            DatasetError: ``clips.csv`` lists no such clip, or it cannot be deleted.
        """
        name = clip if isinstance(clip, str) else clip.path
        with self._changing("changed"):
            table = self._read()
            inside = not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts
            if not inside or not table.remove(name):
                raise DatasetError(
                    f"{self.root / CSV_NAME} lists no clip {name!r} in this folder; it may be deleted already."
                )
            self._write(table)
            path = self.root / name
            path.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()  # if it is empty

    def _read(self) -> _Table:
        return _Table.read(self.root / CSV_NAME)

    def _write(self, table: _Table) -> None:
        write_whole(self.root / CSV_NAME, table.text(), sync=True)

    @contextmanager
    def _changing(self, what: str) -> Iterator[None]:
        """Hold the lock within the block; turn errors of the system into edgevid's own."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with locked(self.root / LOCK_NAME, wait_seconds=LOCK_SECONDS):
                yield
        except BlockingIOError as error:
            raise DatasetError(
                f"Another program has been changing {self.root} for {LOCK_SECONDS:g} s; wait for it, or end it."
            ) from error
        except ValueError as error:  # a name that no file can have
            reason = reason_of(error)
            if reason is None:
                raise
            raise DatasetError(reason) from error
        except OSError as error:
            raise DatasetError(
                f"The folder {self.root} cannot be {what}: {error.strerror or error}. Nothing in it was "
                "changed; check its free space and that you may write there, or name another one."
            ) from error


@dataclass
class _Table:
    """The rows of ``clips.csv``, with all columns, also rows of others."""

    path: Path
    fields: list[str]
    rows: list[dict[str, str]]
    is_new: bool

    @classmethod
    def read(cls, path: Path) -> _Table:
        fields: list[str] = []
        rows: list[dict[str, str]] = []
        try:
            with open_table(path) as file:
                reader = csv.DictReader(file, restkey="", restval="")
                rows, fields = list(reader), list(reader.fieldnames or [])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, csv.Error) as error:
            raise DatasetError(
                f"{path} cannot be read: {error}. Repair it, or move it away; a new one is then made."
            ) from error
        if fields and not {"path", "label"} <= set(fields):
            raise DatasetError(
                f"{path} has the columns {', '.join(fields)}; expected path and label among them. Move it away; a new "
                "one is then made."
            )
        if any("" in row for row in rows):
            raise DatasetError(f"{path} has a line with more values than its first line has names; repair it.")
        is_new = not fields
        fields += [name for name in FolderClip._fields if name not in fields]
        return cls(path, fields, rows, is_new)

    def text(self) -> str:
        out = io.StringIO()
        writer = csv.DictWriter(out, self.fields, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return out.getvalue()

    def append(self, clip: FolderClip) -> None:
        self.rows.append(clip._asdict())

    def remove(self, path: str) -> bool:
        """Remove a row; returns whether there was one."""
        before = len(self.rows)
        self.rows = [row for row in self.rows if row["path"] != path]
        return len(self.rows) < before

    def adopt(self, root: Path) -> bool:
        """Append rows for videos in class folders without one; returns whether there were any."""
        known = {PurePosixPath(row["path"]) for row in self.rows}
        found = []
        for path in videos_below(root):
            name = PurePosixPath(path.relative_to(root).as_posix())
            if len(name.parts) == 1 or name in known:
                continue
            note = read_note(path) or {}
            if self.is_new or "label" in note:
                note = {
                    key: value for key, value in note.items() if key in FolderClip._fields and isinstance(value, str)
                }
                label = name.parts[0]
                group = ucf101.group_of(path, label) or ""
                # the folder's name counts: renaming it renames the action
                found.append(FolderClip(**{"group": group, **note, "path": str(name), "label": label}))
        moved = {PurePosixPath(clip.path).name for clip in found}
        self.rows = [
            row for row in self.rows if PurePosixPath(row["path"]).name not in moved or is_file(root / row["path"])
        ]
        for clip in found:
            self.append(clip)
        return bool(found)


def _clip_of(row: dict[str, str]) -> FolderClip:
    return FolderClip(**{name: (row.get(name) or "").strip() for name in FolderClip._fields})

"""What a training decided by itself, and what speaks against trusting it, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from .card import count_clips
from .clips import Clip
from .division import MIN_GROUPS_FOR_TEST
from .metrics import Metrics

# Below these a class is called small. A rule of thumb: UCF101 has about 130 clips of 25 groups a class.
_FEW_CLIPS, _FEW_GROUPS = 20, 5
_WIDE = 0.2

Decision = tuple[str, str, str]  # what, value, why


def division_decisions(clips: Sequence[Clip], named_test: int, held_out_test: bool) -> list[Decision]:
    """What each part of the clips is for. ``split`` of the clips is how they are used."""
    parts = {name: [clip for clip in clips if clip.split == name] for name in ("train", "validation", "test")}
    rows = [
        ("training clips", _size(parts["train"]), "what is left after whole groups were held out"),
        (
            "validation clips",
            _size(parts["validation"]),
            "they stop the training and choose, so they cannot measure it fairly",
        ),
    ]
    if held_out_test:
        rows.append(("test clips", _size(parts["test"]), "used for no choice: they measure what was exported"))
    elif named_test:
        rows.append(("test clips", f"{named_test} clips", "named by the data; measured with --evaluate-test only"))
    else:
        why = f"a class has fewer than {MIN_GROUPS_FOR_TEST} groups, or --test is 0"
        rows.append(("test clips", "none", f"{why}: all are needed to train and to validate"))
    return rows


def settings_decisions(recipe: tuple[str, str], candidates: Sequence[dict[str, Any]], divisions: int) -> list[Decision]:
    """The recipe, and what was chosen among the candidates."""
    rows = [("recipe", *recipe)]
    for row in candidates:
        if row["chosen"]:
            why = f"lowest validation loss of {len(candidates)} candidates on {_divisions(divisions)}"
            if row.get("units") is not None:
                rows.append(("units", str(row["units"]), why))
            rows.append(("learning rate", f"{row['learning_rate']:g}, decay {row['decay']:g} a step", why))
            rows.append(("batch size", str(row["batch_size"]), "several steps an epoch, though the clips are few"))
            rows.append(("patience", f"{row['patience']} epochs", "about 100 steps without a lower validation loss"))
    return rows


def candidate_table(candidates: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """What each candidate gave, the heading first."""
    rows: list[tuple[str, ...]] = [("units", "learning rate", "decay", "validation loss", "accuracy", "")]
    for row in candidates:
        rows.append(
            (
                "-" if row.get("units") is None else str(row["units"]),
                f"{row['learning_rate']:g}",
                f"{row['decay']:g}",
                f"{row['validation_loss']:.3f}",
                f"{100 * row['hits'] / row['clips']:.0f} % of {row['clips']}",
                "chosen" if row["chosen"] else "",
            )
        )
    return rows


def warnings(clips: Sequence[Clip], labels: Sequence[str], measured: Metrics, test: Optional[Metrics]) -> list[str]:
    """Why the figures, or the model, are not to be relied on; a sentence each."""
    found = []
    used = [clip for clip in clips if clip.split == "train"]
    small = []
    for label in labels:
        of_class = [clip for clip in used if clip.label == label]
        groups = len({clip.group for clip in of_class})
        if len(of_class) < _FEW_CLIPS or groups < _FEW_GROUPS:
            small.append(f"{label} ({len(of_class)} of {groups})")
    if small:
        found.append(
            f"Too little to rely on: training clips (of groups) of {', '.join(small[:6])}{' and others' if small[6:] else ''}. "
            f"Aim for {_FEW_CLIPS} clips and {_FEW_GROUPS} people or places a class, or more."
        )
    if len({clip.group for clip in clips}) == len(clips):
        found.append(
            "Each clip counts as a group of its own. If several show the same person, place or recording, say so in a clips.csv "
            "with a column 'group': otherwise the accuracy is too high."
        )
    low, high = (test or measured).accuracy.interval
    if high - low > _WIDE:
        name = "test" if test else "validation"
        found.append(
            f"The accuracy is known only to be between {100 * low:.0f} and {100 * high:.0f} %: {(test or measured).accuracy.n} "
            f"{name} clips are few."
        )
    if low <= 1 / len(labels):
        found.append(f"That is not shown to be better than a guess among {len(labels)} classes.")
    if test is None:
        found.append("There is no test: the validation clips chose the epoch, so their accuracy is too high.")
    return found


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _size(clips: Sequence[Clip]) -> str:
    count = count_clips(clips)
    return f"{count['clips']} clips of {count['groups']} groups"


def _divisions(count: int) -> str:
    return "one division of the clips" if count == 1 else f"{count} divisions of the clips"

"""Compares the results of check.py on two machines, and prints a line for each step. Exit code 1: they disagree.

python tests/arm/compare.py REFERENCE.json RESULTS.json
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

# Between probabilities of the same pixels
TOLERANCE = 0.02
# Between probabilities of a lossy video: FFmpeg's decoders and conversions on x86 and ARM differ by up to 2 of 255 in a pixel.
TOLERANCE_DECODED = 0.1
# Lowest cosine between embeddings of one picture: kernels of quantised networks round differently on x86 and ARM.
LEAST_COSINE = 0.99
# What may differ
ABOUT = ("machine", "python", "runtime", "numpy", "opencv", "pillow")

Step = dict[str, Any]


class Compared(NamedTuple):
    """Whether a step gave the expected result, a description, and the largest difference of its probabilities, if any."""

    good: bool
    text: str
    difference: float = 0.0


def compared(name: str, reference: Step, given: Step) -> Compared:
    if "embedding" in reference:
        cosine = cosine_of(reference["embedding"], given["embedding"])
        return Compared(cosine >= LEAST_COSINE, f"cosine {cosine:.4f} with x86, at least {LEAST_COSINE:g}")
    if "probabilities" in reference:
        return compared_probabilities(reference, given, TOLERANCE_DECODED if "MPEG-4" in name else TOLERANCE)
    wrong = [key for key in reference if key not in (*ABOUT, "seconds") and reference[key] != given[key]]
    said = "; ".join(f"{key}: {given[key]}, x86: {reference[key]}" for key in wrong)
    return Compared(not wrong, said or "the same")


def compared_probabilities(reference: Step, given: Step, tolerance: float) -> Compared:
    old, new = reference["probabilities"], given["probabilities"]
    if len(old) != len(new):
        return Compared(False, f"{len(new)} predictions, x86: {len(old)}")
    difference = max(abs(a - b) for rows in zip(old, new) for a, b in zip(*rows))
    good = reference["label"] == given["label"] and difference <= tolerance
    answers = f"{given['label']} {max(new[-1]):.3f}, x86: {reference['label']} {max(old[-1]):.3f}"
    counted = f" in {len(new)} predictions" if len(new) > 1 else ""
    text = f"{answers}; largest difference{counted} {difference:.4f}, at most {tolerance:g}"
    return Compared(good, text, difference)


def cosine_of(old: list[float], new: list[float]) -> float:
    """Of the angle between two embeddings; 0 if they differ in size."""
    if len(old) != len(new):
        return 0.0
    return sum(a * b for a, b in zip(old, new)) / (math.hypot(*old) * math.hypot(*new))


def main(reference: Path, results: Path) -> int:
    old = json.loads(reference.read_text())
    new = json.loads(results.read_text()) if results.exists() else {}
    about = new.get("import", {})
    print(", ".join(f"{key} {about[key]}" for key in ABOUT if about))
    failed, largest = 0, 0.0
    for name, expected in old.items():
        step = compared(name, expected, new[name]) if name in new else Compared(False, "did not finish")
        seconds = f"{new[name]['seconds']:.0f} s" if name in new else ""
        print(f"{'PASS' if step.good else 'FAIL'}  {name:26} {seconds:>6}  {step.text}")
        failed, largest = failed + (not step.good), max(largest, step.difference)
    verdict = f"FAIL: {failed} of {len(old)} steps" if failed else f"PASS: {len(old)} steps"
    print(f"{verdict}; the largest difference from x86 is {largest:.4f}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))

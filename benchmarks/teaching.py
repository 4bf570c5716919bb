"""How long it takes to learn, and to learn one more example, once clips are embedded.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/teaching.py
    python benchmarks/teaching.py --clips 60 --features 8220

The features are generated: clips of ten actions in 18 groups, four windows per clip. `fit` chooses the penalty, calibrates and
measures on folds of groups, as in `edgevid teach`. `refit` does what `recognizer.refit(measure=False)` does after one more
example.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from measure import environment, peak_bytes, save

from edgevid.teaching.examples import Example, Examples
from edgevid.teaching.learning import learn

_ACTIONS, _GROUPS = 10, 18


def made_up(clips: int, features: int, windows: int, seed: int = 0) -> Examples:
    """Examples whose windows resemble others of their clip most, of their group less, and of their action least."""
    random = np.random.default_rng(seed)
    labels, groups = random.integers(_ACTIONS, size=clips), random.integers(_GROUPS, size=clips)
    actions, of_groups = (random.normal(size=(count, features)).astype(np.float32) for count in (_ACTIONS, _GROUPS))
    rows = (
        0.1 * actions[labels] + 0.3 * of_groups[groups] + 0.5 * random.normal(size=(clips, features)).astype(np.float32)
    )
    owners = np.repeat(np.arange(clips), windows)
    examples = [Example(f"action {label}", f"group {group}") for label, group in zip(labels, groups)]
    noise = 0.3 * random.normal(size=(len(owners), features)).astype(np.float32)
    early = np.zeros(len(owners), bool)
    return Examples(tuple(examples), owners, early, (rows[owners] + noise).astype(np.float32), (features,))


def timed(work: Any) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=450, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--features", type=int, default=5000, metavar="N", help="per window (default: %(default)s)")
    parser.add_argument("--windows", type=int, default=4, metavar="N", help="windows per clip (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="the fastest counts (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")
    args = parser.parse_args()
    examples = made_up(args.clips + args.runs, args.features, args.windows)
    known = args.clips * args.windows
    first = replace(
        examples,
        clips=examples.clips[: args.clips],
        owners=examples.owners[:known],
        early=examples.early[:known],
        features=examples.features[:known],
    )
    fits = [timed(lambda: learn(first)) for _ in range(args.runs)]
    learnt = fits[0][1]
    refits, kernel = [], learnt.fitted.kernel
    for number in range(args.runs):
        more = slice(known + number * args.windows, known + (number + 1) * args.windows)
        classes = examples.classes[: more.stop]
        targets = np.eye(len(examples.outputs))[classes]

        def again(kernel: Any = kernel, more: slice = more, targets: Any = targets) -> Any:
            extended = kernel.extended(examples.features[more])
            return extended.fit(targets, learnt.fitted.penalty, learnt.fitted.head.sharpness)

        seconds, fitted = timed(again)
        kernel = fitted.kernel
        refits.append(seconds)
    result = {
        "fit_cpu_seconds": round(min(seconds for seconds, _ in fits), 3),
        "refit_cpu_seconds": round(min(refits), 3),
        "accuracy": round(learnt.held_out.accuracy.value, 4),
        "peak_bytes": peak_bytes(),
    }
    print(
        f"{args.clips} clips, {known} windows of {args.features} features: fit {result['fit_cpu_seconds']:.2f} s of one core"
    )
    print(f"one more example: refit {result['refit_cpu_seconds']:.2f} s of one core")
    about = {"clips": args.clips, "features": args.features, "windows": args.windows}
    save({"benchmark": "teaching", "environment": environment(), **about, **result}, args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.fuzz``"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict

from .engine import Outcome, case_names, run
from .targets import KINDS


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Damaged and hostile inputs of all kinds."
    )
    parser.add_argument("--cases", type=int, default=1000, help="number of cases (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the cases (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=list(KINDS), help="this kind only; may be given again")
    parser.add_argument(
        "--replay", action="append", metavar="KIND:SEED:NUMBER", help="run this case, and print its outcome"
    )
    parser.add_argument("--jobs", type=int, default=1, help="parallel workers (default: %(default)s)")
    parser.add_argument("--each", action="store_true", help="print a line for each case")
    args = parser.parse_args()
    began, done = time.monotonic(), 0

    def tell(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        if args.each or args.replay or not outcome.good:
            _say(f"{outcome.name}  {outcome.result} in {outcome.seconds:.2f} s  {outcome.detail}")
        if done % 1000 == 0:
            _say(f"-- {done} cases after {time.monotonic() - began:.0f} s")

    report = run(args.replay or case_names(args.cases, args.seed, args.only or ()), jobs=args.jobs, on_outcome=tell)
    alike = defaultdict(list)
    for outcome in report.findings:
        alike[outcome.result, outcome.detail.split(": ")[0]].append(outcome.name)
    for (result, detail), names in sorted(alike.items(), key=lambda item: -len(item[1])):
        _say(f"{len(names):6}  {result}: {detail}  --replay {names[0]}")
    _say("\n".join(report.lines()))
    return 1 if report.findings else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

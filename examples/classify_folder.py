"""Group the videos in a folder by the action they show.

python examples/classify_folder.py my_clips/
"""

import sys
from collections import defaultdict
from pathlib import Path

import edgevid


def main(folder: Path) -> int:
    recognizer = edgevid.load()
    found = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in {".mp4", ".avi", ".mkv", ".mov", ".webm"}:
            continue
        try:
            prediction = recognizer.classify(path)
        except edgevid.EdgevidError as error:  # one bad file does not stop the rest
            print(f"skipped: {error}", file=sys.stderr)
            continue
        found[prediction.verdict].append((prediction.score, path))  # a label, or "nothing recognised"

    for label, clips in sorted(found.items()):
        print(f"{label}: {len(clips)}")
        for score, path in sorted(clips, reverse=True):
            print(f"  {score:.2f}  {path.relative_to(folder)}")
    return 0 if found else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER")
    sys.exit(main(Path(sys.argv[1])))

"""An asyncio program that reads its own camera. It stays responsive while the networks run in a thread.

python examples/asyncio_loop.py          # camera 0
python examples/asyncio_loop.py clip.mp4 # a file stands in for the camera
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator

import cv2
import numpy as np

import edgevid


async def frames(capture: cv2.VideoCapture, is_file: bool) -> AsyncIterator[tuple[float, np.ndarray]]:
    """Yield each frame's timestamp in seconds, and the frame in OpenCV's BGR order."""
    while await asyncio.to_thread(capture.grab):
        now = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 if is_file else time.monotonic()
        good, frame = capture.retrieve()
        if good:
            yield now, frame


async def everything_else() -> None:
    """Sockets, timers, motors. Here it only counts how often it ran."""
    turns = 0
    try:
        while True:
            await asyncio.sleep(0.01)
            turns += 1
    finally:
        print(f"everything else had its turn {turns} times")


async def main(source: str) -> int:
    is_file = not source.isdigit()
    # Not released: after Ctrl-C a thread may still read it. Python frees it when nothing uses it any more.
    capture = cv2.VideoCapture(source if is_file else int(source))
    if not capture.isOpened():
        print(f"cannot open {source}", file=sys.stderr)
        return 1
    recognizer = await asyncio.to_thread(edgevid.load)
    others = asyncio.create_task(everything_else())
    try:
        async for prediction in recognizer.astream(frames(capture, is_file), colour="bgr"):
            if prediction.accepted:
                print(f"{prediction.timestamp:7.2f} s  {prediction.label} ({prediction.score:.0%})")
    finally:
        others.cancel()
        await asyncio.wait([others])
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "0")))

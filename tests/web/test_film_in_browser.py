"""The film that ``edgevid demo`` writes, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.videos import moving_frames
from support.waiting import wait_until

from edgevid.outputs.drawing.video_writer import SUFFIXES, VideoWriter


def test_it_plays(chromium: Any, tmp_path: Path):
    path = tmp_path / f"film{next(iter(SUFFIXES))}"
    with VideoWriter(path, 640, 360, 10.0) as writer:
        for frame in moving_frames(12, 640, 360):
            writer.write(frame)
        writer.finish()
    page = tmp_path / "page.html"
    page.write_text(f"<video src='{path.name}' muted autoplay></video>")
    chromium.get(page.as_uri())
    look = "const v = document.querySelector('video'); return [v.ended, v.error && v.error.message, v.videoWidth, v.duration]"
    wait_until(lambda: any(chromium.execute_script(look)[:2]))
    ended, error, width, seconds = chromium.execute_script(look)
    assert (ended, error, width) == (True, None, 640)
    assert abs(seconds - 1.2) < 0.11

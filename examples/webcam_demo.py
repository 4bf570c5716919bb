"""A webcam, file or URL, and the actions in it, on a page in your browser.

python examples/webcam_demo.py            # camera 0
python examples/webcam_demo.py clip.mp4
python examples/webcam_demo.py --terminal # draws bars in the terminal; needs no browser and no aiohttp
"""

import sys

import edgevid
from edgevid import StreamOptions

WIDTH = 40
EARLY = StreamOptions(min_filled=0)  # from the first frame on, before the window is full


def draw(prediction: edgevid.Prediction) -> str:
    left, top, right, bottom = prediction.region or (0, 0, 1, 1)  # where a bundle looks at a part of the picture
    where = f"looks at {left:4.0%} to {right:4.0%} across, {top:4.0%} to {bottom:4.0%} down"
    when = f"{prediction.timestamp:8.2f} s   window {prediction.window_filled:4.0%} filled"
    lines = [f"{when}   {prediction.verdict:<20}", where]
    for label, score in prediction.top(5):
        lines.append(f"{label:>20}  {'█' * round(score * WIDTH):{WIDTH}}  {score:4.0%}")
    return "\n".join(lines)


def in_the_terminal(recognizer: edgevid.Recognizer, source: str) -> None:
    drawn = 0
    for prediction in recognizer.stream(source, EARLY):
        if drawn and sys.stdout.isatty():
            print(f"\x1b[{drawn}A", end="")  # back to the top of the last picture
        print(text := draw(prediction), flush=True)
        drawn = text.count("\n") + 1


def on_a_page(recognizer: edgevid.Recognizer, source: str) -> None:
    from edgevid.outputs.web import WebServer  # pip install 'edgevid[web]'

    with WebServer(recognizer.labels) as page, recognizer.start(source, outputs=[page], stream=EARLY) as runner:
        print(f"Open {page.url} in a browser. Ctrl-C ends it.", flush=True)
        runner.wait()


def main(arguments: list[str]) -> int:
    show = in_the_terminal if "--terminal" in arguments else on_a_page
    source = next((argument for argument in arguments if argument != "--terminal"), "0")
    try:
        with edgevid.load() as recognizer:
            show(recognizer, source)
    except edgevid.EdgevidError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A real browser, and what a person sees in it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.waiting import wait_until

PHONE, DESK = (360, 740), (1280, 800)
_CHROMIUM, _DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
_FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


def open_browser(folder: Path) -> Any:
    """Chromium with its profile in ``folder``; skips the test where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    for path in (_CHROMIUM, _DRIVER):
        if shutil.which(path) is None:
            pytest.skip(f"{path} is not here (Debian: apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = _CHROMIUM
    for flag in [*_FLAGS.split(), f"--user-data-dir={folder}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(_DRIVER))


class Page:
    """What a person sees of the page."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str) -> Page:
        self.driver.get(url)
        return self

    def look(self, width: int, height: int, **features: str) -> Page:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
        return self

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def click(self, selector: str) -> None:
        """Click the element; waits until it is there."""
        self.shows(selector, "")
        self.one(selector).click()

    def type(self, selector: str, *keys: str) -> None:
        """Type into the element; waits until it is there."""
        self.shows(selector, "")
        self.one(selector).send_keys(*keys)

    def text(self, selector: str) -> str:
        """The text on the screen, with each run of whitespace as one space."""
        return " ".join(self.one(selector).text.split())

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def shows(self, selector: str, text: str) -> None:
        """Wait until the element is there and contains the text."""

        def there() -> bool:
            with contextlib.suppress(Exception):  # not there yet, or just replaced
                return text in self.text(selector)
            return False

        try:
            wait_until(there)
        except AssertionError:
            found = [element.text for element in self.all(selector)]
            raise AssertionError(f"{selector} never showed {text!r}, but {found}") from None

    def focused(self) -> Any:
        return self.driver.switch_to.active_element

    def press(self, *keys: str) -> None:
        self.focused().send_keys(*keys)

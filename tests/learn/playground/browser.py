"""The page in a real browser without a screen."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
)
PATIENCE = 60  # seconds


def expect_browser() -> None:
    """Skip what needs a browser where there is none."""
    if CHROMIUM is None or DRIVER is None:
        import pytest

        pytest.skip("needs a browser: apt-get install chromium chromium-driver")


class Browser:
    """Chromium, and the page of a playground in it."""

    def __init__(self) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        self.profile = tempfile.TemporaryDirectory()
        for flag in [*FLAGS.split(), f"--user-data-dir={self.profile.name}", "--window-size=1280,1000"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
        self.show()

    def show(self, width: int = 1280, height: int = 1000, dark: bool = False) -> None:
        """Set the size of the page, and whether dark colours are preferred."""
        # The window has a least width, the page has none.
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def close(self) -> None:
        """End the browser."""
        self.driver.quit()
        self.profile.cleanup()

    def open(self, address: str) -> None:
        """Open a page, as for the first time, and wait until it has drawn something."""
        self.driver.get("about:blank")
        self.driver.get(address)
        self.until(lambda: (self.of("frames") or 0) > 0)

    def of(self, name: str) -> Any:
        """Something that the page knows."""
        try:
            return self.driver.execute_script(f"return document.body.__playground.{name}")
        except JavascriptException:
            return None

    def numbers(self, name: str) -> list[float]:
        """An array of the latest frame."""
        script = f"return Array.from(document.body.__playground.frame.arrays.get('{name}').values)"
        return list(self.driver.execute_script(script))

    def header(self) -> dict[str, Any]:
        """That of the latest frame."""
        return dict(self.driver.execute_script("return document.body.__playground.frame.header"))

    def until(self, holds: Callable[[], Any]) -> Any:
        """Wait for something that holds, and return it."""
        end = time.monotonic() + PATIENCE
        while not (value := holds()):
            assert time.monotonic() < end, f"waited for {PATIENCE} seconds: {self.messages()}"
            time.sleep(0.03)
        return value

    def element(self, name: str) -> WebElement:
        """The element with an id."""
        return self.driver.find_element(By.ID, name)

    def text(self, name: str) -> str:
        """What an element says."""
        return str(self.element(name).text)

    def click(self, name: str) -> None:
        """Click on an element, which is brought into view."""
        element = self.element(name)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def choose(self, name: str, value: str) -> None:
        """Choose from a menu."""
        Select(self.element(name)).select_by_value(value)

    def enter(self, name: str, value: object) -> None:
        """Type a number into a field."""
        self.driver.execute_script(
            "const [e, v] = arguments; e.value = v;"
            "e.dispatchEvent(new Event('input', {bubbles: true}));"
            "e.dispatchEvent(new Event('change', {bubbles: true}))",
            self.element(name),
            str(value),
        )

    def click_at(self, name: str, x: float, y: float) -> None:
        """Click on a point of an element, in its own pixels from the upper left."""
        element = self.element(name)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        size = element.size
        actions = ActionChains(self.driver)
        actions.move_to_element_with_offset(
            element, round(x - size["width"] / 2), round(y - size["height"] / 2)
        )
        actions.click().perform()

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def messages(self) -> list[str]:
        """What the browser has complained of."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def save(self, path: Path) -> None:
        """A picture of the window."""
        self.driver.save_screenshot(str(path))

"""A real browser for the tests of the page, where there is one."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

_WAIT_S: Final = 60
_ARGUMENTS: Final = (
    "--headless=new",
    "--no-sandbox",  # as root
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--window-size=1200,900",
)


class Browser:
    """Chromium with one page open at a time."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, page: Path, *, fragment: str = "") -> None:
        """Open a page, and forget what the one before it logged."""
        self.driver.get("about:blank")
        self._log("browser")
        self._log("performance")
        self.driver.get(page.as_uri() + fragment)

    def _log(self, kind: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.driver.execute("getLog", {"type": kind})["value"]
        return told

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait_for(self, script: str) -> None:
        """Wait until an expression is true."""
        WebDriverWait(self.driver, _WAIT_S).until(lambda driver: driver.execute_script(
            f"return Boolean({script})"))  # fmt: skip

    def texts(self, selector: str) -> list[str]:
        """Return the texts of what is shown of the elements."""
        return list(self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((e) => e.offsetParent).map((e) => e.textContent.trim())", selector,
        ))  # fmt: skip

    def complaints(self) -> list[str]:
        """Return what the page logged on its console, violations of its policy among it."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def requests(self) -> set[str]:
        """Return where the page asked for anything."""
        events = [json.loads(one["message"])["message"] for one in self._log("performance")]
        return {
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        }

    def emulate(self, *, dark: bool = False, width: int = 1200) -> None:
        """Be a screen of that width, of somebody who likes it dark or light."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        # What moves while it is clicked may be missed.
        calm = {"name": "prefers-reduced-motion", "value": "reduce"}
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, calm]})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def printed(self) -> bytes:
        """Return the page as it is printed, as PDF."""
        told = self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
        return base64.b64decode(told["data"])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return a browser, or skip the test where there is none."""
    driver, program = shutil.which("chromedriver"), shutil.which("chromium")
    if not driver or not program:
        pytest.skip("there is no Chromium with its driver; on Debian: chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(started)
    finally:
        started.quit()


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """Return the browser as it is at the start of a test."""
    chromium.emulate()
    return chromium

"""A headless Chromium for the tests of pages: what it logs, what it asks the network for, and how wide a page is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


class Browser:
    """One browser; every page opens in the same tab."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        driver.execute_cdp_cmd("Network.enable", {})

    def open(self, page: Path, width: int = 1200, height: int = 900, fragment: str = "") -> list[str]:
        """Open a page from disk; returns the addresses of all that it loaded, itself apart."""
        return self.visit(page.as_uri() + fragment, width, height)

    def visit(self, address: str, width: int = 1200, height: int = 900) -> list[str]:
        """Open an address; returns the addresses of all that it loaded, itself apart."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.get("about:blank")
        self.logs()
        self.driver.get(address)
        return self.script("return performance.getEntriesByType('resource').map((one) => one.name)")

    def follow(self, selector: str) -> None:
        """Click on what leads to another page, and wait for that one: a click may return before the page is left."""
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.support.ui import WebDriverWait

        self.script("window.left = false")
        self.driver.find_element("css selector", selector).click()
        arrived = "return window.left === undefined && document.readyState === 'complete'"
        waiting = WebDriverWait(self.driver, 30, ignored_exceptions=[WebDriverException])
        waiting.until(lambda _: self.script(arrived))

    def script(self, code: str, *arguments: Any) -> Any:
        """What a script gives; it runs beside the page's own, whatever the page allows itself."""
        return self.driver.execute_script(code, *arguments)

    def logs(self) -> list[str]:
        """What the console said since the last look: errors, warnings, refusals of the Content-Security-Policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def print(self) -> bytes:
        """The page as a PDF of A4 sheets."""
        import base64

        found = self.driver.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
        return base64.b64decode(found["data"])


@contextmanager
def open_browser(profile: Path) -> Iterator[Browser]:
    """A browser with a new profile; skips where there is none, fails where GOVERNANCE_REQUIRE_BROWSER=1."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        reason = f"{' and '.join(missing)} not found: apt-get install chromium chromium-driver"
        if os.environ.get("GOVERNANCE_REQUIRE_BROWSER") == "1":
            pytest.fail(reason + " (GOVERNANCE_REQUIRE_BROWSER=1 makes this a failure)")
        pytest.skip(reason)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in (*_FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield Browser(driver)
    finally:
        driver.quit()

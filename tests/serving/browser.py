"""Headless Chromium, from Debian's package `chromium`."""
import contextlib
import shutil
from typing import Any, Dict, Iterator, List

import pytest

FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser; skips the test where Chromium is not installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("Chromium is not installed; install Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS, chromium_sandbox=False)
        try:
            yield browser
        finally:
            browser.close()


class Page:
    """A page of its own browser context, with all requests and errors that it caused."""

    def __init__(self, browser: Any, url: str, width: int = 1280, language: str = "en-US", **options: Any) -> None:
        context: Dict[str, Any] = dict({"viewport": {"width": width, "height": 900}, "locale": language}, **options)
        self.page = browser.new_context(**context).new_page()
        self.requests: List[str] = []
        self.errors: List[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.goto(url)

    def classify(self, text: str) -> "Page":
        """Enter a text, send it, and wait for the answer."""
        self.page.locator("#texts").fill(text)
        self.page.locator("#send").click()
        self.page.locator("#send:not([aria-disabled])").wait_for()
        return self

    def text(self, selector: str) -> str:
        """What a reader sees of an element."""
        return str(self.page.locator(selector).inner_text())

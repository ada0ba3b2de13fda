"""A real browser without a window, and pages of an origin of their own for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from .machine import need
from .serving import send, serving

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

SCRIPT_S = 60


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Debian's Chromium, driven by selenium."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    need(program and driver, "install chromium and chromium-driver")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = str(program)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    browser = Chrome(options=options, service=Service(executable_path=str(driver)))
    try:
        browser.set_script_timeout(SCRIPT_S)
        yield browser
    finally:
        browser.quit()


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        send(self, "text/html", b"<!doctype html><title>a page of another origin</title>")

    def log_message(self, *_: object) -> None:
        pass


def empty_page() -> AbstractContextManager[str]:
    """The origin of a page without content."""
    return serving(_Page)

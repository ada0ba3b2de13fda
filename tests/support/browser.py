"""A real browser without a window, and pages of an origin of their own for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

from .machine import need

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
        body = b"<!doctype html><title>a page of another origin</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def empty_page() -> Iterator[str]:
    """The origin of a page without content."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

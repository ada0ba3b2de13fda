"""What a person sees in a browser and does there, by waiting for what is seen."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ..support.browser import chromium
from ..support.servers import wait_for

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

FORMS = {"light": (1360, 1000, False), "dark": (1360, 1000, True), "phone": (390, 844, False)}
PICTURES = "MODEL_REGISTRY_TESTS_PICTURES"  # where pictures of pages go, if anywhere


class Eyes:
    """A browser at the service: ``at`` is its address."""

    def __init__(self, browser: Chrome, at: str) -> None:
        self.browser, self.at = browser, at

    def go(self, path: str) -> None:
        self.browser.get(self.at + path)

    @property
    def path(self) -> str:
        return self.browser.current_url.removeprefix(self.at)

    def find(self, selector: str, text: str = "") -> WebElement:
        """The first element that is seen and says that, once there is one."""

        def look() -> WebElement | None:
            try:
                for found in self.browser.find_elements(By.CSS_SELECTOR, selector):
                    if found.is_displayed() and text in found.text:
                        return found
            except StaleElementReferenceException:  # it is being replaced
                pass
            return None

        found = wait_for(look, bool, f"no {selector} with {text!r} on {self.browser.current_url}")
        assert found is not None
        return found

    def has(self, selector: str) -> bool:
        return any(found.is_displayed() for found in self.browser.find_elements(By.CSS_SELECTOR, selector))

    def press(self, text: str, within: str = "body") -> None:
        """A button or link with these words."""
        self.find(f"{within} button, {within} a, {within} summary", text).click()

    def type(self, selector: str, text: str) -> None:
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def keys(self, *keys: str) -> None:
        """What is typed where the focus is."""
        self.browser.switch_to.active_element.send_keys(*keys)

    def value(self, selector: str) -> str:
        return str(self.find(selector).get_attribute("value"))

    def reach(self, path: str) -> None:
        """Returns once the browser is at an address that this expression fits."""
        wait_for(lambda: self.path, lambda now: re.search(path, now), f"the browser does not come to {path}")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def focus(self) -> str:
        """What a screen reader says of where the focus is."""
        return str(self.run("const e = document.activeElement; return e.textContent.trim() || e.id || e.tagName"))

    def tab_to(self, text: str) -> None:
        """The focus is on what has these words, or this id, by the tab key alone."""
        for _ in range(200):
            self.keys(Keys.TAB)
            if text in self.focus():
                return
        raise AssertionError(f"no tab leads to {text!r}")

    def refusals(self) -> list[str]:
        """What the policy of the pages has stopped since this was asked last."""
        return [
            line["message"] for line in self.browser.get_log("browser") if "Content Security Policy" in line["message"]
        ]

    def picture(self, name: str) -> None:
        """The page as it looks now in three forms, where somebody wants to look at it."""
        if PICTURES not in os.environ:
            return
        directory = Path(os.environ[PICTURES])
        directory.mkdir(parents=True, exist_ok=True)
        for form in FORMS:
            self.show_as(form)
            self.browser.save_screenshot(str(directory / f"{name}-{form}.png"))
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def show_as(self, form: str, width: int | None = None) -> None:
        """On a screen of that form: light, dark, or a phone."""
        usual, height, dark = FORMS[form]
        size = {"width": width or usual, "height": height, "deviceScaleFactor": 1, "mobile": form == "phone"}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


@contextmanager
def a_browser(at: str, *, scripts: bool = True) -> Iterator[Eyes]:
    """A new browser, which knows nothing of those before."""
    with chromium() as browser:
        browser.set_window_size(1360, 1000)
        if not scripts:
            browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        yield Eyes(browser, at)

"""What the script adds to every page: keys, copying, light and dark without a reload, boxes that are counted."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from .seeing import Eyes

ADD = "const box = document.createElement('div'); document.querySelector('main').append(box);"


def test_a_key_leads_to_the_search(eyes: Eyes) -> None:
    eyes.go("/ui/upload")
    eyes.keys("/")
    assert eyes.focus() == "q"
    eyes.keys("g", "m", "/")
    assert eyes.value("#q") == "gm/"  # whoever writes means letters


def test_two_keys_lead_to_the_models(eyes: Eyes) -> None:
    eyes.go("/ui/upload")
    eyes.keys("g", "x", "m")
    assert eyes.path == "/ui/upload"
    eyes.keys("g", "m")
    eyes.reach("^/ui/$")


def test_a_key_shows_the_keys(eyes: Eyes) -> None:
    eyes.go("/ui/upload")
    eyes.keys("?")
    eyes.find("dialog[open]", "models")
    eyes.keys("g", "m")  # of the page below nothing is pressed
    assert eyes.path == "/ui/upload"
    eyes.keys(Keys.ESCAPE)
    assert not eyes.has("dialog[open]")


def test_dark_and_light_keep_what_was_typed(eyes: Eyes) -> None:
    eyes.go("/ui/upload")
    eyes.type("[name=reason]", "kept")
    for theme, label in (("dark", "Light pages"), ("light", "Dark pages")):
        eyes.find("form.theme button").click()
        eyes.find(f"[data-theme={theme}] form.theme button[aria-label='{label}']")
        assert eyes.value("[name=reason]") == "kept"
    eyes.browser.refresh()
    eyes.find("[data-theme=light]")


@pytest.mark.parametrize("clipboard", [True, False])
def test_a_text_is_copied(eyes: Eyes, clipboard: bool) -> None:
    """Over plain http from elsewhere a browser has no clipboard for scripts, and copies what is marked."""
    eyes.go("/ui/upload")
    if not clipboard:
        eyes.run("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    eyes.run(
        f"{ADD} const b = document.createElement('button');b.dataset.copy = 'omr pull'; b.append('Copy'); box.append(b)"
    )
    eyes.press("Copy", "main")
    eyes.find("main button", "Copied")
    eyes.find("main button", "Copy")
    eyes.find("#q").send_keys(Keys.CONTROL, "v")
    assert eyes.value("#q") == "omr pull"


def test_two_to_five_are_chosen(eyes: Eyes) -> None:
    eyes.go("/ui/upload")
    eyes.run(
        f"{ADD} const f = document.createElement('form'); f.dataset.choose = '2 5'; f.id = 'chosen';"
        "for (let i = 0; i < 6; i++) { const b = document.createElement('input'); b.type = 'checkbox'; f.append(b) }"
        "const b = document.createElement('button'); b.dataset.choice = ''; b.dataset.chooseNone = 'Select 2 to 5';"
        "b.dataset.chooseSome = 'Compare {n}'; f.append(b); box.append(f)"
    )
    boxes = eyes.browser.find_elements("css selector", "#chosen input")
    boxes[0].click()
    assert not eyes.find("#chosen button", "Select 2 to 5").is_enabled()
    for box in boxes[1:5]:
        box.click()
    assert eyes.find("#chosen button", "Compare 5").is_enabled()
    assert not boxes[5].is_enabled()
    boxes[0].click()
    assert boxes[5].is_enabled()
    eyes.find("#chosen button", "Compare 4")


def test_without_a_script_nothing_is_shown_that_needs_one(plain: Eyes) -> None:
    plain.go("/ui/upload")
    assert not plain.has("[data-drop]")
    plain.find("form.theme button").click()
    plain.find("[data-theme=dark]")

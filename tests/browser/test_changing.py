"""Reviewers move an alias, with a script and without, by keys, and at the same moment; none overwrites another."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from registry_core import Alias, ModelRegistry, ProgressCallback

from ..app.pages.a_model import MODEL, PAGE, TASK
from ..support.servers import START_S, wait_for
from .seeing import Eyes

DIALOG = "dialog[open]"
WHY = f"{DIALOG} [name=reason]"
PAUSES = "const set = setTimeout; window.pauses = []; window.setTimeout = (go, ms) => (pauses.push(ms), set(go, ms))"


def production(registry: ModelRegistry) -> Alias:
    (found,) = [alias for alias in registry.list_aliases(TASK, MODEL) if alias.alias == "production"]
    return found


def open_dialog(eyes: Eyes) -> None:
    """What a reviewer does first."""
    eyes.go(PAGE)
    eyes.press("Promote 2.0.0", "main")
    eyes.find(WHY)


def test_a_promote_in_a_dialog_says_what_happened_and_how_to_undo_it(eyes: Eyes, registry: ModelRegistry) -> None:
    open_dialog(eyes)
    assert eyes.focus() == "change-reason"
    eyes.picture("promote")
    eyes.type(WHY, "better by far")
    eyes.type(f"{DIALOG} [name=who]", "ada")
    eyes.press("Move production from 1.0.0 to 2.0.0")
    eyes.reach(r"\?done=5$")
    assert "Event 5" in eyes.find(".band.good", "ada moved production").text
    eyes.picture("done")
    eyes.press("Take it back")
    assert eyes.value(f"{DIALOG} [name=who]") == "ada"
    eyes.type(WHY, "it was not")
    eyes.press("Roll production back from 2.0.0 to 1.0.0")
    eyes.reach(r"\?done=6$")
    assert (production(registry).version, production(registry).actor) == ("1.0.0", "ada")


def test_of_two_reviewers_the_second_is_told(eyes: Eyes, others: Eyes, registry: ModelRegistry) -> None:
    open_dialog(eyes)
    open_dialog(others)
    for one, who in ((eyes, "ada"), (others, "lin")):
        one.type(WHY, f"as {who} sees it")
        one.type(f"{DIALOG} [name=who]", who)
    others.press("Move production from 1.0.0 to 2.0.0")
    others.reach("done=5")
    registry.promote(TASK, MODEL, "production", "1.1.0", actor="lin", reason="no, this one")
    eyes.press("Move production from 1.0.0 to 2.0.0")
    band = eyes.find(f"{DIALOG} .band.bad", "Nothing was changed.")
    assert "lin moved production while you looked: it names 1.1.0 now, not 1.0.0 (just now: “no, this one”" in band.text
    assert eyes.focus().startswith("Nothing was changed.")
    assert eyes.value(WHY) == "as ada sees it"
    assert eyes.value(f"{DIALOG} [name=who]") == "ada"
    eyes.picture("conflict")
    assert production(registry).version == "1.1.0"
    eyes.press("Move production from 1.1.0 to 2.0.0")
    eyes.reach("done=7")
    assert production(registry).version == "2.0.0"


def test_without_a_script_it_is_the_same(plain: Eyes, registry: ModelRegistry) -> None:
    plain.go(f"{PAGE}/promote")
    plain.type("[name=reason]", "better")
    plain.type("[name=who]", "ada")
    registry.promote(TASK, MODEL, "production", "1.1.0", actor="lin")
    plain.press("Move production from 1.0.0 to 2.0.0")
    assert "not 1.0.0 (just now" in plain.find(".band.bad").text
    assert plain.value("[name=reason]") == "better"
    plain.press("Move production from 1.1.0 to 2.0.0")
    plain.reach("done=6")
    plain.press("Take it back")
    plain.type("[name=reason]", "no")
    assert plain.value("[name=who]") == "ada"
    plain.press("Roll production back from 2.0.0 to 1.1.0")
    plain.reach("done=7")
    assert production(registry).version == "1.1.0"


def test_a_promote_by_the_keyboard_alone(eyes: Eyes, registry: ModelRegistry) -> None:
    eyes.go(f"{PAGE}/promote")
    eyes.tab_to("change-reason")
    eyes.keys("by keys")
    eyes.tab_to("change-who")
    eyes.keys("ada")
    eyes.tab_to("Move production from 1.0.0 to 2.0.0")
    eyes.keys(Keys.ENTER)
    eyes.reach("done=5")
    assert (production(registry).reason, production(registry).actor) == ("by keys", "ada")


def test_a_dialog_by_the_keyboard_alone(eyes: Eyes, registry: ModelRegistry) -> None:
    open_dialog(eyes)
    eyes.keys(Keys.ESCAPE)
    assert not eyes.has(DIALOG)
    assert eyes.focus().startswith("Promote 2.0.0")  # where it was before
    eyes.keys(Keys.ENTER)
    eyes.find(WHY)
    eyes.keys("by keys")
    eyes.tab_to("Move production from 1.0.0 to 2.0.0")
    eyes.keys(Keys.ENTER)
    eyes.reach("done=5")


def test_a_second_click_while_the_first_is_on_its_way_sends_nothing(eyes: Eyes, registry: ModelRegistry) -> None:
    eyes.go(f"{PAGE}/promote")
    eyes.type("[name=reason]", "twice")
    eyes.run("const b = document.querySelector('.confirm button'); b.click(); b.click()")
    eyes.reach("done=5")
    assert production(registry).seq == 5


def test_another_version_is_chosen_within_the_dialog(eyes: Eyes, registry: ModelRegistry) -> None:
    open_dialog(eyes)
    eyes.press("Another alias or version", DIALOG)
    eyes.type(f"{DIALOG} [name=version]:not([type=hidden])", "1.1.0")
    eyes.press("Show", DIALOG)
    eyes.find(f"{DIALOG} button", "Move production from 1.0.0 to 1.1.0")
    eyes.type(WHY, "this one")
    eyes.press("Move production", DIALOG)
    eyes.reach("done=5")
    assert production(registry).version == "1.1.0"


def test_no_answer_is_told_and_keeps_the_words(eyes: Eyes, registry: ModelRegistry) -> None:
    open_dialog(eyes)
    eyes.type(WHY, "better")
    eyes.browser.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    eyes.browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    try:
        eyes.press("Move production")
        eyes.find(f"{DIALOG} [role=alert]", "The registry did not answer.")
    finally:
        eyes.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**offline, "offline": False})
    assert eyes.value(WHY) == "better"
    eyes.press("Move production")
    eyes.reach("done=5")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_version_is_deleted_and_restored(
    request: pytest.FixtureRequest, registry: ModelRegistry, scripts: bool
) -> None:
    eyes: Eyes = request.getfixturevalue("eyes" if scripts else "plain")
    eyes.go(f"{PAGE}/versions/1.1.0/delete")
    eyes.type("[name=typed_version]", "1.1.0")
    eyes.type("[name=reason]", "wrong donors")
    eyes.picture("delete")
    eyes.press("Delete 1.1.0", ".confirm")
    eyes.reach(r"\?done=5$")
    eyes.press("Take it back")
    within = DIALOG if scripts else "main"
    eyes.find(within, "wrong donors")
    eyes.type(f"{within} [name=reason]", "they were right")
    eyes.press("Restore 1.1.0", f"{within} .confirm")
    eyes.reach(r"done=6$")
    assert registry.verify(TASK, f"{MODEL}@1.1.0").version == "1.1.0"


def test_a_proof_is_looked_after_and_survives_a_reload(eyes: Eyes) -> None:
    eyes.go(f"{PAGE}/versions/2.0.0/verify")
    eyes.press("Verify now")
    eyes.reach("operation=")
    eyes.find(".band.good", "Every byte is as it was registered.")
    eyes.browser.refresh()
    eyes.find(".band.good", "Every byte is as it was registered.")
    eyes.picture("verified")


def test_what_goes_on_is_asked_for_less_and_less_often_until_it_is_done(eyes: Eyes, registry: ModelRegistry) -> None:
    """Of an operation that ends when it is told to: the page follows it, also after a reload, and then asks no more."""
    _, running = registry.begin_operation("verify", {"task": TASK, "ref": f"{MODEL}@2.0.0"})
    assert running is not None
    operation = registry.list_operations()[0].operation_id
    may_end = threading.Event()

    def work(_: ProgressCallback) -> dict[str, Any]:
        may_end.wait(START_S)
        return registry.verify(TASK, f"{MODEL}@2.0.0").to_dict()

    thread = threading.Thread(target=running.run, args=(work, lambda error: {"detail": str(error)}))
    thread.start()
    recorder = eyes.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": PAUSES})
    try:
        eyes.go(f"{PAGE}/versions/2.0.0/verify?operation={operation}")
        eyes.find("[role=status][aria-busy=true] progress")  # nobody is read each step of it
        pauses = wait_for(lambda: eyes.run("return pauses"), lambda found: len(found) > 3, "it is not asked for")
        assert pauses[:4] == [400, 600, 900, 1350]
        eyes.browser.refresh()
        eyes.find("progress")
    finally:
        may_end.set()
        thread.join()
        eyes.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", recorder)
    eyes.find("[role=status]:not([aria-busy]) .band.good", "Every byte is as it was registered.")
    asked = len(eyes.run("return pauses"))
    eyes.find("button", "Verify again")
    assert len(eyes.run("return pauses")) == asked


def test_what_has_moved_is_told_when_the_page_is_looked_at_again(eyes: Eyes, registry: ModelRegistry) -> None:
    eyes.go(f"{PAGE}/promote")
    eyes.type("[name=reason]", "kept")
    registry.promote(TASK, MODEL, "production", "1.1.0", actor="lin")
    eyes.run("window.dispatchEvent(new Event('focus'))")
    assert not eyes.has("#moved")  # it is not a minute old
    eyes.run("const now = Date.now; Date.now = () => now() + 61_000; window.dispatchEvent(new Event('focus'))")
    eyes.find("#moved", "An alias has moved since this page was made.")
    assert eyes.value("[name=reason]") == "kept"
    eyes.press("Look again")
    eyes.find("button", "Move production from 1.1.0 to 2.0.0")


def test_the_board_of_aliases_is_looked_at_again(eyes: Eyes, registry: ModelRegistry) -> None:
    eyes.go(PAGE)
    later = "const now = Date.now; Date.now = () => now() + 61_000; window.dispatchEvent(new Event('focus'))"
    registry.promote(TASK, MODEL, "production", "1.1.0", actor="lin")
    eyes.run(later)
    eyes.find("#moved", "An alias has moved since this page was made.")
    eyes.press("Look again")
    eyes.find(".board .version", "1.1.0")

"""Below a path of an nginx everything is as at the top: a version is sent, registered, promoted and taken back."""

from __future__ import annotations

from pathlib import Path

from registry_core import ModelRegistry

from ..app.pages.a_model import MODEL, PAGE, TASK
from ..support.servers import PREFIX, gunicorn, nginx_of
from .seeing import a_browser
from .test_upload import UPLOAD, choose, folder, registered

BELOW = "/modelregistry"


def test_a_version_is_sent_promoted_and_taken_back(root: Path, registry: ModelRegistry, tmp_path: Path) -> None:
    source = folder(tmp_path)
    with gunicorn(root, workers=1, env={PREFIX + "BASE_PATH": BELOW}) as server:
        place = f"location {BELOW}/ {{ proxy_pass {server.url}/; proxy_set_header Host $http_host; }}"
        with nginx_of(place) as proxy, a_browser(proxy + BELOW) as eyes:
            eyes.go(f"{UPLOAD}&version=3.0.0")
            choose(eyes, source)
            eyes.press("Send and register")
            registered(eyes, registry, source, "3.0.0")
            eyes.press("Promote it")
            eyes.type("[name=reason]", "better")
            eyes.type("[name=who]", "ada")
            eyes.press("Move production from 1.0.0 to 3.0.0")
            eyes.reach(f"^{PAGE}.done=6$")
            eyes.press("Take it back")
            assert eyes.value("dialog[open] [name=who]") == "ada"
            eyes.type("dialog[open] [name=reason]", "no")
            eyes.press("Roll production back from 3.0.0 to 1.0.0")
            eyes.reach("done=7$")
            (cookie,) = [one for one in eyes.browser.get_cookies() if one["name"] == "registry_who"]
            assert (cookie["path"], cookie["sameSite"]) == (BELOW, "Strict")
            assert not eyes.refusals()
    assert {alias.alias: alias.version for alias in registry.list_aliases(TASK, MODEL)}["production"] == "1.0.0"

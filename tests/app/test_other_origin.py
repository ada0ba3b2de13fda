"""A page on another origin lists, downloads and uploads where its origin is named, and does nothing where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ..support.browser import chromium, empty_page
from ..support.packages import write_files
from ..support.servers import PREFIX, gunicorn
from .conftest import scratch
from .curl import curl, post

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

# All of it in the page: what it reads of each answer, headers included; and the first refusal, if there is one.
SCRIPT = """
const [service, done] = arguments;
const TUS = {"Tus-Resumable": "1.0.0"};
async function all() {
  const seen = {};
  const list = await fetch(service + "/v1/models?limit=10");
  seen.total = list.headers.get("X-Total-Count");
  seen.names = (await list.json()).map(model => model.model_name);
  const file = await fetch(service + "/v1/files/t/there/1/model.pt");
  seen.digest = file.headers.get("Repr-Digest");
  seen.bytes = await file.text();
  const json = {"Content-Type": "application/json"};
  const begun = await fetch(service + "/v1/uploads",
    {method: "POST", headers: json, body: JSON.stringify({task: "t", model_name: "sent"})});
  const session = await begun.json();
  const announced = await fetch(service + session.url, {method: "POST",
    headers: {...TUS, "Upload-Length": "5", "Upload-Metadata": "filename " + btoa("model.pt")}});
  const address = service + announced.headers.get("Location");
  const bytes = {...TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"};
  const sent = await fetch(address, {method: "PATCH", headers: bytes, body: "bytes"});
  seen.offset = sent.headers.get("Upload-Offset");
  const head = await fetch(address, {method: "HEAD", headers: TUS});
  seen.length = head.headers.get("Upload-Length");
  const registered = await fetch(service + "/v1/register", {method: "POST", headers: json,
    body: JSON.stringify({task: "t", model_name: "sent", version: "1", upload_id: session.upload_id})});
  seen.status = registered.status;
  return seen;
}
all().then(done, error => done({refused: String(error)}));
"""
PROMOTE = """
const [service, done] = arguments;
fetch(service + "/v1/promote", {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"},
  body: JSON.stringify({task: "t", model_name: "there", alias: "production", version: "1"})})
  .then(answer => done(answer.type), error => done(String(error)));
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as found:
        yield found


def use(browser: Chrome, *, named: bool, script: str = SCRIPT) -> tuple[Any, list[str], list[str]]:
    """(what the page says, the registry's models and the aliases of ``there`` afterwards)."""
    with empty_page() as origin, scratch() as area:
        (area / "root").mkdir()
        source = write_files(area / "source", {"model.pt": b"weights"})
        settings = {PREFIX + "CORS_ORIGINS": origin} if named else {}
        with gunicorn(area / "root", workers=1, env=settings) as server:
            body = {"task": "t", "model_name": "there", "version": "1", "artifacts_dir": str(source)}
            assert post(f"{server.url}/v1/register", body).status == 201
            browser.get(origin)
            said = browser.execute_async_script(script, server.url)
            models = sorted(model["model_name"] for model in curl(f"{server.url}/v1/models").json)
            aliases = curl(f"{server.url}/v1/aliases?task=t&model=there").json["aliases"]
            return said, models, [alias["alias"] for alias in aliases]


def test_a_page_of_a_named_origin_lists_downloads_and_uploads(browser: Chrome) -> None:
    said, models, _ = use(browser, named=True)
    assert "refused" not in said, said
    assert (said["total"], said["names"], said["bytes"]) == ("1", ["there"], "weights")
    assert said["digest"].startswith("sha-256=:")
    assert (said["offset"], said["length"], said["status"]) == ("5", "5", 201)
    assert models == ["sent", "there"]


def test_a_page_of_any_other_origin_does_nothing(browser: Chrome) -> None:
    said, models, _ = use(browser, named=False)
    assert said == {"refused": "TypeError: Failed to fetch"}
    assert models == ["there"]


@pytest.mark.parametrize("named", [True, False])
def test_what_a_browser_sends_without_asking_changes_nothing(browser: Chrome, named: bool) -> None:
    """A form, or a fetch whose answer nobody may read: no JSON, and no header of its own."""
    said, _, aliases = use(browser, named=named, script=PROMOTE)
    assert said == "opaque"
    assert aliases == ["latest"]

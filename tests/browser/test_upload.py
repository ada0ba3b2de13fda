"""Files go up from a browser: a folder is chosen or dropped, breaks are gone on from, and a form registers them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from registry_core import ModelRegistry

from ..app.pages.a_model import MODEL, TASK
from ..support.servers import Server, wait_until
from .seeing import Eyes, a_browser

UPLOAD = f"/ui/upload?task={TASK}&model={MODEL}"
MIB = 1024 * 1024
LARGE = 24 * MIB
SLOWLY = 4 * MIB  # bytes a second


def folder(directory: Path, *, large: int = 0) -> Path:
    """What a person has: nested files, an empty one, names of all kinds."""
    files = {"model.pt": b"weights", "empty": b"", "label maps/ünïcode {x}.json": b"{}"}
    for name, content in files.items():
        (directory / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / "folder" / name).write_bytes(content)
    if large:
        (directory / "folder" / "large.bin").write_bytes(os.urandom(large))
    return directory / "folder"


def choose(eyes: Eyes, source: Path) -> None:
    """The folder is chosen, and all its files are seen."""
    eyes.find("[data-drop]")
    eyes.browser.find_element("id", "upload-folder").send_keys(str(source))
    seen(eyes, source)


def seen(eyes: Eyes, source: Path) -> None:
    names = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    wait_until(lambda: names <= set(rows(eyes)), f"not all of {names} are seen")


def rows(eyes: Eyes) -> dict[str, str]:
    """path -> what is said of it."""
    found = eyes.run(
        "return [...document.querySelectorAll('[data-files] tr')].map(row => "
        "[row.cells[0].textContent, row.querySelector('[data-sent]')?.textContent ?? ''])"
    )
    return dict(found)


def sent(eyes: Eyes, path: str) -> float:
    """How much of the file has gone."""
    found = eyes.run(
        "return [...document.querySelectorAll('[data-files] tr')].filter(row => "
        "row.cells[0].textContent === arguments[0]).map(row => row.querySelector('progress').value)[0] ?? -1",
        path,
    )
    return float(found)


def slowly(eyes: Eyes, bytes_a_second: int = SLOWLY) -> None:
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second}
    eyes.browser.execute_cdp_cmd("Network.enable", {})
    eyes.browser.execute_cdp_cmd("Network.emulateNetworkConditions", limits)


def registered(eyes: Eyes, registry: ModelRegistry, source: Path, version: str) -> None:
    """The version is there, and is what lies in the folder."""
    eyes.find(".band.good", f"{version} is registered.")
    listed = registry.artifacts(TASK, f"{MODEL}@{version}").files
    ours = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert {file.name for file in listed if file.role is None} - {"model_meta.json"} == ours
    package = Path(registry.resolve(TASK, f"{MODEL}@{version}").path)
    for name in ours:
        assert (package / name).read_bytes() == (source / name).read_bytes()


def test_a_folder_is_sent_and_registered(eyes: Eyes, registry: ModelRegistry, tmp_path: Path) -> None:
    source = folder(tmp_path)
    eyes.go(UPLOAD)
    choose(eyes, source)
    eyes.type("[name=version]", "3.0.0")
    eyes.type("[name=who]", "ada")
    eyes.type("[name=reason]", "from a browser")
    eyes.picture("upload")
    eyes.press("Send and register")
    registered(eyes, registry, source, "3.0.0")
    event = registry.history(TASK, MODEL).events[-1]
    assert (event.actor, event.reason) == ("ada", "from a browser")
    eyes.browser.refresh()
    eyes.find(".band.good", "3.0.0 is registered.")
    eyes.picture("registered")


def test_a_folder_can_be_dropped(eyes: Eyes, registry: ModelRegistry, tmp_path: Path) -> None:
    source = folder(tmp_path)
    eyes.go(f"{UPLOAD}&version=3.0.0")
    box = eyes.find("[data-drop]").rect
    where = {"x": box["x"] + 20, "y": box["y"] + 20}
    data = {"items": [], "files": [str(source)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        eyes.browser.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
    seen(eyes, source)
    eyes.press("Send and register")
    registered(eyes, registry, source, "3.0.0")


def test_a_name_that_is_taken_is_told_before_anything_is_sent(
    eyes: Eyes, registry: ModelRegistry, tmp_path: Path
) -> None:
    source = folder(tmp_path)
    eyes.go(f"{UPLOAD}&version=1.0.0")
    choose(eyes, source)
    eyes.press("Send and register")
    eyes.find("[data-status]", "Choose another name; the files stay.")
    assert set(rows(eyes).values()) == {"chosen"}
    eyes.type("[name=version]", "3.0.0")
    eyes.press("Send and register")
    registered(eyes, registry, source, "3.0.0")


def test_a_name_that_was_taken_meanwhile_keeps_the_files(
    eyes: Eyes, registry: ModelRegistry, service: Server, tmp_path: Path
) -> None:
    source = folder(tmp_path, large=LARGE)
    eyes.go(f"{UPLOAD}&version=3.0.0")
    choose(eyes, source)
    slowly(eyes)
    eyes.press("Send and register")
    wait_until(lambda: sent(eyes, "large.bin") > 0, "nothing is sent")
    registry.register(TASK, MODEL, "3.0.0", str(folder(tmp_path / "other")))
    slowly(eyes, -1)
    eyes.find(".band.bad", "Nothing was registered.")
    eyes.find(".band.bad", "The files are all here still.")
    wait_until(lambda: set(rows(eyes).values()) == {"arrived"}, "the files are not shown")
    eyes.type("[name=version]", "3.0.1")
    eyes.press("Send and register")
    registered(eyes, registry, source, "3.0.1")


def test_a_broken_upload_goes_on_by_itself(
    eyes: Eyes, registry: ModelRegistry, service: Server, tmp_path: Path
) -> None:
    """What serves it is killed, and comes again at the same address."""
    source = folder(tmp_path, large=LARGE)
    eyes.go(f"{UPLOAD}&version=3.0.0")
    choose(eyes, source)
    slowly(eyes)
    eyes.press("Send and register")
    wait_until(lambda: sent(eyes, "large.bin") > LARGE / 4, "nothing is sent")
    (worker,) = Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split()
    os.kill(int(worker), signal.SIGKILL)
    slowly(eyes, -1)
    registered(eyes, registry, source, "3.0.0")
    assert asked(service, "HEAD", 200) > 0  # how much is there
    assert asked(service, "PATCH", 204) == 1  # the rest


def asked(service: Server, method: str, status: int) -> int:
    """How many such requests were answered so."""
    return sum((line.get("method"), line.get("status")) == (method, status) for line in service.log)


def test_a_new_browser_goes_on_where_the_last_one_stood(
    service: Server, registry: ModelRegistry, tmp_path: Path
) -> None:
    source = folder(tmp_path, large=LARGE)
    with a_browser(service.url) as eyes:
        eyes.go(f"{UPLOAD}&version=3.0.0&reason=later")
        choose(eyes, source)
        slowly(eyes)
        eyes.press("Send and register")
        wait_until(lambda: sent(eyes, "large.bin") > LARGE / 2, "nothing is sent")
        address = eyes.path
    upload_id = address.rpartition("upload=")[2]
    wait_until(lambda: arrived(registry, upload_id) > 0, "nothing is kept")
    kept = arrived(registry, upload_id)
    with a_browser(service.url) as eyes:
        eyes.go(address)
        assert (eyes.value("[name=version]"), eyes.value("[name=reason]")) == ("3.0.0", "later")
        wait_until(lambda: "model.pt" in rows(eyes), "what is there is not shown")
        choose(eyes, source)
        wait_until(lambda: rows(eyes)["large.bin"] == "goes on where it stands", "it does not go on")
        assert sent(eyes, "large.bin") == kept
        eyes.press("Send and register")
        registered(eyes, registry, source, "3.0.0")
    assert 0 < kept < LARGE
    assert asked(service, "POST", 201) == 5  # the session and four files, each once


def arrived(registry: ModelRegistry, upload_id: str) -> int:
    """Bytes of the large file that are there, once nobody writes to it any more."""
    for file in registry.upload(upload_id).files:
        if file.path == "large.bin":
            return registry.uploaded(upload_id, file.file_id).offset
    return 0


def test_a_file_that_was_changed_since_is_sent_anew(eyes: Eyes, registry: ModelRegistry, tmp_path: Path) -> None:
    source = folder(tmp_path)
    upload_id = registry.begin_upload(TASK, MODEL).upload_id
    registry.add_upload(upload_id, "model.pt", 7)
    file = registry.upload(upload_id).files[0]
    with (tmp_path / "older").open("w+b") as older:
        older.write(b"WEIGHTS")
        older.seek(0)
        registry.receive(upload_id, file.file_id, 0, older)
    eyes.go(f"{UPLOAD}&version=3.0.0&upload={upload_id}")
    wait_until(lambda: rows(eyes).get("model.pt") == "arrived", "what is there is not shown")
    choose(eyes, source)
    eyes.press("Send and register")
    registered(eyes, registry, source, "3.0.0")


def test_another_tab_is_waited_for(eyes: Eyes, others: Eyes, registry: ModelRegistry, tmp_path: Path) -> None:
    source = folder(tmp_path, large=LARGE)
    eyes.go(f"{UPLOAD}&version=3.0.0")
    choose(eyes, source)
    slowly(eyes, MIB)
    eyes.press("Send and register")
    wait_until(lambda: sent(eyes, "large.bin") > 0, "nothing is sent")
    others.go(eyes.path)
    wait_until(lambda: "large.bin" in rows(others), "what is there is not shown")
    choose(others, source)
    others.press("Send and register")
    wait_until(lambda: "another tab" in rows(others)["large.bin"], "the other tab is not told")
    slowly(eyes, -1)
    registered(eyes, registry, source, "3.0.0")


def test_what_is_left_out_is_not_registered(eyes: Eyes, registry: ModelRegistry, tmp_path: Path) -> None:
    source = folder(tmp_path)
    eyes.go(f"{UPLOAD}&version=3.0.0")
    choose(eyes, source)
    eyes.find("button[aria-label='Remove empty']").click()
    (source / "empty").unlink()
    wait_until(lambda: "empty" not in rows(eyes), "it is there still")
    eyes.press("Send and register")
    registered(eyes, registry, source, "3.0.0")


def test_without_a_script_the_page_says_what_to_do(plain: Eyes) -> None:
    plain.go(f"{UPLOAD}&version=3.0.0")
    assert f"omr push DIRECTORY {TASK} {MODEL} 3.0.0" in plain.find(".band.note").text

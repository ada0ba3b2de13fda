"""What a person without a script does at the pages, and what a page is made of."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OURS = {**BROWSER, "Origin": "http://localhost"}
EVENT_HANDLERS = "on"  # how attributes begin that hold a script


@dataclass
class Form:
    """``fields``: what is sent when its first button is pressed."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)


class Page(HTMLParser):
    """A page taken apart: its ``nodes``, ``links``, ``forms``, and what of it a policy would stop."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = text
        self.nodes = 0
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.ids: list[str] = []
        self.inline: list[str] = []
        self._words: list[str] = []
        self._open: list[str] = []
        self._in_button = False
        self._goes_on = self._is_text = False  # what comes next stands right behind what came last, which is text
        self._written: str | None = None
        self.feed(text)

    @property
    def words(self) -> str:
        """What is read on it."""
        return " ".join(" ".join(self._words).split())

    @property
    def sent_bytes(self) -> int:
        """As a proxy in front sends it."""
        return len(gzip.compress(self.text.encode(), 6))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.nodes += 1
        self._goes_on, self._is_text = tag == "bdi" and self._is_text, False
        said = {name: value or "" for name, value in attrs}
        self._open.append(tag)
        if "id" in said:
            self.ids.append(said["id"])
        if "href" in said and tag == "a":
            self.links.append(said["href"])
        self.inline += [f"{tag} {name}" for name in said if name == "style" or name.startswith(EVENT_HANDLERS)]
        if tag == "style" or (tag == "script" and "src" not in said):
            self.inline.append(tag)
        self.inline += [f"{tag} {value}" for value in said.values() if value.strip().lower().startswith("javascript:")]
        if tag == "form":
            self.forms.append(Form(said.get("action", ""), said.get("method", "get")))
        elif self.forms and "form" in self._open and said.get("name"):
            is_chosen = said.get("type") not in ("checkbox", "radio") or "checked" in said
            if tag in ("input", "textarea", "button") and is_chosen:
                self.forms[-1].fields.setdefault(said["name"], said.get("value", ""))
            self._written = said["name"] if tag == "textarea" else None
        if tag in ("input", "meta", "link", "img", "br", "hr", "source", "wbr"):
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        self._goes_on, self._is_text = tag == "bdi", False
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._open):
            before = self._words.pop() if self._goes_on and self._words else ""
            self._words.append(before + data)
            self._goes_on, self._is_text = False, True
            if self._written is not None and self._open[-1:] == ["textarea"]:
                self.forms[-1].fields[self._written] += data
            if self.forms and "button" in self._open and data.strip():
                self.forms[-1].buttons.append(data.strip())

    def form(self, button: str) -> Form:
        """The form whose button has these words."""
        (found,) = [form for form in self.forms if any(button in words for words in form.buttons)]
        return found


@dataclass
class Visitor:
    """A person at the pages. Every page that is shown is whole: no script or style of its own, no id twice."""

    client: FlaskClient

    def get(self, path: str, status: int = 200) -> Page:
        answer = self.client.get(path, headers=BROWSER)
        return self.shown(answer, status)

    def post(self, path: str, status: int = 303, /, **fields: str) -> TestResponse:
        """As a form of a page of ours sends it."""
        answer = self.client.post(path, data=fields, headers=OURS)
        assert answer.status_code == status, (answer.status_code, Page(answer.text).words)
        return answer

    def press(self, page: Page, button: str, status: int = 303, /, **fields: str) -> TestResponse:
        """The form of that button is sent, with what it holds and with ``fields`` filled in."""
        form = page.form(button)
        assert form.method == "post"
        return self.post(form.action, status, **{**form.fields, **fields})

    def follow(self, answer: TestResponse) -> Page:
        """Where the answer leads."""
        parts = urlsplit(answer.headers["Location"])
        return self.get(f"{parts.path}?{parts.query}" if parts.query else parts.path)

    def shown(self, answer: TestResponse, status: int) -> Page:
        page = Page(answer.text)
        assert answer.status_code == status, (answer.status_code, page.words)
        assert answer.mimetype == "text/html"
        assert not page.inline
        assert len(page.ids) == len(set(page.ids)), "an id stands twice"
        assert "Content-Security-Policy" in answer.headers
        return page

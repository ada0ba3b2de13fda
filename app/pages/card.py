"""A README.md as HTML that runs nothing, asks nobody else for anything and cannot pass for the page around it.

markdown-it-py makes HTML of it, whatever that holds; nh3 lets through what stands in the tables here, and nothing else.
Addresses come in three kinds: of the web (links only), of a place in the text, and of a file of the package.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markupsafe import Markup

from ..web.front_matter import split
from .highlight import CLASSES, highlighted

MOST_CHARACTERS = 64 * 1024  # of the text that is read: each takes its time
MOST_HTML = 48 * 1024  # characters that are shown
MOST_NODES = 900  # elements that are shown
MOST_PLAIN = 16 * 1024  # characters that are shown as they are, where they would make too much
ID_PREFIX = "readme-"  # no name of the text can be one of the page's own

# fmt: off
_TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "dd", "del", "details", "div", "dl", "dt", "em",
    "figcaption", "figure", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p",
    "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr", "u", "ul", "var",
}
# Gone with all that is in them; of other elements the words stay.
_GONE = {
    "iframe", "math", "noembed", "noframes", "noscript", "object", "script", "style", "svg", "template", "textarea",
    "title", "xmp",
}
# fmt: on
_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
_SIDES = {"align": {"left", "center", "right"}}
_ATTRIBUTES = {
    "a": {"href", "id", "title"},
    "details": {"open"},
    "img": {"alt", "height", "src", "title", "width"},
    "ol": {"start"},
    **{heading: {"id"} for heading in _HEADINGS},
    **{cell: {"colspan", "rowspan"} for cell in ("td", "th")},
}
_VALUES: dict[str, dict[str, set[str]]] = {
    **dict.fromkeys(("p", "td", "th", "img", *_HEADINGS), _SIDES),
    "div": {**_SIDES, "tabindex": {"0"}},
}
_LONGEST = {"colspan": 2, "rowspan": 2, "start": 4, "width": 5, "height": 5}  # characters of a number
_NUMBER = re.compile(r"[0-9]+%?\Z", re.ASCII)
_OF_THE_WEB = re.compile(r"(?:https?://[^/\\\s]|mailto:)[^\s\x00-\x1f]*\Z", re.IGNORECASE)
_SCHEME = re.compile(r"[^/?#]*:")
_RAW_HEADING = re.compile(r"(</?h)([1-5])(?=[\s/>])", re.IGNORECASE)
_ELEMENT = re.compile(r"<[a-z]", re.IGNORECASE)
# Exact in what nh3 gives: it writes < and > of a text and a value out, and " of a value.
_IMAGE = re.compile(r"<img([^>]*)>")
_NAMED = re.compile(r'(<[^>]*) id="([^"]*)"')
_ALT = re.compile(r' alt="([^"]*)"')
_TASK = re.compile(r"\[([ xX])\] ")


@dataclass(frozen=True)
class Card:
    """``html`` is the text; ``said`` the front matter, as JSON. ``is_whole``: nothing was too much to be shown."""

    html: Markup
    said: dict[str, Any] = field(default_factory=dict)
    is_whole: bool = True


def card(readme: str, *, images: str, files: str) -> Card:
    """What the text says, within the bounds above.

    ``images`` and ``files`` are what the path of a file is put behind: where it is to be shown, and to be linked to.
    """
    said, text = split(readme)
    shown = text[:MOST_CHARACTERS]
    html, is_all = _within_bounds(shown)
    cleaned = _clean(html, images, files)
    # A first block may be too much by itself; and HTML that is not closed may stand for many times what it is.
    if (shown.strip() and not html) or len(_ELEMENT.findall(cleaned)) > 1.2 * MOST_NODES:
        return Card(Markup('<pre tabindex="0">{}</pre>').format(shown[:MOST_PLAIN]), said, len(text) <= MOST_PLAIN)
    is_whole = is_all and len(text) == len(shown)
    return Card(Markup(cleaned), said, is_whole)  # nosec B704 - nh3 has cleaned it


def _within_bounds(text: str) -> tuple[str, bool]:
    """(the HTML of as many blocks as may be shown, whether those are all)."""
    options = {"html": True, "highlight": lambda text, language, _: str(highlighted(text, language))}
    markdown = MarkdownIt("commonmark", options).enable(["table", "strikethrough"])
    # What scrolls sideways is reached by the keyboard, too.
    markdown.add_render_rule("table_open", _said('<div class="wide" tabindex="0"><table>\n'))
    markdown.add_render_rule("table_close", _said("</table></div>\n"))
    env: dict[str, Any] = {}
    html, nodes = "", 0
    for block in _blocks(_prepared(markdown.parse(text, env))):
        made = markdown.renderer.render(block, markdown.options, env)
        nodes += len(_ELEMENT.findall(made))
        if nodes > MOST_NODES or len(html) + len(made) > MOST_HTML:
            return html, False
        html += made
    return html, True


def _said(html: str) -> Any:
    def rule(_self: RendererProtocol, *_: Any) -> str:
        return html

    return rule


def _blocks(tokens: Sequence[Token]) -> list[list[Token]]:
    """The tokens of each block that stands in no other."""
    blocks: list[list[Token]] = []
    depth = 0
    for token in tokens:
        if depth == 0:
            blocks.append([])
        depth += token.nesting
        blocks[-1].append(token)
    return blocks


def _prepared(tokens: list[Token]) -> list[Token]:
    """The tokens as our page wants them: headings below its own, each with a name; no styles; tasks as signs."""
    names: dict[str, int] = {}
    for at, token in enumerate(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 1, 6)}"
        if token.type == "heading_open":
            token.attrs["id"] = _name(tokens[at + 1].content, names)
        elif token.type in ("th_open", "td_open"):
            side = str(token.attrs.pop("style", "")).removeprefix("text-align:")
            token.attrs |= {"align": side} if side else {}
        elif token.type == "html_block":
            token.content = _RAW_HEADING.sub(_lowered, token.content)
        elif token.type == "inline":
            if at > 1 and tokens[at - 2].type == "list_item_open":
                _tick(token)
            for child in token.children or []:
                if child.type == "html_inline":
                    child.content = _RAW_HEADING.sub(_lowered, child.content)
    return tokens


def _lowered(heading: re.Match[str]) -> str:
    return f"{heading[1]}{int(heading[2]) + 1}"


def _name(title: str, taken: dict[str, int]) -> str:
    """What other places of the text call the heading: as on GitHub."""
    plain = re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")
    taken[plain] = taken.get(plain, -1) + 1
    return f"{plain}-{taken[plain]}" if taken[plain] else plain


def _tick(item: Token) -> None:
    first = item.children[0] if item.children else None
    if first is not None and first.type == "text" and (task := _TASK.match(first.content)):
        first.content = f"{'☐' if task[1] == ' ' else '☑'} {first.content[task.end() :]}"


def _clean(html: str, images: str, files: str) -> str:
    def judged(_tag: str, attribute: str, value: str) -> str | None:
        if attribute == "src":
            return _of_package(value, images)
        if attribute == "href":
            return _linked(value, files)
        if attribute in _LONGEST:
            return value if len(value) <= _LONGEST[attribute] and _NUMBER.match(value) else None
        return value

    cleaned = nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags=_GONE,
        attributes=_ATTRIBUTES,
        attribute_filter=judged,
        allowed_classes={"span": CLASSES, "div": {"wide"}},
        tag_attribute_values=_VALUES,
        set_tag_attribute_values={"img": {"loading": "lazy"}, "pre": {"tabindex": "0"}},
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto"},
        id_prefix=ID_PREFIX,
    )
    seen: set[str] = set()

    def once(named: re.Match[str]) -> str:
        is_new = named[2] not in seen
        seen.add(named[2])
        return named[0] if is_new else named[1]

    return _NAMED.sub(once, _IMAGE.sub(_shown, cleaned))


def _shown(image: re.Match[str]) -> str:
    """The image with a text beside it; one that is nobody's to show is that text."""
    alt = _ALT.search(image[1])
    if ' src="' not in image[1]:
        return alt[1] if alt else ""
    return image[0] if alt else f'<img alt=""{image[1]}>'


def _linked(address: str, files: str) -> str | None:
    if address.startswith("#"):
        return f"#{ID_PREFIX}{address[1:]}"
    return address if _OF_THE_WEB.match(address) else _of_package(address, files)


def _of_package(address: str, base: str) -> str | None:
    """The address here of the package's file; None of what is not below the package."""
    if _SCHEME.match(address) or address.startswith("//"):
        return None
    try:
        path = posixpath.normpath(unquote(urlsplit(address).path, errors="strict").lstrip("/"))
    except ValueError:
        return None
    if path.split("/")[0] in (".", "..") or not path.isprintable():
        return None
    return base + quote(path)

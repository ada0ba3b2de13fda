"""A README.md becomes HTML that runs nothing, fetches nothing of others, stays in its place and within its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.pages.card import ID_PREFIX, MOST_HTML, MOST_NODES, MOST_PLAIN, Card, card
from app.pages.highlight import CLASSES

from .hostile import FILES, IMAGES, LONG, SCRIPTS, WEB, Elements

# fmt: off
TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "dd", "del", "details", "div", "dl", "dt", "em",
    "figcaption", "figure", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p",
    "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr", "u", "ul", "var",
}
# fmt: on
ATTRIBUTES = {
    "align",
    "alt",
    "class",
    "colspan",
    "height",
    "href",
    "id",
    "loading",
    "open",
    "rel",
    "rowspan",
    "src",
    "start",
    "tabindex",
    "title",
    "width",
}


WRITTEN = """---
license: mit
---
# PBMC

See [use](#how-to-use), **bold** ~~old~~ `code` <kbd>x</kbd>.

## How to use

- [x] doublets removed
- [ ] ambient RNA

| split | f1 |
|:--|--:|
| donors | 0.94 |

```python
import torch  # it
```

## How to use
<details><summary>More</summary>

### Inner
</details>
"""


def of(text: str) -> Card:
    return card(text, images=IMAGES, files=FILES)


def require_harmless(made: Card) -> None:
    elements = Elements(made.html)
    assert elements.open == []
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in elements.found:
        assert tag in TAGS
        assert attributes.keys() <= ATTRIBUTES
        assert attributes.get("class", "wide") in {"wide", *CLASSES}
        assert attributes.get("id", ID_PREFIX).startswith(ID_PREFIX)
        if tag == "img":
            assert attributes["src"].startswith(IMAGES)
            assert "alt" in attributes
            require_below(attributes["src"].removeprefix(IMAGES))
        address = attributes.get("href", "#" + ID_PREFIX)
        if address.startswith(FILES):
            require_below(address.removeprefix(FILES))
        else:
            assert address.startswith(("#" + ID_PREFIX, *WEB))
        if "href" in attributes:
            assert attributes["rel"] == "noopener noreferrer nofollow"


def require_below(path: str) -> None:
    """No file above the package, and nothing that a browser would take for more than a path."""
    assert not {"", ".", ".."} & set(path.split("/"))
    assert not set(path) & set("\\?#:\x00 ")


@pytest.mark.parametrize("text", SCRIPTS)
@pytest.mark.parametrize("around", ["{}", "> - {}", "| a |\n|---|\n| {} |", "<div>\n{}\n</div>\n\n*after*", "`{}` {}"])
def test_nothing_runs_and_nothing_is_fetched(text: str, around: str) -> None:
    require_harmless(of(around.replace("{}", text)))


@pytest.mark.parametrize("text", LONG)
def test_there_is_never_more_than_its_bounds(text: str) -> None:
    made = of(text)
    require_harmless(made)
    assert made.html, "something of it is shown"
    assert len(Elements(made.html).found) <= 1.2 * MOST_NODES
    assert len(made.html) <= 2 * MOST_HTML
    for short in (text[:1000], text[:3]):
        require_harmless(of(short))


@given(st.text(alphabet="<>/=\"'&;: #!-[]()`*_~|\\\n\tabimgsrchefx0\u00e9\u202e", max_size=300))
def test_any_text_is_harmless(text: str) -> None:
    require_harmless(of(text))


def test_it_is_read_as_people_write_it() -> None:
    made = of(WRITTEN)
    assert made.said == {"license": "mit"}
    assert made.is_whole
    for part in (
        '<h2 id="readme-pbmc">PBMC</h2>',  # the page has the one heading above it
        '<a href="#readme-how-to-use" rel="noopener noreferrer nofollow">use</a>',
        "<strong>bold</strong> <s>old</s> <code>code</code> <kbd>x</kbd>",
        '<h3 id="readme-how-to-use">',
        '<h3 id="readme-how-to-use-1">',
        "<li>☑ doublets removed</li>",
        "<li>☐ ambient RNA</li>",
        '<div class="wide" tabindex="0"><table>',
        '<th align="left">split</th>',
        '<td align="right">0.94</td>',
        '<span class="hk">import</span> torch  <span class="hc"># it</span>',
        "<details><summary>More</summary>",
        '<h4 id="readme-inner">Inner</h4>',
    ):
        assert part in made.html
    assert "license" not in made.html


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("figures/umap.png", "figures/umap.png"),
        ("./figures/a%20b.png", "figures/a%20b.png"),
        ("/figures/../x.png?raw=true#top", "x.png"),
        ("größe.png", "gr%C3%B6%C3%9Fe.png"),
        ("a/b%3Fc%23d.png", "a/b%3Fc%23d.png"),
    ],
)
def test_files_of_the_package_are_shown_and_linked(address: str, path: str) -> None:
    html = of(f'![A "figure"]({address}) [there]({address}) <img src="{address}">').html
    assert f'<img src="{IMAGES}{path}" alt="A &quot;figure&quot;" loading="lazy">' in html
    assert f'<img alt="" src="{IMAGES}{path}" loading="lazy">' in html
    assert f'<a href="{FILES.replace("&", "&amp;")}{path}" rel="noopener noreferrer nofollow">there</a>' in html


def test_an_image_of_another_place_is_its_text() -> None:
    text = '[![Build <b>](https://ci.example/badge.svg)](https://ci.example/) <img src="//x/y" alt="a &lt; b">x'
    assert of(text).html == (
        '<p><a href="https://ci.example/" rel="noopener noreferrer nofollow">Build &lt;b&gt;</a> a &lt; bx</p>\n'
    )


def test_no_name_stands_twice() -> None:
    html = of('# a\n\n<a id="a">1</a> <a id="a" title="x">2 id="a"</a> <a title=" id=&quot;a&quot;" id="b">3</a>').html
    assert html.count(' id="readme-a"') == 1
    assert 'title="x" rel="noopener noreferrer nofollow">2 id="a"</a>' in html
    assert ' id="readme-b"' in html


def test_what_is_too_much_is_cut_between_blocks_or_shown_as_it_is() -> None:
    cut = of("first\n\n" + "- a\n" * 2_000)
    assert (cut.html, cut.is_whole) == ("<p>first</p>\n", False)
    plain = of("- *a*\n" * 5_000)
    assert plain.html == f'<pre tabindex="0">{("- *a*" + chr(10)) * 5_000}'[: MOST_PLAIN + 18] + "</pre>"
    assert not plain.is_whole
    assert of("").is_whole
    assert of("").html == ""

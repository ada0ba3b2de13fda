"""Code with its keywords, texts, numbers and comments told apart, in five classes of the stylesheet's."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from markupsafe import Markup, escape
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Literal, Name, Number, String
from pygments.util import ClassNotFound

# Only languages whose lexers need no long time for a text within the bounds here; some of the others need minutes.
LANGUAGES = {
    **dict.fromkeys(("python", "py", "python3"), "python"),
    **dict.fromkeys(("bash", "sh", "shell", "zsh"), "bash"),
    **dict.fromkeys(("console", "shell-session"), "console"),
    **dict.fromkeys(("json", "jsonc", "ipynb"), "json"),
    **dict.fromkeys(("yaml", "yml"), "yaml"),
    **dict.fromkeys(("ini", "cfg", "conf"), "ini"),
    **dict.fromkeys(("javascript", "js"), "javascript"),
    **dict.fromkeys(("r", "toml", "sql", "diff"), None),
}
MOST_CHARACTERS = 8 * 1024  # of a text; a longer one is plain
LONGEST_LINE = 1024  # characters; a text with a longer one is plain
MOST_SPANS = 400  # of a text; what comes after them is plain
_CLASSES = (
    (Comment, "hc"),
    (Keyword, "hk"),
    (Name.Tag, "hk"),  # a key of JSON and YAML
    (String, "hs"),
    (Number, "hn"),
    (Name.Function, "hf"),
    (Name.Class, "hf"),
    (Literal, "hs"),
    (Generic.Inserted, "hs"),
    (Generic.Deleted, "hk"),
)
CLASSES = frozenset(name for _, name in _CLASSES)


def highlighted(text: str, language: str) -> Markup:
    """The text as HTML, each line of it as it was. Plain where the language is not known, or there is too much."""
    known = language.lower()
    if known not in LANGUAGES or len(text) > MOST_CHARACTERS or max(map(len, text.split("\n"))) > LONGEST_LINE:
        return escape(text)
    try:
        lexer = get_lexer_by_name(LANGUAGES[known] or known, stripnl=False)
    except ClassNotFound:
        return escape(text)
    return _marked(lexer.get_tokens(text))


def _marked(tokens: Iterable[tuple[object, str]]) -> Markup:
    parts: list[Markup] = []
    spans = 0
    named = ((_class_of(kind), part) for kind, part in tokens)
    for name, group in groupby(named, itemgetter(0)):
        words = escape("".join(part for _, part in group))
        if name is None or spans == MOST_SPANS:
            parts.append(words)
        else:
            spans += 1
            parts.append(Markup('<span class="{}">{}</span>').format(name, words))
    return Markup("").join(parts)


def _class_of(kind: object) -> str | None:
    return next((name for of, name in _CLASSES if kind in of), None)

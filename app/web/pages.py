"""Pages for persons who sign in: in the look of the other pages where those are served, else plain HTML.

No script runs where a token is pasted, and a browser loads and sends nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, render_template_string, request

POLICY = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_FRAME = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ title }}</title>{% if onward %}
<meta http-equiv="refresh" content="0;url={{ onward }}">{% endif %}</head>
<body>
<h1>{{ title }}</h1>
BODY
</body>
</html>
"""
_PASTE = """{% if refused %}<p role="alert">{{ refused }}</p>
{% endif %}{% if signed_in_as %}<p>You are signed in as {{ signed_in_as }}.</p>
<form method="post" action="{{ logout }}">
<input type="hidden" name="form_token" value="{{ form_token }}">
<button>Sign out</button>
</form>
{% endif %}<form method="post" action="{{ login }}">
<input type="hidden" name="next" value="{{ next }}">
<p><label>Token <input type="password" name="token" autocomplete="off" required autofocus></label></p>
<button>Sign in</button>
</form>
"""
_DONE = '<p>You are signed in. <a href="{{ onward }}">Go on</a></p>\n'
_OUT = '<p>You are signed out. <a href="{{ login }}">Sign in</a></p>\n'
_BODIES = {"paste": _PASTE, "signed_in": _DONE, "signed_out": _OUT}


def are_preferred() -> bool:
    """Whether who asks wants a page rather than JSON, as a browser does that shows what it gets."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def dress(app: Flask, render: Callable[..., Response]) -> None:
    """From now on ``render(which, **said)`` makes these pages: of ``paste``, ``signed_in`` and ``signed_out``."""
    app.extensions["dressed"] = render


def paste(status: int = 200, **said: Any) -> Response:
    """Where a token is pasted; where somebody has signed in, also where they sign out."""
    return _page("paste", status, title="Sign in", **said)


def signed_in(onward: str) -> Response:
    """A page of ours that goes on by itself: by a redirect the browser would not send a cookie that is Strict."""
    return _page("signed_in", title="Signed in", onward=onward)


def signed_out(login: str) -> Response:
    return _page("signed_out", title="Signed out", login=login)


def _page(which: str, status: int = 200, **said: Any) -> Response:
    dressed: Callable[..., Response] | None = current_app.extensions.get("dressed")
    if dressed is not None:
        response = dressed(which, **said)
        response.headers["Content-Security-Policy"] = f"{POLICY}; style-src 'self'; img-src 'self'"
    else:
        text = render_template_string(_FRAME.replace("BODY", _BODIES[which]), **said)
        response = Response(text, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = POLICY
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"  # without one a browser says of a form that it is nobody's
    return response

"""Pages for persons who sign in: plain HTML without a script, of which a browser loads and sends nothing elsewhere."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template_string

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
_PASTE = """{% if who %}<p>You are signed in as {{ who }}.</p>
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


def paste(**said: Any) -> Response:
    """Where a token is pasted; where somebody has signed in, also where they sign out."""
    return _page(_PASTE, title="Sign in", **said)


def signed_in(onward: str) -> Response:
    """A page of ours that goes on by itself: by a redirect the browser would not send a cookie that is Strict."""
    return _page(_DONE, title="Signed in", onward=onward)


def signed_out(login: str) -> Response:
    return _page(_OUT, title="Signed out", login=login)


def _page(body: str, **said: Any) -> Response:
    response = Response(
        render_template_string(_FRAME.replace("BODY", body), **said), content_type="text/html; charset=utf-8"
    )
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"  # without one a browser says of a form that it is nobody's
    return response

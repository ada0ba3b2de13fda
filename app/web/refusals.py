"""What is refused to a browser that signs in, or has (THE table of its codes and statuses), and bad tokens."""

from __future__ import annotations

from http import HTTPStatus

from flask import Flask, Response

from registry_core import InvalidToken

from .errors import problem

REFUSALS: dict[str, int] = {
    "sign_in_failed": 400,
    "form_token_missing": 403,  # nosec B105
    "tls_required": 403,
}


class Refused(Exception):
    """``code`` is one of the table."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def token_refused() -> InvalidToken:
    """The same words for every reason: whoever guesses learns nothing by them."""
    return InvalidToken(
        "The token that came with the request does not count, or no more. Sign in again, or have an admin make another."
    )


def init_app(app: Flask) -> None:
    app.register_error_handler(Refused, _answer)


def _answer(refused: Refused) -> Response:
    status = REFUSALS[refused.code]
    return problem(status, refused.code, HTTPStatus(status).phrase, refused.detail)

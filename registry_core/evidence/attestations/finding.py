"""Findings: something that is wrong with a version, until somebody who may says that it is not, or not any more."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ...format.events import FINDING
from ...models.changes import Committed, Draft, change
from ...models.missing import no_version
from ...models.model import ModelStore
from ...vocabulary.attestations import SEVERITIES
from ...vocabulary.errors import InvalidParameter
from ...vocabulary.evidence_errors import FindingNotFound
from ...vocabulary.texts import check_words, has_control, is_unicode, printable
from . import of_version
from .attesting import require_reason, require_short
from .of_version import EvidenceOfVersion, Finding

MAX_TITLE_CHARACTERS = 1000
MAX_URL_CHARACTERS = 2000


@dataclass(frozen=True)
class _Seen:
    evidence: EvidenceOfVersion
    is_published: bool


def _look(model: ModelStore, version: str) -> _Seen:
    if not model.has_version(version):
        return _Seen(EvidenceOfVersion(version, None, None), False)
    return _Seen(of_version.read(model, version), True)


def open_finding(
    model: ModelStore,
    version: str,
    severity: str,
    title: str,
    url: str | None,
    *,
    actor: str | None,
    reason: str | None,
) -> int:
    """The finding is open, by one event, whose seq is what it is called by.

    Raises ``VersionNotFound``, ``InvalidParameter``, ``StorageError``.
    """
    check_words(actor, reason)
    if severity not in SEVERITIES:
        raise InvalidParameter(f"severity is one of {', '.join(SEVERITIES)}.", field="severity")
    _check_line("title", title, MAX_TITLE_CHARACTERS)
    if url is not None:
        _check_url(url)
    said = {"severity": severity, "title": title, "url": url}

    def decide(seen: _Seen) -> Draft:
        if not seen.is_published:
            no_version(model.keys, version)
        digest = seen.evidence.package_digest
        return require_short(
            model, Draft(FINDING, version, actor, reason, package_digest=digest, own={"finding": said})
        )

    return int(change(model, lambda: _look(model, version), decide).event["seq"])


def end(
    model: ModelStore,
    version: str,
    seq: int,
    *,
    dismisses: bool,
    actor: str | None,
    reason: str | None,
) -> int:
    """The finding is not open any more, by one event that says why; one that is not open stays so, by its event.

    Whether the caller may is asked before: see :func:`blocking`. Raises ``FindingNotFound``, ``VersionNotFound``,
    ``InvalidParameter`` without a reason, ``StorageError``.
    """
    check_words(actor, reason)
    require_reason(reason, "dismissed" if dismisses else "resolved")

    def decide(seen: _Seen) -> Draft | int:
        if not seen.is_published:
            no_version(model.keys, version)
        found = find(seen.evidence, model, seq)
        if found.ended is not None:
            return found.ended
        own = {"finding": {"dismisses" if dismisses else "resolves": seq}}
        digest = seen.evidence.package_digest
        return require_short(model, Draft(FINDING, version, actor, reason, package_digest=digest, own=own))

    done = change(model, lambda: _look(model, version), decide)
    return int(done.event["seq"]) if isinstance(done, Committed) else done


def find(evidence: EvidenceOfVersion, model: ModelStore, seq: int) -> Finding:
    """The finding of that event. Raises ``FindingNotFound``."""
    found = next((one for one in evidence.findings if one.seq == seq), None)
    if found is None:
        title = f"{model.title}@{printable(evidence.version)}"
        raise FindingNotFound(
            f"No event {seq} opens a finding of {title}.", id=seq, version=printable(evidence.version)
        )
    return found


def _check_line(field: str, text: str, most: int) -> None:
    if not isinstance(text, str) or not text.strip() or len(text) > most or not is_unicode(text) or has_control(text):
        raise InvalidParameter(f"{field} is one line of 1 to {most} characters.", field=field)


def _check_url(url: str) -> None:
    _check_line("url", url, MAX_URL_CHARACTERS)
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or " " in url:
        raise InvalidParameter("url is an address that begins with http:// or https://.", field="url")

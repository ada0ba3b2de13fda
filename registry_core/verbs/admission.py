"""Whether a registration would be refused, asked before a byte of the package is read or sent."""

from __future__ import annotations

from contextlib import suppress

from ..format import metadata
from ..models.gate import Gate
from ..models.model import ModelStore
from ..packages import contents, intake
from ..vocabulary.answers import Admission, PackageFile
from ..vocabulary.errors import NotFound
from ..vocabulary.texts import DIGEST_PREFIX, escaped
from .registration import Request, look, refuse_early


def ask(model: ModelStore, request: Request, gate: Gate | None) -> Admission:
    """What the registration would meet; nothing is changed. Raises as it would, but for a name that is taken:
    whether by the same bytes is for whoever has them to find out."""
    request.check_words()
    names = {"task": request.task, "model_name": request.model_name, "version": request.version}
    metadata.compose({}, request.metadata, created_at="", **names)
    longest = model.storage.packages.longest_path(model.keys.package(request.version))
    intake.require_short((), longest)
    seen = look(model, request, gate)
    if seen.taken is None:
        refuse_early(seen, request)
        return Admission(**names, is_taken=False, existing=None, files=[], longest_path=longest)
    sizes = {}
    with suppress(NotFound):  # of a deleted one only the digests are kept
        sizes = {file.name: file.size_bytes for file in contents.listing(model, request.version).files}
    files = [
        PackageFile(escaped(path), DIGEST_PREFIX + sha256, sizes.get(escaped(path)))
        for path, sha256 in sorted(seen.taken.content.items())
    ]
    return Admission(**names, is_taken=True, existing=dict(seen.taken.existing), files=files, longest_path=longest)

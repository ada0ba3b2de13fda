"""What a bucket with versioning keeps of objects that were removed: told, and removed for good.

Google and Azure have other means (soft delete, versioning of their own), which are not asked here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from ...vocabulary.errors import InvalidParameter, StorageUnavailable
from ..contract import StorageOptions
from .s3 import S3Failed, bucket_and_prefix, s3_client

log = logging.getLogger(__name__)

_DENIED = ("AccessDenied", "403", "AllAccessDisabled")
_UNKNOWN = ("NotImplemented", "MethodNotAllowed", "405", "501")  # by stores that know no versions
_BOTH = (("Versions", False), ("DeleteMarkers", True))


class OldVersions:
    """The old versions in the bucket of a root."""

    def __init__(self, url: str, options: StorageOptions) -> None:
        self._root = bucket_and_prefix(url)
        self._options = options

    def are_kept(self) -> bool | None:
        """Whether the bucket will keep what is removed; None where it does not say."""
        if self._root is None:
            return None
        try:
            with s3_client(self._options) as client:
                return client.get_bucket_versioning(Bucket=self._root[0]).get("Status") is not None
        except S3Failed as error:
            log.warning("whether the bucket keeps old versions cannot be told: %s", error)
            return None

    def size_below(self, home: str) -> int | None:
        """Bytes of what was removed below the key and is kept; None where the store does not say."""
        if self._root is None:
            return None
        try:
            with s3_client(self._options) as client:
                return _bytes_of(self._pages(client, home))
        except S3Failed as error:
            log.warning("old versions below %s cannot be listed: %s", home, error)
            return None

    def remove_below(self, home: str) -> int:
        """None is left below the key; returns their bytes. Raises ``InvalidParameter``, ``StorageUnavailable``."""
        if self._root is None:
            raise InvalidParameter(
                "Old versions are removed on S3 only; elsewhere a rule of the bucket ends them.",
                field="old_versions",
            )
        try:
            with s3_client(self._options) as client:
                pages = list(self._pages(client, home))
                # Its marker is what hides an object: were that the first to go, the bytes would be back.
                for kind, _ in _BOTH:
                    for page in pages:
                        self._remove(client, page[kind])
                return _bytes_of(pages)
        except S3Failed as error:
            raise _refusal(error) from error

    def _pages(self, client: Any, home: str) -> Iterator[dict[str, list[dict[str, Any]]]]:
        """Versions that are not the current ones, and marks of deletion, below the key."""
        assert self._root is not None
        bucket, prefix = self._root
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{prefix}{home}/"):
            yield {
                kind: [found for found in page.get(kind, []) if is_mark or not found["IsLatest"]]
                for kind, is_mark in _BOTH
            }

    def _remove(self, client: Any, found: list[dict[str, Any]]) -> None:
        if not found:
            return
        assert self._root is not None
        named = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        answer = client.delete_objects(Bucket=self._root[0], Delete={"Objects": named, "Quiet": True})
        for failed in answer.get("Errors", []):
            raise S3Failed(f"{failed.get('Code')}: {failed.get('Message')}", failed.get("Code"))


def _bytes_of(pages: Iterable[dict[str, list[dict[str, Any]]]]) -> int:
    return sum(int(found["Size"]) for page in pages for found in page["Versions"])


def _refusal(error: S3Failed) -> InvalidParameter | StorageUnavailable:
    log.error("old versions could not be removed: %s", error)
    if error.code in _UNKNOWN:
        return InvalidParameter("This store does not list old versions, so none can be removed.", field="old_versions")
    if error.code in _DENIED:
        return StorageUnavailable(
            "The store does not let these credentials remove old versions: that takes s3:ListBucketVersions and "
            "s3:DeleteObjectVersion, and no lock on the objects.",
            retry_after_s=60,
        )
    return StorageUnavailable("The store could not list or remove old versions. Try again.", retry_after_s=5)

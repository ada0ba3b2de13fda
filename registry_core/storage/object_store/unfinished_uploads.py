"""Multipart uploads that a killed process left in an S3 bucket: hidden, paid for, and ours to abort.

Google and Azure drop what is unfinished by themselves after a week.
"""

from __future__ import annotations

import logging
from collections.abc import Set
from datetime import UTC, datetime
from typing import Any, cast

from ...vocabulary.times import steady_s
from ..contract import StorageOptions
from .s3 import S3Failed, s3_client

log = logging.getLogger(__name__)


def abort_s3(bucket: str, prefix: str, options: StorageOptions, min_age_s: float, spare: Set[str] = frozenset()) -> int:
    """Uploads below ``prefix`` begun more than ``min_age_s`` seconds ago are gone; returns how many.

    One with a segment of ``spare`` in its key belongs to a registration that lives. A failure is logged and counts as
    none: it costs space, not safety.
    """
    before = datetime.fromtimestamp(steady_s() - min_age_s, UTC)
    aborted = 0
    try:
        with s3_client(options) as client:
            for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
                for upload in page.get("Uploads", []):
                    if not spare.isdisjoint(upload["Key"].split("/")):
                        continue
                    named = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                    if _begun(client, upload, named) <= before:
                        client.abort_multipart_upload(**named)
                        aborted += 1
    except S3Failed as error:
        log.error("unfinished multipart uploads could not be removed: %s", error)
    if aborted:
        log.info("aborted %s unfinished multipart uploads", aborted)
    return aborted


def _begun(client: Any, upload: dict[str, Any], named: dict[str, str]) -> datetime:
    """When the upload began. Some stores do not say; then, when its newest part came."""
    if "Initiated" in upload:
        return cast(datetime, upload["Initiated"])
    parts = client.list_parts(**named).get("Parts", [])
    return max((part["LastModified"] for part in parts), default=datetime.now(UTC))

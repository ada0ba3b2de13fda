"""What S3 can be asked for and ``obstore`` cannot ask: unfinished uploads and old versions, by ``botocore``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..contract import StorageOptions


class S3Failed(Exception):
    """The store did not do what it was asked for. ``code``: its own word for why, if it gave one."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


def bucket_and_prefix(url: str) -> tuple[str, str] | None:
    """Of a root in S3 its bucket, and what every key of it begins with; None for another store's."""
    scheme, _, rest = url.partition("://")
    name, _, prefix = rest.partition("/")
    return (name, f"{prefix}/" if prefix else "") if scheme == "s3" else None


@contextmanager
def s3_client(options: StorageOptions) -> Iterator[Any]:
    """A client with the credentials of the usual AWS variables and files. Whatever fails inside is ``S3Failed``."""
    try:
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise S3Failed("botocore is not installed") from None
    try:
        yield botocore.session.get_session().create_client(
            "s3",
            endpoint_url=options.endpoint,
            region_name=options.region,
            config=Config(s3={"addressing_style": "path" if options.endpoint else "auto"}),
        )
    except ClientError as error:
        raise S3Failed(str(error), error.response.get("Error", {}).get("Code")) from error
    except BotoCoreError as error:
        raise S3Failed(str(error)) from error

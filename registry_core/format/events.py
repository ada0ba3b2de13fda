"""The kinds of event, and what each of them says."""

from __future__ import annotations

REGISTER, PROMOTE, ROLLBACK, UNALIAS = "register", "promote", "rollback", "unalias"
TAG, PATCH, STAGE = "tag", "patch", "stage"
DELETE, RESTORE, PURGE = "delete", "restore", "purge"

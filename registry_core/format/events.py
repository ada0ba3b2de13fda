"""The kinds of event, and what each of them says."""

from __future__ import annotations

REGISTER, DELETE, RESTORE, PURGE = "register", "delete", "restore", "purge"

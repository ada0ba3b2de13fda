"""Issuers that the tests of rules configure."""

from __future__ import annotations

from registry_core.access.who import Issuers

OIDC, PLATFORM, OTHER = "https://id.lab.example", "omnibioai-auth", "https://id.other.example"
ISSUERS = Issuers(OIDC, PLATFORM, {"oidc": OIDC, "platform": PLATFORM, "other": OTHER})

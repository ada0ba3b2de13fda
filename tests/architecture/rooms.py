"""Who may import whom: the table of rooms of each package, from the floor up; a large room has rooms of its own."""

from __future__ import annotations

_BELOW_PACKAGES = {"models", "format", "storage", "settings", "vocabulary"}
_BELOW_WINGS = {"packages", *_BELOW_PACKAGES}
_BELOW_ACCESS = {"models", "format", "storage", "vocabulary"}
_WINGS = {"verbs", "uploads", "operations", "catalogue", "upkeep"}

# package -> room -> the rooms that it may import, beside itself
ROOMS: dict[str, dict[str, set[str]]] = {
    "registry_core": {
        "vocabulary": set(),
        "format": {"vocabulary"},
        "storage": {"vocabulary"},
        "settings": {"storage", "vocabulary"},
        "models": {"format", "storage", "settings", "vocabulary"},
        "access": _BELOW_ACCESS,
        "packages": _BELOW_PACKAGES,
        "evidence": _BELOW_WINGS,
        # No wing knows another.
        **dict.fromkeys(_WINGS, _BELOW_WINGS),
        "registry": {"access", "evidence", *_BELOW_WINGS, *_WINGS},
    },
    "registry_core.evidence": {
        "keys": set(),
        "rules": {"keys"},
        "signing": {"rules", "keys"},
        "attestations": {"signing", "rules"},
        "gates": {"attestations", "signing", "rules"},
        # What outsiders hold a registry to asks nobody what the lines say.
        "log": {"keys"},
    },
    "app": {
        "config": set(),
        "web": {"config"},
        # No way in knows another.
        "v1": {"web", "config"},
        "hub": {"web", "config"},
        "pages": {"web", "config"},
        "serving": {"web", "config"},
    },
    "registry_client": {
        "forms": set(),
        "remote": {"forms"},
        "local": {"forms"},
        "pull": {"remote", "local", "forms"},
        "push": {"remote", "local", "forms"},
        "client": {"pull", "push", "remote", "local", "forms"},
        "cli": {"client", "pull", "push", "remote", "local", "forms"},
    },
}

"""What files are, over HTTP."""

from __future__ import annotations

from registry_core import VerbsOfFacts

from .calls import call
from .connection import Connected


class Facts(Connected):
    """A new event is sent again only where nothing was changed."""

    facts = call(VerbsOfFacts.facts, "GET", "/v1/facts", patient=True)
    refresh_facts = call(VerbsOfFacts.refresh_facts, "POST", "/v1/facts", patient=True)

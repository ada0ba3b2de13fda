"""The HTTP interface below /v1: load, call one verb of the core, dump. No rule of the registry is decided here."""

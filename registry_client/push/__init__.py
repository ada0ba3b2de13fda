"""A directory to a service, as a new version: only what the service lacks is sent, and a broken push goes on."""

"""Packages that arrive over a network: sessions of files, until they are registered or expire."""

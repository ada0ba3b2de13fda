"""What a file's bytes say of it, read without running anything: above all whether loading it runs code.

Pure over a reader of bounded bytes, by the standard library alone. Nothing in a file makes any of this fail: what
cannot be read is a fact too.
"""

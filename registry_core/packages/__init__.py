"""The bytes of a version: taken in, hashed, proven, handed out."""

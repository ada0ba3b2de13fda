"""Long work that nobody waits for: a document says how far it is, and what came of it."""

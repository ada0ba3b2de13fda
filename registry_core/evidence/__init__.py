"""Who vouches for a version, and what must be vouched for before it is used. Evidence never changes a package byte."""

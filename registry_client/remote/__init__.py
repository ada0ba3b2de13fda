"""The verbs over HTTP, with the core's names, values and errors."""

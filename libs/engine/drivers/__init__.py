"""One module an engine; its name is the configured name."""

"""WebSockets between readers and daemons: the one place that knows which library speaks the protocol."""

"""One file a driver, named as it is configured, with `open_driver(settings)`; imported only when it is named."""

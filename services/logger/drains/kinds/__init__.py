"""The kinds of drain, a file each (`services.logger.drains.kind.Kind`)."""

"""The kinds of check, a file each: `open_probe(settings)` opens one (`services.health_checker.probe.Kind`)."""

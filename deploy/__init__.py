"""How the platform is put on machines: the local stack, systemd units, example apps."""

"""What the daemons and the command share. Nothing in here imports a service."""

"""`python -m services.router.configure`: HAProxy's configuration, before HAProxy is started.

Run it before each start of HAProxy (`ExecStartPre=`). It keeps the endpoints that were last served, and brings the
structure (ports, pool) to what the settings ask for, so that a restart of HAProxy applies them.
"""

from __future__ import annotations

import sys

from pydantic import ValidationError

from services.router.saved import load, save
from services.router.settings import RouterSettings
from services.router.structure import Structure


def configure(settings: RouterSettings) -> Structure:
    """Write the configuration and the maps from the saved picture; raises `OSError` and `ValueError`."""
    structure = Structure.of(settings)
    save(structure, load(structure.files))
    return structure


def main() -> None:
    """The command; prints the configuration's path."""
    try:
        structure = configure(RouterSettings())
    except (OSError, ValidationError, ValueError) as error:
        sys.exit(f"the router's configuration cannot be written: {error}")
    sys.stdout.write(f"{structure.files.configuration}\n")


if __name__ == "__main__":
    main()

"""`python -m libs.daemon` is `deis-daemon`."""

from libs.daemon.command import main

main()

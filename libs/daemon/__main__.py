"""`python -m libs.daemon` is `deis-daemon`."""

from libs.deis_daemon import main

main()

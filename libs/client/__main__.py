"""`python -m libs.client`: the `deis` command without an installed script."""

from libs.client.command import main

main()

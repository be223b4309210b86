"""The platform on one machine, for a newcomer and for development: `make up`, `make demo`, `make down`, `make reset`.

supervisord keeps etcd, HAProxy, the daemons (and a Docker Engine, where none answers) running; all state lives under
`$DEIS_HOME` (`.deis/`).
"""

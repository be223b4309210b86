#!/bin/sh
# The platform's own Docker Engine. One that was killed leaves its number behind, and its containerd's; another process may
# bear it by now, and dockerd would wait for that one.
set -eu
rm -f "$DEIS_HOME/run/dockerd.pid" "$DEIS_DOCKER_EXEC_ROOT/containerd/containerd.pid"
# shellcheck disable=SC2086 # the options are words
exec dockerd --host "$DEIS_DOCKER_HOST" --live-restore --pidfile "$DEIS_HOME/run/dockerd.pid" \
  --data-root "$DEIS_DOCKER_DATA_ROOT" --exec-root "$DEIS_DOCKER_EXEC_ROOT" $DEIS_DOCKER_OPTIONS

#!/usr/bin/env bash
# Brings v1's own command, with which the API's compatibility is tested, from the package index. Quick when it is there.
set -euo pipefail
cd "$(dirname "$0")/../../.."

store=.venv/v1-client
if ! compgen -G "$store/deis-*.zip" >/dev/null; then
  echo "Fetching v1's own client for the tests"
  .venv/bin/pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
    --require-hashes -r tests/support/v1_client/requirements.txt -d "$store"
fi

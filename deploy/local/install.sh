#!/usr/bin/env bash
# Installs what is missing on Debian 12: packages, and the Python packages of the lock file into .venv.
# Quick when nothing is missing. Root, or a user with sudo.
set -euo pipefail
cd "$(dirname "$0")/../.."

sudo=""
if [ "$(id -u)" -ne 0 ]; then
  sudo="sudo"
fi

missing=()
need() { # COMMAND PACKAGE: the package is installed where the command is not there
  PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null || missing+=("$2")
}
need dockerd docker.io
need docker docker.io
need iptables iptables
need etcd etcd-server
need etcdctl etcd-client
need haproxy haproxy
need curl curl
need rsyslogd rsyslog # log drains are tested with it, and the logger is measured beside it
need slapd slapd # logins by LDAP are tested with a real server
compgen -G '/usr/lib/*/rsyslog/lmnsd_gtls.so' >/dev/null || missing+=(rsyslog-gnutls)
need git git # the command finds its app in the remotes
need zsh zsh # completion is tested in real shells
need fish fish
need ps procps
need systemd-analyze systemd # the units are verified in the tests
dpkg-query -W -f '${Status}' busybox-static 2>/dev/null | grep -q ' installed' || missing+=(busybox-static)
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  missing+=(python3)
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  missing+=(python3-venv)
fi

if [ ${#missing[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "missing: ${missing[*]}; install them with this system's package manager and run it again" >&2
    exit 1
  fi
  echo "Installing Debian packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  echo slapd slapd/no_configuration boolean true | $sudo debconf-set-selections # or its own service starts
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

stamp=.venv/.installed-from
if ! cat requirements.lock pyproject.toml | cmp -s - "$stamp"; then
  echo "Installing Python packages of requirements.lock into .venv"
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
  .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
  cat requirements.lock pyproject.toml >"$stamp"
fi

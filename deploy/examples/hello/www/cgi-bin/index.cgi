#!/bin/sh
# Standard error is the container's output: httpd hands it on.
echo "$REQUEST_METHOD $REQUEST_URI from ${HTTP_X_FORWARDED_FOR:-$REMOTE_ADDR}" >&2
printf 'Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n'
busybox cat <<PAGE
${GREETING:-Hello from Deis}

app       ${DEIS_APP:-none}
release   ${DEIS_RELEASE:-none}
process   ${DEIS_PROCESS:-none}
instance  $(busybox hostname)
version   ${VERSION:-none}
PAGE

"""The router: drives HAProxy from etcd, and acknowledges what HAProxy confirmed.

HAProxy carries the traffic. It is a supervised process of its own, never a child of this daemon: the daemon adopts a
running one as it finds it, speaks to it over the runtime socket, and keeps the configuration on disk such that a
restarted HAProxy serves the last endpoints before the daemon, or etcd, is there.

Reads `services/`, `retiring/`, `apps/`, `domains/`, `rollouts/`, `mesh/controller/` and `mesh/logger/`; writes
`routers/<id>` and `mesh/router/<id>` (both leased), and its own files under `<home>/router/`.

On the API's host, `/logs/<logger id>/tail` goes to the WebSockets of that logger and of no other one; all else there is
the controller's.

HAProxy finds crashed instances out by itself, also while this daemon is dead; it tells the daemon, over two datagram
sockets, of those and of requests that were not answered in time. The daemon suspects such an instance, and lets it back
when its check has passed since.

It must never withdraw an endpoint because a store, a mirror or a record is absent: only because a writer deleted its
fact while the rest of the world still stands (`holding`). It must never reload HAProxy for anything that an app does.
It must never say `in_rotation` or `gone` of what HAProxy has not confirmed.
"""

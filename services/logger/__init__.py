"""The logger keeps the last lines of every app in memory, and answers for them.

Agents of the nodes send it lines (`proto/log-line.md`). It reads `events/…`, whose records become lines of the
platform's own, and `apps/…`, by which it knows whose lines a name means and which apps are gone. Readers follow an
app's log over WebSockets (`proto/log-tail.md`): it uses up their `tickets/…`, and ends their tails by what `apps/…`,
`users/…`, `tokens/…` and `mesh/logger/…` say. It writes `mesh/logger/<node>`, leased: where it is found.

It must never lose a line without counting it, let one app's lines cost another its own beyond the rule for the shared
memory, or stop at a bad input. It keeps nothing on disk: after a restart the agents fill its rings again.
"""

"""Log drains: lines of an app, or of all, on to receivers that their users name (`proto/log-drains.md`).

A logger runs the drains of the apps that it keeps. It reads `drains/…`, `drain_states/…` and `mesh/…`: who the loggers
are, and where drains may not go (`guard`). It writes `drain_states/<drain>/<its id>`. `keeping` runs a `course` for
each drain: an `intake` of feeds, a bounded `buffer`, and a connection of the drain's `kind`: a file in `kinds/`.

A receiver that is dead, slow or lies costs its own drain's lines alone, and each of them is counted.
"""

"""The publisher observes the engine of its node and publishes what it sees and what the mesh may use.

It writes `instances/<node>/…` (what the engine has), `services/<app>/<instance>` (what may be routed to) and,
leased, `nodes/<node>` and `mesh/publisher/<node>`. It reads `health/<node>/…` and `retiring/<node>/…`.

It must never delete a fact because it does not know: only a complete answer of the engine says that something is gone,
and a missing verdict leaves things as they are. It never touches the engine, nor a record of another node.
"""

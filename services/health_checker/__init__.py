"""The health checker probes the instances of its node and writes verdicts.

It reads `instances/<node>/…` and, for what routers suspect, `routers/…`. It writes `health/<node>/…` (on a transition,
and to answer a suspicion; not on each probe) and, leased, `mesh/health_checker/<node>`. A restarted checker goes on
from the verdicts that are recorded.

An instance has up to three probes, as those of Kubernetes. `startup` comes first and alone; what has not passed it
within its budget is not live. Then `readiness` says whether it gets traffic, `liveness` whether it is of use at all.

It must never judge by absence: a verdict is about one run of one instance, ends with the instance's record, and is not
touched because the checker, the store, the engine or a mirror came or went. It asks the engine for commands of exec
checks alone.
"""

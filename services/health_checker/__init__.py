"""The health checker probes the instances of its node and writes verdicts.

It reads `instances/<node>/…` and writes `health/<node>/…` (on a transition, not on each probe) and, leased,
`mesh/health_checker/<node>`. A restarted checker goes on from the verdicts that are recorded.

It must never judge by absence: a verdict is about one run of one instance, ends with the instance's record, and is not
touched because the checker, the store or a mirror came or went.
"""

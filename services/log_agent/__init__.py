"""The log agent reads what the node's instances say and sends it to the logger.

It learns the instances from `instances/<node>/…`, follows each through the engine's own log files, and finds the
logger in `mesh/logger/…`. It writes `log_ends/<node>/…` (a stopped instance was read to its end, and the logger has it
all) and, leased, `mesh/log_agent/<node>`. Where it stands with each instance it asks the logger;
`log_agent/cursors.json` in its home tells what a logger that lost its memory had.

It must never make an app wait for its output, nor skip a line without a word in the app's log: while the logger is
away it stops reading, and the engine's files hold what comes. It never tells an end that it has not read.
"""

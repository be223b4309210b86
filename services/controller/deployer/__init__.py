"""The deployer: makes apps what their records want, one step at a time; led by one controller of several.

It reads `apps/`, `releases/`, `builds/`, what the engine answers, and what the node agents and routers wrote
(`instances/`, `health/`, `log_ends/`, `routers/`, `nodes/`). It writes `rollouts/` (with its epoch, by
compare-and-swap) and `retiring/`, puts `apps/` back to the release before a failed one, and deletes what a destroyed
app leaves.

`plan` is the algorithm: a pure function from a picture of one app to its next steps. `executor` does them. What was
decided is in the store before it is done, so that a crash between any two steps is harmless.

Between rollouts `settled` keeps what runs: what vanished is started anew, what is not live is replaced (`healing`),
and what is wrong stands in the rollout's record (`alarms`), whose writes tell of it (`tidings`).

It must never read a verdict from absence: while a mirror is in doubt, the engine does not answer, or another leads, it
starts nothing and stops nothing. It must never touch a container that no record owns, nor use an id twice.
"""

from services.controller.deployer.deployer import Deployer
from services.controller.deployer.settings import DeployerSettings

__all__ = ["Deployer", "DeployerSettings"]

"""Asks for each operation of the builder's hooks."""

from __future__ import annotations

from tests.support.contract import Checked

PUSHED = {"receive_user": "admin", "receive_repo": "hello"}
SSH = {
    "fingerprint": "aa:bb",
    "ssh_connection": "10.1.2.3 50000 10.0.0.1 2222",
    "ssh_original_command": "git-receive-pack",
}
BUILT = {"image": "acme/hello", "sha": "0123456789", "procfile": {"web": "x"}, "dockerfile": ""}


async def ask(call: Checked, key: str) -> None:
    nobody, shown = call.of(call.client.with_token("")), {"headers": {"X-Deis-Builder-Auth": key}}
    for hook, more in (("push", {"sha": "0123456789", **SSH}), ("config", {}), ("build", BUILT)):
        path, body = f"/v1/hooks/{hook}", {**PUSHED, **more}
        await nobody("POST", path, path, body, status=201 if hook == "push" else 200, **shown)
        await nobody("POST", path, path, body, status=401)
        await nobody("POST", path, path, {}, status=400, **shown)
        await nobody("POST", path, path, {**body, "receive_repo": "nope"}, status=404, **shown)

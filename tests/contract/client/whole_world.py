"""A world in which every command has something to do: app paper and its two releases, bob, a key, a token and so on."""

from __future__ import annotations

from tests.contract.client.conftest import Deis
from tests.contract.client.stand_in import DATE, StandIn
from tests.contract.client.stand_in_tails import Drains

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGlSbXkAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ada@laptop"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"


def furnish(deis: Deis, stand_in: StandIn) -> None:
    """Log ada in, in the directory of app paper, with files that commands take."""
    deis.log_in()
    app = stand_in.app("paper")
    app["formation"] = {"cmd": 1, "web": 2}
    app["values"], app["tags"], app["memory"] = {"LEVEL": "debug", "NOTE": "two words"}, {"disk": "ssd"}, {"web": "64M"}
    app["domains"] = ["www.example.com"]
    app["builds"] = [{"uuid": "b0", "image": "example/web:v1", "created": DATE, "owner": "ada", "app": "paper"}]
    app["releases"] = ["ada created initial release", "ada deployed example/web:v1"]
    app["healthcheck"] = {"web": {"livenessProbe": {"tcpSocket": {}}}}
    drains = stand_in.drains.setdefault("paper", Drains())
    failing = {"sent": 4096, "dropped": 12, "waiting": 3, "until": DATE, "error": "connection refused", "failing": DATE}
    drains.add("paper", {"url": "syslog+tls://logs.example.com:6514", "select": {"process": "web", "level": "error"}})
    drains.drains[0].update(state=failing, client_certificate=True)
    drains.add("paper", {"url": "https://logs.example.com/in"})
    every = stand_in.drains.setdefault("", Drains())
    every.add("", {"url": "syslog://10.0.0.1:514"})["state"] = {**failing, "error": "", "failing": None}
    accounts = stand_in.accounts
    accounts.shared["paper"] = ["bob"]
    accounts.users.append("eve")
    accounts.admins.append("eve")
    accounts.answer("POST", ["keys"], {"id": "ada@desk", "public": PUBLIC.replace("laptop", "desk")})
    accounts.answer("POST", ["certs"], {})
    accounts.answer("POST", ["auth", "tokens"], {"name": "ci"})
    for name, text in {
        "id.pub": f"{PUBLIC}\n",
        "www.crt": CERTIFICATE,
        "www.key": PRIVATE_KEY,
        "more.env": "A=1\nB=two words",
    }.items():
        (deis.directory / name).write_text(text)

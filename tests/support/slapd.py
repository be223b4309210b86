"""A real LDAP server: OpenLDAP's slapd over a folder of its own, with a few people."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import make_certificate
from tests.support.ports import free_port
from tests.support.waiting import eventually

SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/lib/openldap:/usr/libexec") or "slapd"
BASE = "dc=example,dc=org"
PEOPLE = f"ou=people,{BASE}"
SEARCHER, SEARCHERS_PASSWORD = f"cn=searcher,{BASE}", "s3arch=er*"
CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
allow bind_anon_cred
TLSCertificateFile {folder}/server.crt
TLSCertificateKeyFile {folder}/server.key
database mdb
suffix "{base}"
directory {folder}/data
access to attrs=userPassword by anonymous auth
access to * by * read
"""


def entry(rdn: str, below: str, **attributes: str) -> str:
    """One person in LDIF."""
    lines = [f"dn: {rdn},{below}", "objectClass: inetOrgPerson", *(f"{k}: {v}" for k, v in attributes.items())]
    return "\n".join(lines)


LDIF = "\n\n".join(
    [
        f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example",
        f"dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people",
        f"dn: ou=guests,{PEOPLE}\nobjectClass: organizationalUnit\nou: guests",
        entry("cn=searcher", BASE, cn="searcher", sn="Searcher", userPassword=SEARCHERS_PASSWORD),
        entry(
            "uid=ann", PEOPLE, uid="Ann", cn="Ann", sn="Example", givenName="Ann", mail="ann@example.org",
            userPassword="ann's (pass)*word\\",
        ),
        entry("uid=admin", PEOPLE, uid="admin", cn="admin", sn="Not the administrator", userPassword="directory's"),
        entry("uid=twin", PEOPLE, uid="twin", cn="Twin", sn="One", userPassword="same"),
        entry("uid=twin", f"ou=guests,{PEOPLE}", uid="twin", cn="Twin", sn="Other", userPassword="same"),
        entry("uid=open", PEOPLE, uid="open", cn="Open", sn="Without a password"),
        entry(
            r"cn=Smith\, Zoe #1 (z)", f"ou=guests,{PEOPLE}", uid="zoe", cn="Smith, Zoe #1 (z)", sn="Smith",
            mail="none", userPassword="Zoë",
        ),
        entry("uid=outside", BASE, uid="outside", cn="Out", sn="Side", userPassword="outside"),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Slapd:
    """A running server."""

    port: int
    tls_port: int
    ca: str  # PEM

    @property
    def plain(self) -> str:
        """Its endpoint for StartTLS, or none."""
        return f"ldap://localhost:{self.port}"

    @property
    def encrypted(self) -> str:
        """Its endpoint for TLS."""
        return f"ldaps://localhost:{self.tls_port}"


@asynccontextmanager
async def running_slapd(folder: Path, *, port: int = 0) -> AsyncIterator[Slapd]:
    """A server in an empty folder while the body runs."""
    (folder / "data").mkdir(parents=True)
    made = make_certificate("localhost", ["localhost"])
    (folder / "server.crt").write_text(made.pem)
    (folder / "server.key").write_text(made.key)
    conf = folder / "slapd.conf"
    conf.write_text(CONF.format(folder=folder, base=BASE))
    (folder / "people.ldif").write_text(f"{LDIF}\n")
    filling = await asyncio.create_subprocess_exec(
        SLAPD, "-T", "add", "-f", str(conf), "-l", str(folder / "people.ldif"), "-q"
    )
    assert await filling.wait() == 0
    slapd = Slapd(port or free_port(), free_port(), made.pem)
    process = await asyncio.create_subprocess_exec(
        SLAPD, "-f", str(conf), "-h", f"{slapd.plain} {slapd.encrypted}", "-d", "0"
    )
    try:
        await eventually(lambda: listening(slapd.port) and listening(slapd.tls_port), what="slapd listening")
        yield slapd
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def listening(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0

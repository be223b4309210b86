"""`deis certs:…`: certificates, kept for routers that end TLS."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from libs.client.api.errors import ClientError
from libs.client.commands.options import JsonOption, LimitOption
from libs.client.errors import BadArgument
from libs.client.expiry import remark
from libs.client.files import read_text
from libs.client.invocation import Invocation, present
from libs.client.screen import RED, YELLOW
from libs.client.suggestions import cert_names

if TYPE_CHECKING:
    from libs.client.api.answer import Page
    from libs.client.api.certs import Cert
    from libs.client.api.client import Client

GAP = 5
HTTP_ALONE = "The router of this version serves HTTP alone: certificates are kept for routers that end TLS."
NAME, EXPIRES = "Common Name", "Expires"


def list_(context: typer.Context, limit: LimitOption = None, json: JsonOption = False) -> None:
    """List your certificates and when they expire."""
    call = present(context)
    most = call.limit(limit)

    async def question(client: Client) -> Page[Cert]:
        return await client.certs.list(most)

    page = call.ask(question)
    if json:
        call.screen.json(page.as_json())
        return
    if not page.results:
        call.screen.line("No certs")
        return
    show(call, page.results)
    if len(page.results) < page.count:
        call.screen.warn(f"({len(page.results)} of {page.count} certificates; use --limit to see more)")


def show(call: Invocation, certs: tuple[Cert, ...]) -> None:
    """The certificates by name, as version 1 draws them; on a terminal those are marked that expire soon."""
    screen = call.screen
    width = max(len(NAME), *(len(cert.common_name) for cert in certs))
    dates = max(len(EXPIRES), *(len(cert.expires) for cert in certs))
    screen.line(f"{NAME:<{width + GAP}}{EXPIRES}")
    screen.line(f"{'-' * width}{' ' * GAP}{'-' * dates}")
    for cert in sorted(certs, key=lambda cert: cert.common_name):
        screen.line(f"{screen.visible(cert.common_name):<{width + GAP}}{expiry(call, cert)}")


def expiry(call: Invocation, cert: Cert) -> str:
    """The date; on a terminal a word on one that is near or past."""
    date = call.screen.visible(f"{cert.expires.removesuffix('UTC')}UTC")  # a new one's has no zone in version 1's API
    said = remark(cert.expires, datetime.now(UTC)) if call.screen.lively else ""
    style = RED if said == "expired" else YELLOW
    return f"{date}  {call.screen.styled(said, style)}" if said else date


def add(  # noqa: PLR0913, PLR0917 - what v1 takes
    context: typer.Context,
    certificate: Annotated[
        Path, typer.Argument(metavar="CERT", help="The file of the certificate and its chain, in PEM.")
    ],
    key: Annotated[Path, typer.Argument(metavar="KEY", help="The file of its private key, in PEM.")],
    common_name: Annotated[
        str | None,
        typer.Option("--common-name", metavar="NAME", help="The host name; the certificate's own where not given."),
    ] = None,
    alternatives: Annotated[
        str | None,
        typer.Option(
            "--subject-alt-names", metavar="NAME,NAME", help="Its further host names; it is added once for each."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Add a certificate, for TLS at a host name. As in `certs:add www.crt www.key`.

    It is kept for routers that end TLS, at the app that has the host name as a domain: the router of this version
    serves HTTP alone. Its key is encrypted before it is kept.
    """
    call = present(context)
    call.profile()
    if common_name and alternatives:
        raise BadArgument("give --common-name or --subject-alt-names, not both")
    names = names_in(alternatives) if alternatives else [common_name]
    pem, secret = read_pair(call, certificate, key)

    async def question(client: Client) -> tuple[Cert, ...]:
        added: list[Cert] = []
        for name in names:
            try:
                added.append(await client.certs.add(pem, secret, name))
            except ClientError as error:
                if added:
                    there = ", ".join(cert.common_name for cert in added)
                    error.add_note(f"Before that it was added for {there}, and stays so.")
                raise
        return tuple(added)

    with call.screen.progress("Adding SSL endpoint...", quiet=json):
        certs = call.ask(question, note="Look with `deis certs` whether it was added.")
    if json:
        call.screen.json([cert.as_json() for cert in certs])
    elif call.screen.lively:
        for cert in certs:
            call.screen.line(f"{call.screen.visible(cert.common_name)} expires {expiry(call, cert)}")
    for cert in certs:
        if cert.subject_alt_names and not any(covers(name, cert.common_name) for name in cert.subject_alt_names):
            its = ", ".join(cert.subject_alt_names)
            call.screen.warn(
                f"The certificate is not for {cert.common_name}, which clients will refuse: it is for {its}."
            )
    if not json:
        call.screen.warn(HTTP_ALONE)


def covers(name: str, host: str) -> bool:
    """Whether a certificate's name is the host's; `*.` stands for its first label (RFC 6125, section 6.4.3)."""
    name, host = name.lower(), host.lower()
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:])


def names_in(text: str) -> list[str]:
    """Host names between commas; `BadArgument` if there is none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise BadArgument(f'"--subject-alt-names={text}" names no host; write --subject-alt-names=a.example.com,b.org')
    return names


def read_pair(call: Invocation, certificate: Path, key: Path) -> tuple[str, str]:
    """Both files' texts; `BadArgument` where one is not what it should be, or they were swapped."""
    pem, secret = read_text(call.directory / certificate), read_text(call.directory / key)
    if "PRIVATE KEY-----" in pem and "BEGIN CERTIFICATE" not in pem:
        swapped = ": the two are swapped" if "BEGIN CERTIFICATE" in secret else ""
        raise BadArgument(f"{certificate} holds a private key, where the certificate comes first{swapped}")
    if "BEGIN CERTIFICATE" not in pem:
        raise BadArgument(f"{certificate} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    if "PRIVATE KEY-----" not in secret:
        raise BadArgument(f"{key} holds no private key in PEM (-----BEGIN PRIVATE KEY-----)")
    return pem, secret


def remove(
    context: typer.Context,
    common_name: Annotated[
        str, typer.Argument(metavar="NAME", help="The host name, as `deis certs` has it.", autocompletion=cert_names)
    ],
) -> None:
    """Remove a certificate: no router that ends TLS has it from then on."""
    call = present(context)
    call.profile()

    async def question(client: Client) -> None:
        await client.certs.remove(common_name)

    with call.screen.progress(f"Removing {common_name}..."):
        call.ask(question, note="Look with `deis certs` whether it was removed.")


COMMANDS = {"list": list_, "add": add, "remove": remove}

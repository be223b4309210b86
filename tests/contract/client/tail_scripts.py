"""What the stand-in's tails tell in several tests."""

from __future__ import annotations

from tests.contract.client.stand_in_tails import Talk

TICKETS = "POST /v1/apps/paper/logs/tickets"
LINE = "2026-01-02T03:04:05UTC paper[web.1]: "
GONE = "Error: the app paper was destroyed, and its log ends here.\n"


async def tells(talk: Talk, *messages: bytes) -> None:
    """These lines, and then the end of the app."""
    await talk.ready()
    for message in messages:
        await talk.lines(message)
    await talk.end("gone", code=1000)


async def destroyed(talk: Talk) -> None:
    """Nothing but the end."""
    await tells(talk)


async def live_without_a_line(talk: Talk) -> None:
    """That there was nothing, until the reader leaves."""
    await talk.ready()
    await talk.say("live")
    await talk.socket.receive()

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from libs.client.api.resolver import LoopbackResolver, addresses


def test_a_name_server_that_does_not_answer_holds_no_command_that_has_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answered = threading.Event(), threading.Event()

    def hanging(*arguments: Any, **more: Any) -> list[Any]:
        asked.set()
        answered.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hanging)

    async def resolve() -> None:
        looking = asyncio.timeout(None)
        async with looking:
            looking.reschedule(0)
            await addresses("deis.example.com", 80, socket.AF_UNSPEC)

    with pytest.raises(TimeoutError):
        asyncio.run(resolve())  # ends while the system is still looking
    assert asked.wait(60)
    assert not answered.is_set()
    answered.set()


async def test_a_name_that_the_system_does_not_know_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: Any, **more: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OSError, match="Name or service not known"):
        await LoopbackResolver().resolve("deis.example.com", 80)


async def test_addresses_come_as_the_system_orders_them_with_their_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    six = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 80, 0, 2))
    four = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [six, four])
    found = await LoopbackResolver().resolve("deis.example.com", 80)
    assert [(one["host"], one["family"], one["port"]) for one in found] == [
        ("fe80::1%2", socket.AF_INET6, 80),
        ("192.0.2.1", socket.AF_INET, 80),
    ]
    assert {one["hostname"] for one in found} == {"deis.example.com"}

"""The API in a thread of its own, and requests for it made from the contract: valid ones, bad ones, from anybody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.cast import Cast, on_stage
from tests.support.contract import Document
from tests.support.loggers import logger

T = TypeVar("T")

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PERSONS = ("owner", "admin", "owner", "admin", "stranger", "anonymous")
FOLLOWS = ("/rollouts/", "/instances/", "/events/")  # what the stand-in for the deployer makes of the rest


@dataclass(frozen=True)
class Served:
    """The running API as another thread sees it."""

    cast: Cast
    session: requests.Session
    loop: asyncio.AbstractEventLoop
    first: dict[str, bytes]  # all that the store held

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What this comes to in the API's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    async def restore(self) -> None:
        """Put back what the last request changed, so that each finds the same things."""
        store = self.cast.api.store
        present = {entry.key: entry.value for entry in (await store.list("/deis/")).entries}
        changed = [key for key in {*present, *self.first} if present.get(key) != self.first.get(key)]
        changed = [key for key in changed if not any(part in key for part in FOLLOWS)]
        for key in sorted(changed, key=lambda key: "/apps/" in key):  # the apps point at the others
            if key in self.first:
                await store.put(key, self.first[key])
            else:
                await store.delete(key)
        if changed:
            await self.cast.settled()


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """The API with its people and their things, in a thread, while the body runs."""
    started: Future[tuple[Cast, asyncio.AbstractEventLoop, dict[str, bytes]]] = Future()
    ended = asyncio.Event()

    async def serve() -> None:
        async with on_stage(home, controller_wait_seconds=5) as cast, logger(cast.api, 200, b"a line\n"):
            await cast.settled()
            entries = (await cast.api.store.list("/deis/")).entries
            started.set_result((cast, asyncio.get_running_loop(), {entry.key: entry.value for entry in entries}))
            await ended.wait()

    def thread() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    running = threading.Thread(target=thread, name="api")
    running.start()
    try:
        cast, loop, first = started.result(60)
        with requests.Session() as session:
            session.trust_env = False
            yield Served(cast, session, loop, first)
        loop.call_soon_threadsafe(ended.set)
    finally:
        running.join(60)


def fuzz(api: Served, document: Document, method: str, path: str, *, examples: int, fixed: bool = True) -> None:
    """Ask for one operation in many ways and hold the answers against a contract.

    `fixed`: the same requests each time. Raises what schemathesis says of an answer, with the least request for it.
    """
    schema = schemathesis.openapi.from_dict(deepcopy(document), config=SchemathesisConfig())
    operation = schema[path][method.lower()]
    modes: Sequence[Any] = list(schemathesis.GenerationMode)
    if not (operation.body or operation.path_parameters or operation.query):
        modes = [schemathesis.GenerationMode.POSITIVE]

    @settings(
        max_examples=examples,
        derandomize=fixed,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes]),
        person=st.sampled_from(PERSONS),
        known=st.sampled_from([True, True, False]),
    )
    def ask(case: schemathesis.Case[Any], person: str, known: bool) -> None:
        if known:
            there = api.cast.names(path)
            case.path_parameters.update({name: there[name] for name in case.path_parameters if name in there})
        client = api.cast.client(person)
        headers = {"Authorization": f"token {client.token}"} if client.token else {}
        try:
            response = case.call(base_url=client.url, session=api.session, headers=headers, timeout=30)
            case.validate_response(response, checks=CHECKS)
        finally:
            api.run(api.restore())

    ask()

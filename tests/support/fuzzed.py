"""The API in a thread of its own, and requests for it made from the contract: valid ones, bad ones, from anybody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
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
from tests.support.contract import Document, resolved
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
NDJSON = "application/x-ndjson"
KNOWN = {"receive_user": "owner", "receive_repo": "hello", "username": "collaborator", "owner": "stranger"}  # in bodies
FRAMING = frozenset({"transfer-encoding", "content-length"})  # headers that the client sets, or there is no request
FOLLOWS = ("/rollouts/", "/instances/", "/events/", "/log_ends/")  # what stand-ins make of the rest


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
        async with (
            on_stage(home, controller_wait_seconds=5) as cast,
            logger(cast.api, 200, b"a line\n", sockets_url="ws://127.0.0.1:1"),
        ):
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


def answers(document: Document, method: str, path: str) -> set[str]:
    """The types of an operation's bodies when all is well."""
    responses = document["paths"][path][method.lower()]["responses"]
    good = [resolved(document, response) for status, response in responses.items() if status < "300"]
    return {type_ for response in good for type_ in response.get("content", {})}


def without_tuples(schema: Any) -> Any:
    """A copy that says of lists with places of their own only what stands in any: schemathesis writes `prefixItems` in
    the form of JSON Schema's draft 4 before it checks an answer, and then refuses that itself. `Checked` takes them.
    """
    if isinstance(schema, list):
        return [without_tuples(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: without_tuples(value) for key, value in schema.items() if key != "prefixItems"}
    return {**copy, "items": {"anyOf": without_tuples(schema["prefixItems"])}} if "prefixItems" in schema else copy


def fuzz(api: Served, document: Document, method: str, path: str, *, examples: int, fixed: bool = True) -> None:
    """Ask for one operation in many ways and hold the answers against a contract.

    `fixed`: the same requests each time, and as many; else of one whose answer is wrong the least is looked for. Raises
    what schemathesis says of the answer.
    """
    schema = schemathesis.openapi.from_dict(without_tuples(document), config=SchemathesisConfig())
    operation = schema[path][method.lower()]
    modes: Sequence[Any] = list(schemathesis.GenerationMode)
    if not (operation.body or operation.path_parameters or operation.query):
        modes = [schemathesis.GenerationMode.POSITIVE]

    ways = [False, True] if NDJSON in answers(document, method, path) else [False]

    @settings(
        max_examples=examples,
        phases=[Phase.generate] if fixed else [Phase.generate, Phase.shrink],
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
        lines=st.sampled_from(ways),
    )
    def ask(case: schemathesis.Case[Any], person: str, known: bool, lines: bool) -> None:
        if known:
            there = api.cast.names(path)
            case.path_parameters.update({name: there[name] for name in case.path_parameters if name in there})
            if isinstance(case.body, dict):
                case.body = {name: KNOWN.get(name, value) for name, value in case.body.items()}
        for name in [name for name in case.headers or () if name.lower() in FRAMING]:
            del case.headers[name]
        client = api.cast.client(person)
        headers = {"Authorization": f"token {client.token}"} if client.token else {}
        if path.startswith("/v1/hooks/") and person != "anonymous":
            headers["X-Deis-Builder-Auth"] = api.cast.builder
        if lines:
            headers["Accept"] = NDJSON
        try:
            response = case.call(base_url=client.url, session=api.session, headers=headers, timeout=30)
            case.validate_response(response, checks=CHECKS)
        finally:
            api.run(api.restore())

    ask()

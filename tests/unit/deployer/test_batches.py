"""Which steps are done together, and that order is kept where it matters."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from libs.engine import Image
from libs.keyspace import records as r
from libs.store import StoreUnavailable
from services.controller.deployer.batches import LARGEST, in_batches, together
from services.controller.deployer.notes import Notes
from services.controller.deployer.steps import Forget, Retire, Step, Stop, WriteRollout
from services.controller.deployer.view import Quotation, Refusal

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
RECORD = r.Rollout(app="shop", app_uuid="u", release=2, intent=1, epoch=1, since=MOMENT)


def retire(id_: str) -> Retire:
    return Retire("node-1", id_, "replaced", MOMENT, MOMENT)


def test_retiring_records_in_a_row_come_together_and_nothing_else_does() -> None:
    write = WriteRollout(RECORD, None)
    steps: list[Step] = [retire("a"), Forget("node-1", "b"), write, retire("c"), Stop("d", "d", 1), write, write]
    batches = list(in_batches(steps))
    assert batches == [
        [retire("a"), Forget("node-1", "b")],
        [write],
        [retire("c")],
        [Stop("d", "d", 1)],
        [write],
        [write],
    ]


def test_a_batch_is_bounded_and_no_step_is_lost() -> None:
    steps: list[Step] = [retire(f"i{number}") for number in range(2 * LARGEST + 3)]
    batches = list(in_batches(steps))
    assert [len(batch) for batch in batches] == [LARGEST, LARGEST, 3]
    assert [step for batch in batches for step in batch] == steps


async def test_writes_of_a_batch_do_not_wait_for_one_another() -> None:
    begun = asyncio.Barrier(3)

    async def write() -> None:
        async with asyncio.timeout(5):
            await begun.wait()

    await together([write() for _ in range(3)])


async def test_the_error_of_a_write_of_a_batch_is_raised_as_it_is() -> None:
    async def fails() -> None:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable, match="away"):
        await together([fails(), fails()])


def test_what_is_noted_of_what_is_gone_and_of_images_that_nobody_wants_is_dropped() -> None:
    notes = Notes("shop", "uuid")
    refusal, image = Refusal("no", MOMENT), Image("sha256:1")
    notes.refused = dict.fromkeys(("instance/a", "instance/b", "image/2", "image/3"), refusal)
    notes.resolved = {2: image, 3: image}
    notes.tried = {"a": MOMENT, "b": MOMENT}
    notes.quoted = {"a": Quotation("", (), MOMENT), "b": Quotation("", (), MOMENT)}
    notes.forget_others(["a"], 3)
    assert notes.refused.keys() == {"instance/a", "image/3"}
    assert notes.resolved.keys() == {3}
    assert notes.tried.keys() == notes.quoted.keys() == {"a"}

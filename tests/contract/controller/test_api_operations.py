"""Every operation of the written contract, asked for once, answers as it says."""

from __future__ import annotations

from tests.contract.controller.operations import accounts, apps, certs, drains, hooks, keys, people, processes, releases
from tests.contract.controller.operations.apps import APP, AT
from tests.support.api import Api
from tests.support.contract import Checked, operations, written


async def test_every_operation_answers_as_the_contract_says(api: Api) -> None:
    api.deployer.failing["bad"] = "no such image"
    api.deployer.slow.add("slow")
    call = await accounts.ask(Checked(api.client))
    await apps.ask(call)
    await releases.ask(call)
    await releases.ask_to_cancel(call, api, "/cancel", "/cancel")
    await releases.ask_to_cancel(call, api, "/v12/cancel", "/{version}/cancel")
    await processes.ask(call)
    await keys.ask(call)
    await certs.ask(call)
    await drains.ask(call, api)
    await hooks.ask(call, await api.controller.builder_key.value())
    call = await people.ask(call)
    await call("DELETE", APP, AT, status=204)
    assert call.seen == {operation["operationId"] for operation in operations(written()).values()}

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from libs.daemon.probes import listen
from libs.engine import ImageNotFound, InstanceSpec
from libs.engine.drivers.docker import DockerEngine
from libs.engine.drivers.docker.images import DockerImages
from tests.integration.engine.conftest import instance
from tests.support.dockerd import Dockerd, busybox_tar

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """A registry of one image, over plain HTTP on the loopback, where Docker needs no TLS (Distribution API v2)."""

    def __init__(self) -> None:
        layer = busybox_tar((("id", secrets.token_hex(8)),))  # or Docker has it already
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["sleep", "1000000"], "ExposedPorts": {"9000/tcp": {}, "80/tcp": {}, "53/udp": {}}},
                "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
            }
        ).encode()
        packed = gzip.compress(layer, mtime=0)
        self.blobs = {digest(blob): blob for blob in (config, packed)}
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "size": len(config),
                    "digest": digest(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                        "size": len(packed),
                        "digest": digest(packed),
                    }
                ],
            }
        ).encode()
        self.hangs = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/v2/":
            return web.json_response({})
        if path in {"/v2/team/app/manifests/latest", f"/v2/team/app/manifests/{digest(self.manifest)}"}:
            headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": digest(self.manifest)}
            return web.Response(body=self.manifest, headers=headers)
        name = path.rpartition("/")[2]
        if path.startswith("/v2/team/app/blobs/") and name in self.blobs:
            if self.hangs:
                await asyncio.Event().wait()
            return web.Response(body=self.blobs[name])
        return web.json_response({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}, status=404)


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@asynccontextmanager
async def serving(registry: Registry) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", registry.answer)
    async with listen(app, "127.0.0.1", 0) as port:
        yield f"127.0.0.1:{port}"


async def test_an_image_that_is_not_there_is_pulled_and_started_by_its_registrys_digest(
    docker_engine: Dockerd, docker: DockerEngine
) -> None:
    registry = Registry()
    async with serving(registry) as host:
        image = await docker.resolve(f"{host}/team/app")
        assert image.digest == f"{host}/team/app@{digest(registry.manifest)}"
        assert (image.ports, image.command) == ((80, 9000), ("sleep", "1000000"))
        docker_engine.ask("DELETE", f"/images/{host}/team/app:latest")
        assert await docker.resolve(image.digest) == image  # pruned in between, and pulled again as the same
    assert await docker.resolve(image.digest) == image  # there: no registry is asked
    spec = instance()
    await docker.start(InstanceSpec(spec.identity, image.digest, port=80))
    (found,) = (await docker.instances()).instances
    assert (found.state, found.image) == ("running", image.digest)


async def test_what_the_registry_does_not_have_is_told_in_the_engines_words(docker: DockerEngine) -> None:
    async with serving(Registry()) as host:
        with pytest.raises(ImageNotFound, match="manifest unknown"):
            await docker.resolve(f"{host}/team/app:v9")
    with pytest.raises(ImageNotFound, match="connection refused"):
        await docker.resolve(f"{host}/team/app:v9")


@pytest.mark.parametrize("reference", ["UPPER", "a b", "../x", "x?y=z", "x:y:z", "é", "host:99999999/x", ""])
async def test_what_is_no_reference_is_refused_in_the_engines_words(docker: DockerEngine, reference: str) -> None:
    with pytest.raises(ImageNotFound):
        await docker.resolve(reference)


async def test_a_pull_that_makes_no_progress_fails(docker: DockerEngine) -> None:
    registry = Registry()
    registry.hangs = True
    impatient = DockerImages(docker._wire, stall_seconds=2.0)
    async with serving(registry) as host:
        with pytest.raises(ImageNotFound, match="no progress in 2 s"):
            await impatient.resolve(f"{host}/team/app")


async def test_a_local_image_is_known_by_its_id(docker_engine: Dockerd, docker: DockerEngine) -> None:
    expected = docker_engine.import_image("local-one:v1", expose=(8000,))
    image = await docker.resolve("local-one:v1")
    assert image.digest == expected
    assert image.ports == (8000,)

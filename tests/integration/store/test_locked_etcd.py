"""An etcd that wants a login, and one that speaks TLS only."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from libs.daemon import Settings, supervise
from libs.keyspace import Keyspace
from libs.keyspace.records import PlatformSetting
from libs.store import Mirror, Session, Shelf, StoreUnavailable, open_store
from libs.store.opening import open_driver
from tests.support.etcd import EtcdServer
from tests.support.waiting import eventually

SettingsFor = Callable[..., Settings]


@pytest.fixture
def locked(own_etcd: EtcdServer) -> EtcdServer:
    """An etcd with a user who may do what a platform needs, below its prefix and nowhere else."""
    for command in (
        "user add root:rootpw",
        "role add platform",
        "role grant-permission platform readwrite --prefix=true /deis/",
        "user add deis:secret",
        "user grant-role deis platform",
        "auth enable",
    ):
        own_etcd.ctl(*command.split())
    return own_etcd


async def test_a_daemon_logs_in_and_again_when_its_token_is_forgotten(
    locked: EtcdServer, keyspace: Keyspace, settings_for: SettingsFor
) -> None:
    settings = settings_for(locked, store_user="deis", store_password="secret")
    async with open_store(settings, name="test") as store:
        mirror, session = Mirror(store, keyspace.platform), Session(store, ttl=15)
        shelf = Shelf(store, keyspace.platform)
        async with supervise(mirror=mirror.run(), session=session.run()):
            await session.publish("/deis/nodes/n1", b"")
            for value in (1, 2):
                await eventually(lambda: mirror.current)
                await shelf.put(PlatformSetting(value=value), "a")
                await eventually(lambda: mirror.get("a") == PlatformSetting(value=value))  # noqa: B023
                await asyncio.to_thread(locked.restart)  # it keeps its tokens in memory
            await eventually(lambda: mirror.current)
            locked.ctl("--user", "root:rootpw", "role", "add", "another")  # tokens of an older revision are refused
            await shelf.put(PlatformSetting(value=3), "a")
            assert session.held


async def test_a_wrong_or_missing_login_is_a_store_that_is_away(locked: EtcdServer, settings_for: SettingsFor) -> None:
    for login in ({}, {"store_user": "deis", "store_password": "wrong"}):
        async with open_store(settings_for(locked, **login), name="test") as store:
            with pytest.raises(StoreUnavailable):
                await store.get("/deis/platform/a")
            with pytest.raises(StoreUnavailable):
                await store.put("/deis/platform/a", b"")


async def test_beyond_its_prefix_the_platform_s_user_may_nothing(locked: EtcdServer, settings_for: SettingsFor) -> None:
    settings = settings_for(locked, store_user="deis", store_password="secret")
    async with open_store(settings, name="test") as store:
        with pytest.raises(StoreUnavailable, match="permission denied"):
            await store.get("/elsewhere")
        with pytest.raises(StoreUnavailable, match="permission denied"):
            async with store.watch("/elsewhere", after=1):
                pass


class Authority:
    """Signs certificates for the loopback address."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self._certificate = self._sign(self._name, self._key.public_key(), authority=True)
        self.file = root / "ca.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """The files of a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate, key_file = self._root / f"{name}.pem", self._root / f"{name}.key"
        signed = self._sign(subject, key.public_key(), authority=False)
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate, key_file

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        loopback = x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        )
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(loopback, critical=False)
            .sign(self._key, hashes.SHA256())
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def tls_etcd(tmp_path: Path, authority: Authority) -> Iterator[EtcdServer]:
    """An etcd that takes certificates of the authority, and nothing else."""
    certificate, key = authority.issue("server")
    server = EtcdServer(
        tmp_path / "etcd",
        *("--cert-file", str(certificate), "--key-file", str(key)),
        *("--trusted-ca-file", str(authority.file), "--client-cert-auth"),
        scheme="https",
    )
    server.start()
    yield server
    server.kill9()


async def test_certificates_open_a_tls_etcd(
    tls_etcd: EtcdServer, authority: Authority, settings_for: SettingsFor
) -> None:
    certificate, key = authority.issue("daemon")
    tls = {"store_ca_file": authority.file, "store_cert_file": certificate, "store_key_file": key}
    members = f"localhost:{tls_etcd.port},{tls_etcd.endpoint}"
    for endpoints in (tls_etcd.endpoint, f"localhost:{tls_etcd.port}", members):
        async with open_store(settings_for(tls_etcd, store_endpoints=endpoints, **tls), name="test") as store:
            await store.put("/deis/platform/a", b"1")
            assert await store.get("/deis/platform/a") is not None


async def test_a_certificate_without_its_authority_is_no_plain_connection(
    authority: Authority, own_etcd: EtcdServer, settings_for: SettingsFor
) -> None:
    certificate, key = authority.issue("daemon")
    for tls in (
        {"store_cert_file": certificate, "store_key_file": key},
        {"store_ca_file": authority.file, "store_key_file": key},
    ):
        with pytest.raises(ValueError, match="DEIS_STORE_CA_FILE"):
            open_driver(settings_for(own_etcd, **tls))


async def test_without_a_certificate_of_ours_a_tls_etcd_is_away(
    tls_etcd: EtcdServer, authority: Authority, tmp_path: Path, settings_for: SettingsFor
) -> None:
    (tmp_path / "other").mkdir()
    certificate, key = Authority(tmp_path / "other").issue("daemon")
    for tls in (
        {},
        {"store_ca_file": authority.file},
        {"store_ca_file": authority.file, "store_cert_file": certificate, "store_key_file": key},
    ):
        async with open_store(settings_for(tls_etcd, **tls), name="test") as store:
            with pytest.raises(StoreUnavailable):
                await store.get("/deis/platform/a")

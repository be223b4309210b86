"""The list of what is sealed is whole: a field that is marked and not listed would be left out of a rotation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, JsonValue

from libs.keyspace import Keyspace, Sealed
from libs.keyspace.document import now
from libs.keyspace.records import Cert, Config, PlatformSetting, Release
from libs.store import ABSENT
from libs.store.drivers.memory import MemoryStore
from libs.vault import Vault
from libs.vault.fields import SEALED, SEALED_SETTINGS
from libs.vault.inventory import take_inventory

COLLECTIONS = Keyspace().collections()


def marked(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """The fields of a record whose type is `Sealed`, at any depth. `unseal_text` takes no other type."""
    for name, field in model.model_fields.items():
        for inner in inside(field.annotation):
            if inner is Sealed:
                yield path + name
            elif isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from marked(inner, f"{path}{name}.")


def inside(annotation: Any) -> Iterator[Any]:
    """The plain types of an annotation."""
    if annotation is JsonValue:
        return
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for inner in arguments:
        yield from inside(inner)


def test_every_field_that_is_marked_as_sealed_is_in_the_list() -> None:
    found = {f"{name}.{field}" for name, collection in COLLECTIONS.items() for field in marked(collection.record)}
    listed = {f"{one.collection}.{one.field}" for one in SEALED}
    assert found == {"releases.config.values", "certs.key", "drains.secret"}
    assert listed == found | {"platform.value"}, "a setting's value is any JSON: which are sealed stands in the list"


def test_the_marks_are_seen_at_any_depth() -> None:
    class Deep(BaseModel):
        secret: Sealed | None = None

    class Flat(BaseModel):
        plain: str = ""
        inner: dict[str, tuple[Deep, ...]] = {}

    assert list(marked(Flat)) == ["inner.secret"]


def records(vault: Vault) -> dict[str, Any]:
    """One record of each kind, by key."""
    keys = Keyspace()
    config = Config(uuid="c", owner="ann", values=vault.seal("uuid", {"A": "1"}), created=now())
    release = Release(uuid="r", app="hello", owner="ann", number=3, summary="s", config=config, created=now())
    sealed = vault.seal_text("cert:www.example.org", "PRIVATE")
    cert = Cert(common_name="www.example.org", owner="ann", certificate="PEM", key=sealed, expires=now(), created=now())
    return {
        keys.releases.key("uuid", 3): release,
        keys.certs.key("www.example.org"): cert,
        **{
            keys.platform.key(setting): PlatformSetting(value=vault.seal_text(f"platform:{setting}", "key"))
            for setting in SEALED_SETTINGS
        },
        keys.platform.key("registration_mode"): PlatformSetting(value="enabled"),
    }


async def test_every_listed_field_is_found_opened_named_and_sealed_anew() -> None:
    vault, other = Vault({"one": b"1" * 32}), Vault({"two": b"2" * 32})
    store = MemoryStore()
    for key, record in records(vault).items():
        await store.put(key, record.encode(), expect=ABSENT)
    inventory = await take_inventory(store, Keyspace(), vault)
    assert [secret.name for secret in inventory.secrets] == [
        "private key of the certificate www.example.org (/deis/certs/www.example.org)",
        "platform setting builder_key (/deis/platform/builder_key)",
        "platform setting ldap_bind_password (/deis/platform/ldap_bind_password)",
        "config of hello v3 (/deis/releases/uuid/3)",
    ]
    assert inventory.by_key == {"one": 4}
    assert inventory.shut == []
    assert inventory.strays == {}
    for secret in inventory.secrets:
        text = vault.unseal_text(secret.place, secret.sealed)
        anew = secret.field.written(secret.stored.document, other.seal_text(secret.place, text))
        sealed = secret.field.of(anew)
        assert sealed is not None
        assert other.unseal_text(secret.place, sealed) == text
        put_back = secret.field.written(anew, secret.sealed)
        assert put_back == secret.stored.document
    elsewhere = await take_inventory(store, Keyspace(), other)
    assert [secret.keyless for secret in elsewhere.shut] == [True] * 4


async def test_something_sealed_that_no_list_knows_is_found_and_a_bad_record_is_named() -> None:
    vault, store = Vault({"one": b"1" * 32}), MemoryStore()
    sealed = vault.seal_text("of a newer release", "secret")
    await store.put("/deis/users/ann", b'{"of_a_newer_release": {"deep": ["%s"]}}' % sealed.encode())
    await store.put("/deis/users/bob", b'{"email": "one:bob@example.org", "note": "one:short"}')
    await store.put("/deis/certs/broken", b'{"key": "%s"}' % sealed.encode())
    inventory = await take_inventory(store, Keyspace(), vault)
    assert inventory.strays == {"one": ["/deis/certs/broken", "/deis/users/ann"]}
    assert list(inventory.unread) == ["/deis/certs/broken"]
    assert inventory.needing("one") == ["/deis/certs/broken", "/deis/users/ann"]
    assert inventory.needing("two") == []

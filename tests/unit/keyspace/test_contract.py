"""`proto/keyspace.md` says of every key and field what the code says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, JsonValue

from libs.keyspace import Keyspace, Sealed

TEXT = (Path(__file__).parents[3] / "proto" / "keyspace.md").read_text()
COLLECTIONS = Keyspace().collections()
LEASED = {"leaders", "mesh", "nodes", "routers", "tickets"}  # presence (architecture, idea 7), and what is good once

PLAIN = {
    str: "text",
    Sealed: "sealed text",
    bool: "boolean",
    int: "integer",
    float: "number",
    datetime: "time",
    type(None): "null",
}


def written(annotation: Any) -> str:
    """A type in the contract's words."""
    if annotation is JsonValue:
        return "any JSON"
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is dict:
        return f"object of {written(inner[1])}"
    if origin is tuple:
        return f"list of {written(inner[0])}" if inner[-1] is ... else f"{len(inner)} {written(inner[0])}s"
    if origin in {Union, UnionType}:
        return " or ".join(map(written, inner))
    return PLAIN.get(annotation, f"`{annotation.__name__}`")


def fields(model: type[BaseModel]) -> dict[str, str]:
    """The fields of a record with their types; a star marks one that must be there."""
    return {
        name: written(field.annotation) + (" *" if field.is_required() else "")
        for name, field in model.model_fields.items()
        if name != "record_version"
    }


def sections() -> dict[str, str]:
    """The contract's sections by their headings."""
    pieces = re.split(r"^###? (.+)$", TEXT, flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def told(section: str) -> dict[str, str]:
    """The fields that a section's table tells of."""
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", section, flags=re.MULTILINE))


def parts_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The records inside a record, at any depth."""
    for field in model.model_fields.values():
        for inner in inside(field.annotation):
            yield inner
            yield from parts_of(inner)


def inside(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from inside(inner)


@pytest.mark.parametrize("name", COLLECTIONS)
def test_every_collection_is_in_the_contract_as_it_is(name: str) -> None:
    collection = COLLECTIONS[name]
    heading = f"`{name}/{'/'.join(f'<{component}>' for component in collection.components)}`"
    section = sections().get(heading)
    assert section is not None, f"proto/keyspace.md has no section {heading}"
    assert f"`{collection.record.__name__}`" in section
    assert re.search(r"Written by \w", section)
    assert ("Leased" in section) == (name in LEASED)
    assert told(section) == fields(collection.record)


PARTS = sorted({part for c in COLLECTIONS.values() for part in parts_of(c.record)}, key=lambda part: part.__name__)


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_record_is_in_the_contract_as_it_is(part: type[BaseModel]) -> None:
    section = sections().get(f"`{part.__name__}`")
    assert section is not None, f"proto/keyspace.md has no section `{part.__name__}`"
    assert told(section) == fields(part)


def test_the_contract_tells_of_no_key_that_there_is_not() -> None:
    named = {heading.strip("`").split("/")[0] for heading in sections() if "/<" in heading}
    assert named == COLLECTIONS.keys()

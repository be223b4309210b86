from __future__ import annotations

import multiprocessing
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from libs.engine.addresses import Ledger, Pool, take
from libs.engine.drivers.docker.ledger import LedgerFile

FULL = Ledger(IPv4Address("10.0.0.9"), {IPv4Address("10.0.0.7"): 12.5})
POOL = Pool(IPv4Network("10.0.0.0/24"))


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    LedgerFile(tmp_path / "new" / "a.json").change(lambda _: (None, FULL))
    assert LedgerFile(tmp_path / "new" / "a.json").read() == FULL


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"last": 7}', '{"last": "x", "resting": {}}', '{"last": null, "rest']
)
def test_a_damaged_file_is_told_and_a_new_one_begun(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with capture_logs() as logs:
        assert LedgerFile(path).read() == Ledger()
    assert len(logs) == 1
    LedgerFile(path).change(lambda _: (None, FULL))
    assert LedgerFile(path).read() == FULL


def take_some(path: Path) -> list[IPv4Address]:
    ledger = LedgerFile(path)
    return [ledger.change(lambda known: take(POOL, known, set(), now=0)) for _ in range(20)]


def test_processes_that_share_the_file_take_different_addresses(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        taken = [address for some in pool.map(take_some, [tmp_path / "a.json"] * 3) for address in some]
    assert len(set(taken)) == 60

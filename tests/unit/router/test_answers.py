from __future__ import annotations

import pytest

from services.router import answers
from services.router.actual import Server
from services.router.commands import (
    AddServer,
    DeleteServer,
    Maps,
    SetAddress,
    SetHost,
    SetSlot,
    SetState,
    SetTimeout,
    SetUp,
    SetWatch,
    accepted,
    line,
)

MAPS = Maps("/h/hosts.map", "/h/slots.map", "/h/timeouts.map")
HEAD = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port\n"
)


def row(name: str, admin: int, address: str = "127.0.0.1", *, running: int = 2, check: int = 2) -> str:
    return f"5 app0 1 {name} {address} {running} {admin} 1 1 0 1 0 0 {check} 0 0 0 - 19001 - 0 0 - - 0\n"


def test_the_state_of_servers_is_read_from_its_bits() -> None:
    text = HEAD + row("a", 0) + row("b", 8) + row("c", 1) + row("d", 9) + row("e", 4, "fd00::1") + "\n"
    assert answers.servers(text) == {
        "app0": {
            "a": Server("127.0.0.1", 19001, "ready"),
            "b": Server("127.0.0.1", 19001, "drain"),
            "c": Server("127.0.0.1", 19001, "maint"),
            "d": Server("127.0.0.1", 19001, "maint"),
            "e": Server("fd00::1", 19001, "maint"),
        }
    }


def test_a_server_is_down_that_haproxy_took_out_and_not_one_that_we_did() -> None:
    text = HEAD + row("a", 0, running=0) + row("b", 1, running=0) + row("c", 8, running=0) + "\n"
    found = answers.servers(text)["app0"]
    assert {name: server.up for name, server in found.items()} == {"a": False, "b": True, "c": False}
    assert {name: server.serving for name, server in found.items()} == {"a": False, "b": False, "c": False}


def test_a_server_is_watched_when_its_check_is_enabled_and_cannot_be_when_it_has_none() -> None:
    text = HEAD + row("a", 0, check=6) + row("b", 0, check=2) + row("c", 0, check=0) + row("d", 0, check=7) + "\n"
    found = answers.servers(text)["app0"]
    assert {name: server.watched for name, server in found.items()} == {"a": True, "b": False, "c": None, "d": True}


def test_websockets_are_read_from_the_table_that_counts_them() -> None:
    text = (
        "# table: websockets, type: string, size:102400, used:2\n"
        "0x7f06e4033088: key=a use=2 exp=3600000 conn_cur=2\n"
        "0x7f06e4033099: key=b.1 use=0 exp=100 conn_cur=0\n\n"
    )
    assert answers.websockets(text) == {"a": 2, "b.1": 0}
    assert answers.websockets("No such table\n") == {}


def test_a_map_that_haproxy_was_started_without_is_told_from_an_empty_one() -> None:
    assert answers.has_map("\n")
    assert not answers.has_map("Unknown map identifier. Please use #<id> or <file>.\n")


def test_a_back_end_that_haproxy_was_started_without_is_told_from_an_empty_one() -> None:
    assert answers.has_backend(HEAD + "\n")
    assert not answers.has_backend("Can't find backend.\n")


def test_a_haproxy_without_servers_has_none() -> None:
    assert answers.servers(HEAD + "\n") == {}


def test_of_a_doubled_key_the_first_entry_counts() -> None:
    assert answers.table("0x1 a.test shop\n0x2 a.test blog\n\n") == {"a.test": "shop"}


def test_sessions_and_what_is_queued_are_in_flight() -> None:
    assert answers.sessions("# pxname,svname,qcur,qmax,scur,smax,\napp0,a,1,0,2,9,\n\n") == {("app0", "a"): 3}


@pytest.mark.parametrize("text", ["", "Unknown command", "No such backend.\n"])
def test_an_answer_that_is_none_is_said_to_be_so(text: str) -> None:
    for read in (answers.info, answers.servers, answers.sessions):
        with pytest.raises(answers.BadAnswer):
            read(text)


def test_a_write_to_a_map_says_whether_the_key_is_there() -> None:
    assert line(SetHost("a.test", "shop", known=False), MAPS) == "add map /h/hosts.map a.test shop"
    assert line(SetHost("a.test", "shop", known=True), MAPS) == "set map /h/hosts.map a.test shop"
    assert line(SetSlot("shop", "app3", known=False), MAPS) == "add map /h/slots.map shop app3"


def test_a_loggers_server_is_never_chosen_for_its_load() -> None:
    assert line(AddServer("loggers", "node-1", "10.0.0.1", 8089), MAPS).endswith(" weight 0")
    assert "weight" not in line(AddServer("app0", "a", "10.0.0.1", 5000), MAPS)


def test_watching_and_timeouts_are_said_in_haproxys_words() -> None:
    assert line(SetWatch("app0", "a", on=True), MAPS) == "enable health app0/a"
    assert line(SetWatch("app0", "a", on=False), MAPS) == "disable health app0/a"
    assert line(SetUp("app0", "a"), MAPS) == "set server app0/a health up"
    assert line(SetTimeout("shop", "5000", known=True), MAPS) == "set map /h/timeouts.map shop 5000"


def test_only_haproxys_yes_is_a_yes() -> None:
    add, delete = AddServer("app0", "a", "10.0.0.1", 1), DeleteServer("app0", "a")
    assert accepted(add, "New server registered.\n")
    assert not accepted(add, "Already exists a server with the same name in backend.\n")
    assert accepted(delete, "Server deleted.\n")
    assert not accepted(delete, "Server still has connections attached to it, cannot remove it.")
    assert accepted(SetState("app0", "a", "ready"), "\n")
    assert not accepted(SetState("app0", "a", "ready"), "No such server.\n")
    moved = "no need to change the addr, port changed from '1' to '2' by 'stats socket command'\n"
    assert accepted(SetAddress("app0", "a", "10.0.0.1", 2), moved)

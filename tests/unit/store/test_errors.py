"""Redis' errors become ours, told apart by what can be done about them."""

from __future__ import annotations

import socket

import pytest
import redis.exceptions as foreign

from sardana_redis.errors import Outage, StoreUnavailable, StoreUnusable, StreamSealedError
from sardana_redis.store._errors import translate


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (foreign.BusyLoadingError("Redis is loading the dataset in memory"), Outage.LOADING),
        (foreign.AuthenticationError("invalid username-password pair"), Outage.REFUSED),
        (foreign.NoPermissionError("no permissions to run"), Outage.REFUSED),
        (foreign.OutOfMemoryError("command not allowed when used memory"), Outage.FULL),
        (foreign.ReadOnlyError("You can't write against a read only replica."), Outage.READ_ONLY),
        (foreign.MasterDownError("Link with MASTER is down"), Outage.READ_ONLY),
        (foreign.TimeoutError("Timeout reading from socket"), Outage.TIMEOUT),
        (foreign.ConnectionError("Connection closed by server."), Outage.LOST),
        (TimeoutError("timed out"), Outage.TIMEOUT),
        (ConnectionResetError(104, "Connection reset by peer"), Outage.LOST),
        (BrokenPipeError(32, "Broken pipe"), Outage.LOST),
        (foreign.ResponseError("MISCONF Errors writing to the AOF file"), Outage.DISK),
        (foreign.ResponseError("NOREPLICAS Not enough good replicas"), Outage.READ_ONLY),
        (foreign.ResponseError("BUSY Redis is busy running a script"), Outage.TIMEOUT),
        (foreign.ResponseError("UNBLOCKED force unblock from blocking"), Outage.READ_ONLY),
        (foreign.ResponseError("NOAUTH Authentication required."), Outage.REFUSED),
        (
            foreign.ResponseError("ERR OOM command not allowed when used memory, script: seal"),
            Outage.FULL,
        ),
        (
            foreign.ResponseError(
                "The ID specified in XADD is equal or smaller than the target stream top item"
            ),
            Outage.UNSURE,
        ),
    ],
)
def test_what_may_pass_is_an_outage_with_its_reason(error: Exception, outage: Outage) -> None:
    translated = translate(error)
    assert isinstance(translated, StoreUnavailable)
    assert translated.reason is outage
    assert str(translated) == str(error)


@pytest.mark.parametrize(
    "error",
    [
        foreign.ConnectionError("Error 111 connecting to localhost:1. Connection refused."),
        ConnectionRefusedError(111, "Connection refused"),
        socket.gaierror(-2, "Name or service not known"),
    ],
)
def test_a_server_that_never_answered_is_unreachable(error: Exception) -> None:
    translated = translate(error, connecting=True)
    assert isinstance(translated, StoreUnavailable)
    assert translated.reason is Outage.UNREACHABLE


def test_a_refused_password_is_refused_while_connecting_too() -> None:
    translated = translate(foreign.AuthenticationError("WRONGPASS"), connecting=True)
    assert isinstance(translated, StoreUnavailable)
    assert translated.reason is Outage.REFUSED


@pytest.mark.parametrize(
    "text",
    [
        "The stream has exhausted the last possible ID, unable to add more items",
        "ERR stream is already sealed script: seal_stream",
    ],
)
def test_a_sealed_stream_is_told_apart(text: str) -> None:
    assert isinstance(translate(foreign.ResponseError(text)), StreamSealedError)


@pytest.mark.parametrize(
    "text",
    ["unknown command 'JSON.SET'", "WRONGTYPE Operation against a key", "BUSYGROUP exists already"],
)
def test_what_will_not_pass_by_itself_is_unusable(text: str) -> None:
    assert isinstance(translate(foreign.ResponseError(text)), StoreUnusable)

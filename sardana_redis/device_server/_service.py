"""A Pool or a MacroServer as a process in a container: registered, run, looked after."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import tango
from prometheus_client import CollectorRegistry

from sardana_redis.device_server._attendant import Attendant
from sardana_redis.device_server._devices import Kind, macroserver_name
from sardana_redis.device_server._environment_db import (
    check_environment_db,
    environment_db,
    forget_fallback,
)
from sardana_redis.device_server._errands import MacroServerErrands
from sardana_redis.device_server._plan import (
    planned_devices,
    server_command,
    server_variables,
    tango_host,
)
from sardana_redis.device_server._process import ServerProcess
from sardana_redis.device_server._registry import register, wait_for_database
from sardana_redis.device_server._sight import MacroServerSight, PoolSight
from sardana_redis.errors import ControlSystemError
from sardana_redis.http import Health, HealthServer
from sardana_redis.log import get_logger
from sardana_redis.settings import DeviceServerSettings, Settings

__all__ = ["run_device_server"]

_JOIN_SECONDS: Final = 10.0
_WAITING: Final = Health(is_alive=True, is_ready=False, reason="waiting for the Tango database")

_log = get_logger(__name__)


def run_device_server(
    kind: Kind, settings: Settings, stop: threading.Event, *, config: Path | None = None
) -> int:
    """Registers and runs a server until it ends or `stop` is set; returns its exit code.

    Raises BadInputError where the settings cannot be used, ControlSystemError where the Tango
    database has something else under a name that is needed.
    """
    own = settings.device_server
    host = tango_host(os.environ)
    command = server_command(kind, own)
    variables = server_variables(os.environ, own, config)
    health = _Health()
    with ExitStack() as cleanup:
        if own.http_port is not None:
            server = HealthServer(own.http_host, own.http_port, CollectorRegistry(), health)
            cleanup.enter_context(server)
        database = wait_for_database(host, stop)
        if database is None:
            return 0
        try:
            attendant = _prepare(kind, own, host, database, stop)
        except tango.DevFailed as error:
            raise ControlSystemError(f"The Tango database refuses: {error.args[0].desc}") from error
        health.ask = attendant.health
        with ServerProcess(command, variables) as process, _attending(attendant):
            code = process.wait(stop)
    if attendant.failure is not None:
        raise attendant.failure
    return code


class _Health:
    """What the HTTP server asks: first nobody, then the attendant."""

    def __init__(self) -> None:
        self.ask: Callable[[], Health] = lambda: _WAITING

    def __call__(self) -> Health:
        return self.ask()


def _prepare(
    kind: Kind,
    own: DeviceServerSettings,
    host: str,
    database: tango.Database,
    stop: threading.Event,
) -> Attendant:
    """Registers what is missing; returns who will look after the server."""
    name = macroserver_name(own.instance)
    if kind is Kind.MACROSERVER:
        forget_fallback(database, name)
    written = register(database, planned_devices(kind, own))
    _log.info("registered in the Tango database", written=written)
    if kind is Kind.POOL:
        return Attendant(PoolSight(own, database), (), stop)
    place = environment_db(database, name) or str(own.environment_db)
    check_environment_db(place)
    pools = tuple(database.get_device_property(name, "PoolNames")["PoolNames"])
    sight = MacroServerSight(own, pools, database)
    errands = MacroServerErrands(own, host, database, pools, sight)
    steps = (
        functools.partial(errands.confirm_environment_db, place),
        errands.set_environment,
        errands.make_demo_elements,
    )
    return Attendant(sight, steps, stop, patience_seconds=own.pool_patience)


@contextmanager
def _attending(attendant: Attendant) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=attendant.run, args=(over,), name="attendant", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_JOIN_SECONDS)

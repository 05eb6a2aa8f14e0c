"""The only file that touches what Sardana does not promise to keep.

Seen in Sardana 3.7.1, pinned by tests/integration/test_sardana_pins.py: `Macro._getEnv` and
`Macro._getName` (the public ones raise once the macro was stopped, and Sardana's own
recorders use these), `Macro.executor` with `_macro_stack`, `_aborted` and `_stopped`, how
`RecordList` keeps its records, the attributes of the scan macros that `macro_facts` reads,
`ScanEndStatus`, how `GScan.step_scan` starts its recorders, `SaveModes`,
`MacroServerException`, `Door.macro_server`, `SardanaServer.server_state`, the attribute
`macro_server` of the Tango device, `MacroServer.get_env` without a name.
"""

from __future__ import annotations

import time
import weakref
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import tango
from sardana.macroserver.msexception import (
    InterruptException,
    MacroServerException,
    UnknownEnv,
)
from sardana.macroserver.scan.gscan import ScanEndStatus
from sardana.macroserver.scan.recorder import SaveModes
from sardana.sardanadefs import SardanaServer, State
from taurus.core.util.log import Logger

from sardana_redis.log import guest_logger
from sardana_redis.model import EndReason
from sardana_redis.publisher import Verdict
from sardana_redis.recorder._translate import MacroFacts

__all__ = [
    "RunningMacroServer",
    "end_recorders_before",
    "environment_variable",
    "forbid_scan",
    "inform",
    "is_server",
    "latest_record",
    "macro_facts",
    "macroserver_name",
    "make_verdict",
    "running_macroserver",
    "warn",
]

_log = guest_logger("sardana_redis.recorder")

_END_REASONS = {
    ScanEndStatus.Normal: EndReason.SUCCESS,
    ScanEndStatus.Stop: EndReason.USER_ABORT,
    ScanEndStatus.Abort: EndReason.USER_ABORT,
    ScanEndStatus.Exception: EndReason.FAILURE,
}


def macro_facts(macro: Any) -> MacroFacts:
    """What the macro says about its scan."""
    motors = getattr(macro, "motors", None) or ()
    return MacroFacts(
        name=macro._getName(),
        door=macro.door.name,
        macroserver=macroserver_name(macro),
        nb_points=vars(macro).get("nb_points"),
        integ_time=vars(macro).get("integ_time"),
        motors=tuple(motor.getName() for motor in motors if hasattr(motor, "getName")),
        starts=vars(macro).get("starts"),
        finals=vars(macro).get("finals"),
        nr_intervs=vars(macro).get("nr_intervs"),
        has_last_point=bool(vars(macro).get("do_last_point", True)),
        is_bidirectional=bool(vars(macro).get("bidirectional_mode", False)),
        end_reasons=_END_REASONS,
    )


def macroserver_name(macro: Any) -> str:
    """The MacroServer's name, unique among all that share a Redis."""
    return _unique_name(macro.door.macro_server)


@dataclass(frozen=True, slots=True)
class RunningMacroServer:
    """A MacroServer that has come up: its unique name, and its environment.

    Variables of a door or a macro have its name and a dot before their own.
    """

    name: str
    environment: dict[str, Any]


def is_server() -> bool:
    """Whether this process is a server of Sardana's, and not a test or a tool."""
    return SardanaServer.server_state in (State.Init, State.Running)


def running_macroserver() -> RunningMacroServer | None:
    """The MacroServer that this process is; None as long as it has not come up."""
    if SardanaServer.server_state != State.Running:
        return None
    for device in tango.Util.instance(False).get_device_list_by_class("MacroServer"):
        server = device.macro_server
        return RunningMacroServer(_unique_name(server), dict(server.get_env()))
    return None


def _unique_name(macroserver: Any) -> str:
    tango_host = tango.ApiUtil.get_env_var("TANGO_HOST")  # reads Tango's own files as well
    return f"{tango_host}/{macroserver.name}"


def environment_variable(macro: Any, name: str) -> Any:
    """The value of a variable of Sardana's environment; None where it is not set."""
    try:
        return macro._getEnv(name)
    except UnknownEnv:
        return None


def warn(macro: Any, line: str) -> None:
    """Shows the operator one line."""
    # Not `macro.warning`, nor `_warning`: both wait and raise once the operator stopped the macro.
    Logger.warning(macro, "%s", line)


def inform(macro: Any, line: str) -> None:
    """Shows the operator one line that is no warning; as `warn` in all else."""
    Logger.info(macro, "%s", line)


def forbid_scan(recordlist: Any, recorder: Any, line: str) -> NoReturn:
    """Ends what had started before `recorder`, then the macro, with one line to the operator."""
    end_recorders_before(recorder, recordlist)
    # Shown as "RedisRequireWriters: <line>"; of another exception a traceback as well.
    raise MacroServerException({"type": "RedisRequireWriters", "msg": line})


def end_recorders_before(recorder: Any, recordlist: Any) -> None:
    """Gives the recorders that had started before `recorder` their end.

    `GScan.step_scan` (Sardana 3.7.1) starts its recorders before its `try`, so that an
    exception keeps those that had started from their end: files would stay open.
    """
    environ = recordlist.getEnviron()
    end = time.time()
    environ.update(
        endts=end,
        endtime=datetime.fromtimestamp(end),
        endstatus=ScanEndStatus.Exception,
    )
    for other in recordlist.getDataHandler().recorders:
        if other is recorder:
            break
        if other.savemode is SaveModes.Record:
            try:
                other.endRecordList(recordlist)
            except InterruptException:
                raise
            except Exception:  # noqa: BLE001 - the others get their end all the same
                _log.exception("a recorder failed at its end", recorder=type(other).__name__)


def latest_record(recordlist: Any) -> Any:
    """The last record of Sardana's list, which an abort may have kept from some recorders.

    It strikes the macro's thread anywhere, also between two recorders. None where that record
    came from a value buffer, as in continuous scans: those are `completed`, and the thread that
    hands them out is never struck and may not have come to us yet.
    """
    record = recordlist.get(len(recordlist) - 1)
    return None if hasattr(record, "completed") else record


def make_verdict(macro: Any) -> Verdict:
    """What tells, without keeping the macro alive, that it is over and why.

    The executor of a door pops a macro when all of it is over, its recorders' ends too. A
    macro that another one drives itself is never on the executor's stack: then the one at
    the bottom of the stack, which the operator started, decides.
    """
    executor = macro.executor
    stack = tuple(executor._macro_stack)
    reference = weakref.ref(macro)
    decisive = weakref.ref(macro if macro in stack or not stack else stack[0])
    run = executor._abort_done  # a new one for each macro that the operator starts

    def verdict() -> EndReason | None:
        found, decides = reference(), decisive()
        if found is None or decides is None:
            is_same_run = executor._abort_done is run
            was_ended_by_user = is_same_run and (executor._aborted or executor._stopped)
        elif decides in tuple(executor._macro_stack):
            return None
        else:
            was_ended_by_user = found.isAborted() or found.isStopped()
        return EndReason.USER_ABORT if was_ended_by_user else EndReason.FAILURE

    return verdict

"""What we use of Sardana without its promise is still as we saw it (recorder/_sardana.py)."""

from __future__ import annotations

import ast
import importlib.util
import inspect
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pint, through taurus


def test_the_macro_has_the_unofficial_methods_that_do_not_raise_after_a_stop() -> None:
    from sardana.macroserver.macro import Macro
    from taurus.core.util.log import Logger

    for name in ("_getEnv", "_getName"):
        method = getattr(Macro, name)
        # What `mAPI` wraps raises StopException once the operator stopped the macro.
        assert not hasattr(method, "__wrapped__"), name
    for name in ("warning", "_warning", "getEnv"):  # why we use Logger.warning and _getEnv
        assert hasattr(getattr(Macro, name), "__wrapped__"), name
    assert issubclass(Macro, Logger)
    assert isinstance(inspect.getattr_static(Macro, "executor"), property)
    assert isinstance(inspect.getattr_static(Macro, "door"), property)


def test_the_executor_keeps_its_stack_of_macros() -> None:
    from sardana.macroserver.msmacromanager import MacroExecutor

    source = inspect.getsource(MacroExecutor)
    assert "self._macro_stack.append(macro_obj)" in source
    assert "self._macro_stack.pop()" in source
    assert source.count("self._aborted = True") == source.count("self._stopped = True") == 1
    assert source.count("self._abort_done = threading.Event()") == 1, "a new one for each run"


def test_a_server_says_when_it_has_come_up_and_what_its_environment_is() -> None:
    from sardana.macroserver.macroserver import MacroServer
    from sardana.sardanadefs import SardanaServer, State
    from sardana.tango.core import util
    from sardana.tango.macroserver.MacroServer import MacroServer as Device

    source = inspect.getsource(util.run_tango_server)
    assert source.index("State.Init") < source.index("util.server_init()")
    assert source.index("sardana_init_hook") < source.index("State.Running")
    assert SardanaServer.server_state == State.Invalid
    assert isinstance(inspect.getattr_static(Device, "macro_server"), property)
    assert inspect.signature(MacroServer.get_env).parameters["key"].default is None


def test_the_end_of_a_scan_has_four_reasons() -> None:
    from sardana.macroserver.scan.gscan import ScanEndStatus

    from sardana_redis.recorder._sardana import _END_REASONS

    names = ("Normal", "Stop", "Abort", "Exception")
    assert [str(_END_REASONS[getattr(ScanEndStatus, name)]) for name in names] == [
        "SUCCESS",
        "USER_ABORT",
        "USER_ABORT",
        "FAILURE",
    ]


def test_an_error_of_our_own_is_one_line_and_recorders_start_before_the_try() -> None:
    from sardana.macroserver.msexception import MacroServerException
    from sardana.macroserver.scan.gscan import GScan
    from sardana.macroserver.scan.recorder import SaveModes

    error = MacroServerException({"type": "Name", "msg": "what is wrong"})
    assert repr(error) == "Name: what is wrong"
    assert not error.traceback
    source = inspect.getsource(GScan.step_scan)
    assert source.index("self.start()") < source.index("try:"), "why forbid_scan ends the others"
    assert hasattr(SaveModes, "Record")


def test_a_step_scan_keeps_a_record_before_it_hands_it_out_and_a_continuous_one_marks_it() -> None:
    from sardana.macroserver.scan.scandata import RecordList

    class Handler:
        def addRecord(self, recordlist: RecordList, record: object) -> None:  # noqa: N802
            assert recordlist[len(recordlist) - 1] is record
            seen.append(hasattr(record, "completed"))

    seen: list[bool] = []
    step = RecordList(Handler())
    step.recordno = 0
    step.addRecord({"point_nb": 0})
    continuous = RecordList(Handler())
    continuous.recordno, continuous.channelLabels = 0, ["ct01"]
    continuous.refMoveablesLabels, continuous.columnIndexDict = [], {"ct01": 0}
    continuous.addData({"label": "ct01", "index": [0, 1], "value": [1.0, 2.0]})
    assert seen == [False, True, True]


def test_records_at_the_end_of_a_continuous_scan_come_again_where_one_was_struck() -> None:
    """Why a record that we have is not taken twice."""
    from sardana.macroserver.scan.scandata import RecordList

    class Handler:
        def addRecord(self, recordlist: RecordList, record: object) -> None:  # noqa: N802
            handed.append(record)
            if len(handed) == 2:
                raise KeyboardInterrupt

    handed: list[object] = []
    continuous = RecordList(Handler(), apply_interpolation=False)
    continuous.records = [SimpleNamespace(completed=False, data={}) for _ in range(3)]
    with pytest.raises(KeyboardInterrupt):
        continuous.endRecords()
    continuous.endRecords()
    assert handed == [continuous.records[index] for index in (0, 1, 1, 2)]


def test_our_macros_have_names_of_their_own() -> None:
    from sardana_redis.macros import MACRO_PATH

    spec = importlib.util.find_spec("sardana.macroserver.macros")
    assert spec is not None
    folder = Path(spec.submodule_search_locations[0])
    theirs = {name for path in folder.rglob("*.py") for name in definitions(path)}
    ours = definitions(MACRO_PATH / "sardana_redis_macros.py")
    assert {"expinfo", "set_expinfo", "add_expmember", "rm_expmember", "lastscan"} <= ours
    assert {"ascan", "senv"} <= theirs
    assert ours & theirs == set()


def definitions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds)}


def test_the_plot_type_of_a_curve_is_still_one() -> None:
    from sardana.taurus.core.tango.sardana import PlotType

    from sardana_redis.recorder._columns import _PLOT_TYPE_SPECTRUM

    assert PlotType.Spectrum == _PLOT_TYPE_SPECTRUM


def test_scan_macros_have_the_attributes_that_say_what_they_do() -> None:
    """The file is read, not imported: macros can be imported by a MacroServer only."""
    spec = importlib.util.find_spec("sardana.macroserver.macros")
    assert spec is not None
    source = Path(spec.submodule_search_locations[0], "scan.py").read_text(encoding="utf-8")
    mesh = source[source.index("class mesh(") : source.index("class dmesh(")]
    for name in ("motors", "starts", "finals", "nr_intervs", "nb_points", "bidirectional_mode"):
        assert f"self.{name} =" in mesh
    assert "self.integ_time =" in mesh
    assert "self.do_last_point =" in source[source.index("class meshct(") :]

"""Macros that the integration tests run in the real MacroServer."""

from sardana.macroserver.macro import Hookable, Macro, Type
from sardana.macroserver.scan import SScan
from sardana.macroserver.scan.recorder import DataRecorder
from sardana.macroserver.scan.scandata import ColumnDesc


class raising_scan(Macro):
    """An ascan whose post-acquisition hook raises at the third point."""

    def run(self):
        scan, _ = self.createMacro("ascan", "mot01", 0, 1, 4, 0.01)
        self.calls = 0

        def raise_at_third():
            self.calls += 1
            if self.calls == 3:
                raise RuntimeError("something broke in the middle of the scan")

        scan.hooks = [(raise_at_third, ["post-acq"])]
        self.runMacro(scan)


class _BreaksAtThird(DataRecorder):
    """A recorder that raises at its third record."""

    def _writeRecord(self, record):
        if record.recordno == 2:
            raise RuntimeError("a recorder broke")


class interrupted_scan(Macro):
    """A scan that ends between its first recorder and the others, at the third point."""

    def run(self):
        scan, _ = self.createMacro("ascan", "mot01", 0, 1, 4, 0.01)
        scan._gScan._data_handler.recorders.insert(0, _BreaksAtThird())
        self.runMacro(scan)


class custom_scan(Macro):
    """An ascan with custom data before its start, in its middle and after its end."""

    def run(self):
        scan, _ = self.createMacro("ascan", "mot01", 0, 1, 3, 0.01)
        handler = scan._gScan._data_handler
        scan.hooks = [
            (
                lambda: handler.addCustomData([1.5, 2.5], "middle", nxpath="a:NXcollection"),
                ["pre-scan"],
            )
        ]
        self.runMacro(scan)
        handler.addCustomData("fitted", "late", nxpath="b:NXcollection")


class driving_macro(Macro):
    """Drives the scan of another macro itself, for some seconds, without running that macro."""

    def run(self):
        scan, _ = self.createMacro("synthetic_scan", 60, 20.0, 2)
        for _ in scan._gScan.step_scan():
            self.checkPoint()


class nested_scan(Macro):
    """An ascan with another one inside, at each of its points."""

    def run(self):
        outer, _ = self.createMacro("ascan", "mot01", 0, 1, 1, 0.01)
        outer._gScan.deterministic_scan = False  # the inner scan takes the group over
        outer.hooks = [(lambda: self.execMacro("ascan", "mot02", 0, 1, 2, 0.01), ["post-step"])]
        self.runMacro(outer)


class odd_scan(Macro, Hookable):
    """A scan whose extra columns have values of every kind, also ones that do not fit."""

    COLUMNS = (
        ("text", "str", []),
        ("flag", "bool", []),
        ("count", "int32", []),
        ("byte", "uint8", []),
        ("small", "float32", []),
        ("growing", "float64", [0]),
        ("fixed", "float64", [3]),
        ("twin", "float64", []),
        ("other/twin", "float64", []),
    )

    param_def = [["points", Type.Integer, 5, "how many points"]]

    def prepare(self, points):
        self.motors = [self.getMoveable("mot01")]
        self.nb_points = points
        self.integ_time = 0.01
        columns = [
            ColumnDesc(name=name, label=name.rpartition("/")[2], dtype=dtype, shape=shape)
            for name, dtype, shape in self.COLUMNS
        ]
        self._gScan = SScan(self, self._generator, self.motors, extrainfodesc=columns)
        self.setData(self._gScan.data)

    def _generator(self):
        for point in range(self.nb_points):
            yield {
                "positions": [point / 10],
                "integ_time": self.integ_time,
                "point_id": point,
                "extrainfo": self._values(point),
            }

    def _values(self, point):
        import numpy as np

        return {
            "text": f"punkt {point} µm" if point % 2 else None,
            "flag": bool(point % 2),
            "count": point if point % 3 else float("nan"),
            "byte": np.uint8(point),
            "small": np.float32(point / 3),
            "growing": np.arange(point, dtype=float),
            "fixed": np.arange(2 + point % 3, dtype=float),
            "twin": float(point),
            "other/twin": -float(point),
        }

    def run(self, *args):
        yield from self._gScan.step_scan()

    @property
    def data(self):
        return self._gScan.data


class wide_scan(Macro, Hookable):
    """A scan with `columns` scalar extra columns with names of 60 characters."""

    param_def = [
        ["columns", Type.Integer, 300, "how many extra columns"],
        ["points", Type.Integer, 20, "how many points"],
    ]

    def prepare(self, columns, points):
        self.motors = [self.getMoveable("mot01")]
        self.nb_points = points
        self.integ_time = 0.01
        self.names = [f"{'a_column_with_a_long_name':_<54}{i:06d}" for i in range(columns)]
        described = [
            ColumnDesc(name=name, label=name, dtype="float64", shape=[]) for name in self.names
        ]
        self._gScan = SScan(self, self._generator, self.motors, extrainfodesc=described)
        self.setData(self._gScan.data)

    def _generator(self):
        for point in range(self.nb_points):
            yield {
                "positions": [point / 100],
                "integ_time": self.integ_time,
                "point_id": point,
                "extrainfo": {name: point + i / 1000 for i, name in enumerate(self.names)},
            }

    def run(self, *args):
        yield from self._gScan.step_scan()


class census(Macro):
    """Says how many threads and Redis connections this MacroServer has, for a port."""

    param_def = [["port", Type.Integer, None, "Redis' port"]]

    def run(self, port):
        import os

        import psutil

        process = psutil.Process(os.getpid())
        established = [
            c
            for c in process.net_connections("tcp")
            if c.raddr and c.raddr.port == port and c.status == psutil.CONN_ESTABLISHED
        ]
        self.output("census threads=%d connections=%d", process.num_threads(), len(established))

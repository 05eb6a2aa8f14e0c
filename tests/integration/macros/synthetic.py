"""Scans whose points are made by arithmetic: Sardana's real machinery at a chosen rate."""

import time

import numpy as np
from sardana.macroserver.macro import Hookable, Macro, Type
from sardana.macroserver.scan.gscan import GScan
from sardana.macroserver.scan.scandata import ColumnDesc


class SyntheticGScan(GScan):
    """A GScan that records what its macro computes, without moving or counting."""

    def scan_loop(self):
        macro = self.macro
        for point in range(macro.nb_points):
            macro.checkPoint()
            self.data.addRecord(macro.values(point))
            time.sleep(macro.period)
            yield 100.0 * (point + 1) / macro.nb_points


class synthetic_scan(Macro, Hookable):
    """Points of scalars, arrays, free arrays and texts, `rate` of them a second."""

    param_def = [
        ["points", Type.Integer, 500, "how many points"],
        ["rate", Type.Float, 500.0, "points per second"],
        ["scalars", Type.Integer, 8, "how many scalar columns"],
    ]

    def prepare(self, points, rate, scalars):
        self.nb_points = points
        self.period = 1.0 / rate
        self.integ_time = self.period
        self.names = [f"s{i:02d}" for i in range(scalars)]
        columns = [ColumnDesc(name=n, label=n, dtype="float64", shape=[]) for n in self.names]
        columns += [
            ColumnDesc(name="whole", label="whole", dtype="int32", shape=[]),
            ColumnDesc(name="spectrum", label="spectrum", dtype="float64", shape=[16]),
            ColumnDesc(name="growing", label="growing", dtype="float64", shape=[0]),
            ColumnDesc(name="note", label="note", dtype="str", shape=[]),
        ]
        self._gScan = SyntheticGScan(self, self._generator, [], {}, [], columns)
        self.setData(self._gScan.data)

    def _generator(self, estimate=False):
        return iter(())

    def values(self, point):
        record = {name: point + i / 100 for i, name in enumerate(self.names)}
        record.update(
            point_nb=point,
            timestamp=time.time(),
            whole=point,
            spectrum=np.arange(16.0) * point,
            growing=np.arange(float(point // 50 % 4)),
            note=f"point {point}",
        )
        for column in self._gScan._env["counters"]:
            record[column] = float("nan")
        return record

    def run(self, *args):
        yield from self._gScan.step_scan()

    def getTimeEstimation(self):
        return self.nb_points * self.period

    def getIntervalEstimation(self):
        return self.nb_points - 1

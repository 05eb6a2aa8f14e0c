"""The proof of concept's example, in its own dialect and in ours.

`spec_poc_example.txt` is the text of its description, where arrays are cut short; trailing
blanks are not part of it. `spec_example.dat` is what every reader opens.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sardana_redis.settings import SpecDialect
from sardana_redis.spec_writer._header import file_header
from sardana_redis.spec_writer._layout import make_layout

from ._scans import KEY, POC, POINT, STANDARD, block, make_scan, stream

GOLDEN = Path(__file__).parents[2] / "golden"
EXAMPLE = (GOLDEN / "spec_poc_example.txt").read_text().splitlines()
COLUMNS = (POINT, "mot04", "ct01", "ct02", "ct03", "ct04", "dt")
POSITIONS = [0.0, 0.0, 0.0, 0.0, 0.0, 10.0, -137136.0, 1000.0, 2000.0, 0.0, 0.0]


def example():
    """The scan that the proof of concept shows, with its values."""
    rows = np.array([line.split() for line in EXAMPLE if line[0].isdigit()], np.float64)
    names = [line.split()[1:] for line in EXAMPLE if line.startswith("#O")]
    motors = [name for line in names for name in line]
    begin = [float(text) for text in next(x for x in EXAMPLE if x[:2] == "@A").split()[1:4]]
    spectrum = np.array([*begin, *np.zeros(1021)])
    streams = [stream(COLUMNS[0], "int64"), stream("mot04", unit="mm")]
    streams += [stream(name) for name in COLUMNS[2:6]]
    streams += [stream("oned01", "float64", (1024,)), stream("dt", unit="s")]
    scan = make_scan(
        streams,
        title="ascanct mot04 1.0 10.0 10 0.1 0.2 None",
        name="ascanct",
        snapshot=dict(zip(motors, POSITIONS, strict=True)),
        count_time=0.1,
    )
    values = {name: rows[:, i] for i, name in enumerate(COLUMNS)}
    values[POINT] = values[POINT].astype(int)
    return scan, values | {"oned01": np.tile(spectrum, (len(rows), 1))}


def written(dialect):
    scan, values = example()
    header = file_header(make_layout(scan), "/tmp/scans/test_spec_writer.dat", dialect)
    return (header + block(scan, values, dialect=dialect)).decode()


def test_the_dialect_poc_writes_the_lines_of_the_proof_of_concept():
    blank, *lines = written(POC).splitlines()
    assert blank == ""
    lines.remove(f"#C sardana-redis scan {KEY}")
    assert len(lines) == len(EXAMPLE)
    for line, expected in zip(lines, EXAMPLE, strict=True):
        if expected.endswith(" ..."):
            assert line.startswith(expected.removesuffix("..."))
        else:
            assert line == expected


@pytest.mark.parametrize(
    ("dialect", "name"), [(STANDARD, "spec_example.dat"), (POC, "spec_example_poc.dat")]
)
def test_writes_the_golden_file(dialect: SpecDialect, name):
    assert written(dialect) == (GOLDEN / name).read_text()

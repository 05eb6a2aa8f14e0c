"""An operator at a release: scans from a pod, and looks at what became of them."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from kube import Pod, eventually
from pods import pod
from release import Release

from tests.spec_readers import as_read, read_silx

INSIDE = Path(__file__).parent / "inside"
POINT = "#Pt No"
DELIVERY_SECONDS = 60.0

SCAN = ("ascanct", "mot04", "1", "10", "10", ".1", ".2")
STEP_SCAN = ("ascan", "mot01", "0", "1", "60", ".2")
LONG_SCAN = ("ascanct", "mot04", "1", "10", "60", ".1", ".15")


@dataclass(frozen=True)
class Run:
    """How a macro ended, `state` being None where the Door went away under it."""

    state: str | None
    text: str


class RunningMacro:
    """A macro on the release's Door, with what it says as it comes."""

    def __init__(self, pod: Pod, beamline: str, words: Sequence[str]) -> None:
        script = (INSIDE / "scan.py").read_text(encoding="utf-8")
        command = ["kubectl", "exec", "-n", pod.namespace, pod.name, "--"]
        self._process = subprocess.Popen(
            [*command, "python", "-c", script, beamline, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._texts: list[str] = []
        self._state: str | None = None
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait_for_point(self, number: int, seconds: float = 60) -> None:
        """Returns when the operator sees the point's row."""
        row = re.compile(rf"^\s*{number}\s")
        while not row.match(self._next(seconds, f"point {number}")):
            pass

    def wait(self, seconds: float = 180) -> Run:
        """The end of it."""
        with contextlib.suppress(EOFError):
            while True:
                self._next(seconds, "the end of the macro")
        self._process.wait(10)
        self._listener.join(10)
        return Run(self._state, "\n".join(self._texts))

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._said.put(line)
        self._said.put(None)

    def _next(self, seconds: float, what: str) -> str:
        try:
            line = self._said.get(timeout=seconds)
        except queue.Empty:
            self._process.kill()
            raise AssertionError(f"not within {seconds:g} s: {what}\n{self._texts}") from None
        if line is None:
            self._said.put(None)
            raise EOFError(f"the macro is over before {what}: " + "\n".join(self._texts))
        try:
            said = json.loads(line)
        except ValueError:
            said = {"line": line.rstrip()}
        self._state = said.get("state", self._state)
        text = said.get("line", said.get("failed", ""))
        self._texts.append(text)
        return text


@dataclass
class Scan:
    """A scan, by column, as one of the places has it."""

    number: int
    columns: Mapping[str, Any]
    end_reason: str | None = None
    key: str = ""
    files: Sequence[str] = ()

    @property
    def points(self) -> list[int]:
        return [int(number) for number in self.columns[POINT]]


class Operator:
    """Has a pod beside the release, with spock's libraries and the data volume."""

    def __init__(
        self,
        release: Release,
        image: str,
        copies: Path,
        *,
        beamline: str = "demo",
        redis_url: str | None = None,
        tango_host: str | None = None,
        secrets: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.release = release
        self.beamline = beamline
        self._copies = copies
        self.folder, claim = data_claim(release)
        mounts: dict[str, Any] = {
            self.folder: {"persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
        }
        for path, name in (secrets or {}).items():
            mounts[path] = {"secret": {"secretName": name}}
        variables = {
            "TANGO_HOST": tango_host or f"{release.service('tango-db')}:10000",
            "SARDANA_REDIS_URL": redis_url or f"redis://{release.service('redis')}:6379",
            **(environment or {}),
        }
        name = f"{release.name}-operator"
        release.namespace.kubectl("delete", "pod", name, "--ignore-not-found")
        release.namespace.apply(
            pod(
                name, image, "sleep", "infinity",
                labels={f"{release.name}-client": "true"},
                environment=variables,
                mounts=mounts,
                memory="1Gi",
            )
        )  # fmt: skip
        self.pod = release.namespace.ready_pod(f"app={name}")

    def start(self, *words: str) -> RunningMacro:
        """Starts a macro and returns at once."""
        return RunningMacro(self.pod, self.beamline, words)

    def run(self, *words: str) -> Run:
        """Runs a macro to its end."""
        return self.start(*words).wait()

    def scan(self, *words: str) -> Scan:
        """Runs a scan to its normal end and returns it as Redis has it, closed."""
        run = self.run(*words)
        assert run.state == "ON", run.text
        return self.in_redis(scan_number(run))

    def environment(self, **changes: Any) -> dict[str, Any]:
        """Sardana's environment, after some changes."""
        words = [word for key, value in changes.items() for word in (key, json.dumps(value))]
        return json.loads(self._inside("environment.py", self.beamline, *words))

    def in_redis(self, number: int, seconds: float = DELIVERY_SECONDS) -> Scan:
        """The scan of this number, once Redis has it closed; there must be only one."""

        def found() -> list[dict[str, Any]]:
            try:
                return json.loads(self._inside("read.py", str(number)))
            except RuntimeError:  # Redis is not back yet
                return []

        (scan,) = eventually(found, seconds, f"scan {number} closed in Redis")
        return Scan(number, scan["streams"], scan["end_reason"], scan["key"], files=scan["files"])

    def in_spec(self, scan: Scan, path: str) -> Scan | None:
        """The same scan as silx reads it from the SPEC file; None where it is not there yet."""
        copy = self._copy(path, "dat")
        found = [item for item in read_silx(copy) if item.number.startswith(f"{scan.number}.")]
        if not found:
            return None
        (item,) = found
        return Scan(
            scan.number,
            {POINT if name == POINT[1:] else name: values for name, values in item.columns.items()},
        )

    def in_nexus(self, scan: Scan, path: str) -> Scan | None:
        """The same scan as h5py reads it from the NeXus file; None while it is not there whole."""
        with h5py.File(self._copy(path, "h5"), locking=False) as file:
            found = [name for name in file if name.startswith(f"{scan.number}.")]
            if not found or "end_reason" not in file[found[0]]:
                return None
            (name,) = found
            columns = {key: item[()] for key, item in file[name]["measurement"].items()}
            reason = file[name]["end_reason"].asstr()[()]
        return Scan(scan.number, columns, reason)

    def _inside(self, script: str, *words: str) -> str:
        text = (INSIDE / script).read_text(encoding="utf-8")
        return self.pod.exec("python", "-c", text, *words).decode().strip().splitlines()[-1]

    def _copy(self, path: str, suffix: str) -> Path:
        copy = self._copies / f"copy.{suffix}"
        copy.write_bytes(self.pod.exec("cat", path))
        return copy


def data_claim(release: Release) -> tuple[str, str]:
    """Where the data volume is mounted, and its claim's name, as the SPEC writer has them."""
    spec = release.pod("spec-writer").document["spec"]
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in spec["volumes"]
        if "persistentVolumeClaim" in volume
    }
    (mount,) = [m for m in spec["containers"][0]["volumeMounts"] if m["name"] in claims]
    return mount["mountPath"], claims[mount["name"]]


def scan_number(run: Run) -> int:
    """The number that the operator reads of the scan."""
    found = re.search(r"Scan #(\d+)", run.text)
    assert found, run.text
    return int(found[1])


def assert_whole(operator: Operator, scan: Scan, points: int, end_reason: str = "SUCCESS") -> None:
    """All points once, in order, with equal values in Redis, the SPEC file and the NeXus file."""
    assert scan.points == list(range(points))
    assert scan.end_reason == end_reason
    (spec,) = [path for path in scan.files if path.endswith(".dat")]
    (nexus,) = [path for path in scan.files if path.endswith(".h5")]
    for look, path in ((operator.in_spec, spec), (operator.in_nexus, nexus)):
        written = eventually(
            lambda look=look, path=path: _if_whole(look, scan, path, points),
            DELIVERY_SECONDS,
            f"all {points} points in {path}",
        )
        assert_equal(scan, written, path, "silx" if path == spec else "h5py")


def _if_whole(look: Any, scan: Scan, path: str, points: int) -> Scan | None:
    try:
        written: Scan | None = look(scan, path)
    except (OSError, RuntimeError):  # no file yet, or in the middle of a write
        return None
    return written if written and len(written.columns.get(POINT, ())) >= points else None


def assert_equal(published: Scan, written: Scan, where: str, reader: str) -> None:
    """Every scalar column in the file is that of Redis, to the last bit that the reader has."""
    compared = 0
    for name, values in published.columns.items():
        if name not in written.columns or np.ndim(values) != 1:
            continue
        expected, found = as_read(reader, values), np.asarray(written.columns[name], float)
        np.testing.assert_array_equal(found, expected, err_msg=f"{name} in {where}")
        compared += 1
    scalars = [name for name, values in published.columns.items() if np.ndim(values) == 1]
    assert compared == len(scalars) > 3, f"{where} lacks some of {scalars}"

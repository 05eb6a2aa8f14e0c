"""The command `sardana-redis demo`: one scan into Redis and back, every value compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sardana_redis.device_server import Door
from sardana_redis.errors import LocalStackError
from sardana_redis.local._command import INTERRUPTED, shown_stack, stay_up
from sardana_redis.local._compare import differences, stream_names
from sardana_redis.local._demo_files import show_files
from sardana_redis.local._progress import write
from sardana_redis.local._stack import LocalStack
from sardana_redis.local.capture import Capture, captures
from sardana_redis.store import ReadScan, ReadStream, read_scan, reader_url

__all__ = ["run_demo"]

_GROUP: Final = "demo"
_CHANNELS: Final = ("ct01", "ct02", "ct03", "ct04", "oned01")
_SCAN: Final = ("ascanct", "mot04", "1", "10", "10", ".1", ".2")
_STYLES: Final = {"warning": "yellow", "error": "red", "critical": "bold red"}
_SCAN_SECONDS: Final = 120.0


def run_demo(console: Console, *, keep: bool = False) -> int:
    """Scans, reads back, compares; returns 0 when every value read equals what was recorded.

    1 otherwise, after a sentence on each difference. With `keep` the stack stays up until
    Ctrl-C. Raises LocalStackError when the stack does not come up.
    """
    try:
        with shown_stack(console, data_recorder=["CaptureRecorder"]) as stack:
            is_equal = _demonstrate(console, stack)
            if keep:
                stay_up(console, stack)
    except KeyboardInterrupt:
        write(console, "Stopped; everything is removed.")
        return INTERRUPTED
    return 0 if is_equal else 1


def _demonstrate(console: Console, stack: LocalStack) -> bool:
    door = stack.door()
    door.set_environment("CaptureDir", str(stack.capture_dir))
    _run(door, "defmeas", _GROUP, *_CHANNELS)
    door.set_environment("ActiveMntGrp", _GROUP)
    write(console, f"\nDoor_demo_1 [1]: {' '.join(_SCAN)}", "bold")
    run = door.run(
        *_SCAN,
        timeout=_SCAN_SECONDS,
        on_line=lambda level, line: write(console, line, _STYLES.get(level)),
    )
    if run.state != "ON":
        raise LocalStackError(f"The scan failed: {run.text('error', 'critical')}")
    capture = captures(stack.capture_dir)[-1]
    scan = read_scan(stack.redis.url)
    names = [name for name in stream_names(capture.columns) if name in scan.streams]
    write(console, f"\nScan {scan.number} ({scan.name}), read back through blissdata:")
    console.print(_table([scan.streams[name] for name in names]))
    _say_where(console, stack.redis.url, scan, names)
    is_equal = _judge(console, capture, scan)
    return show_files(console, stack, scan) and is_equal


def _run(door: Door, *words: str) -> None:
    run = door.run(*words)
    if run.state != "ON":
        raise LocalStackError(f"The macro `{' '.join(words)}` failed: {run.text()}")


def _table(streams: Sequence[ReadStream]) -> Table:
    table = Table()
    for stream in streams:
        table.add_column(Text(stream.name), justify="right")
    for index in range(max((len(stream.points) for stream in streams), default=0)):
        table.add_row(*(_cell(stream, index) for stream in streams))
    return table


def _cell(stream: ReadStream, index: int) -> Text:
    if index >= len(stream.points):
        return Text("-")
    point = stream.points[index]
    shape = getattr(point, "shape", ())
    if shape:
        return Text("x".join(map(str, shape)) + f" {stream.dtype}")
    return Text(f"{point:g}" if isinstance(point + 0, int | float) else str(point))


def _say_where(console: Console, url: str, scan: ReadScan, names: Sequence[str]) -> None:
    lies: Mapping[str, Any] = {
        "Scan key": scan.key,
        "State": f"{scan.state}, {scan.info.get('end_reason')}",
        "Streams": ", ".join(names),
        "Redis": url,
        "Reader URL": reader_url(url),
    }
    for title, value in lies.items():
        write(console, f"{title:<12} {value}")


def _judge(console: Console, capture: Capture, scan: ReadScan) -> bool:
    if capture.number != scan.number:
        raise LocalStackError(f"Scan {capture.number} was recorded, but {scan.number} published.")
    wrong = differences(capture, scan.streams)
    for sentence in wrong:
        write(console, sentence, "red")
    if wrong:
        write(console, "What was read differs from what was recorded.", "bold red")
        return False
    values = sum(len(stream.points) for stream in scan.streams.values())
    write(console, f"All {values} values read equal what was recorded.", "green")
    return True

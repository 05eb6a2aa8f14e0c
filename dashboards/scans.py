"""The dashboard "Scans": for the beamline. Is my data safe?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as d

from dashboards.board import new_dashboard, with_row
from dashboards.kit import LIMIT_OF, OF, Query, graph, number, states
from dashboards.shared import ENDS, SAFE, SAFETY, all_beamlines

__all__ = ["dashboard"]

_EVERYTHING = (
    "WriterDown",
    "WriterStalled",
    "WriterLagHigh",
    "UnreadDataTrimmed",
    "RecorderDroppingPoints",
    "RedisDown",
    "MemoryTrackerDown",
)


def dashboard() -> d.Dashboard:
    """Builds it."""
    board = new_dashboard(
        "Scans",
        "sardana-redis-scans",
        "For the beamline: is my data safe, how far behind are the files, how did scans end.",
        span="6h",
    )
    with_row(board, "Is my data safe?", _safety())
    with_row(board, "Scans of $beamline", _scans())
    with_row(board, "All beamlines", [all_beamlines()])
    return board


def _safety() -> list[object]:
    return [
        number(
            "Is my data safe?",
            "SAFE: every point that was scanned is in a file, or will be within the usual delay. "
            "LATE and WAITING: nothing is lost, Redis or MacroServer keep the points; somebody "
            "should look. POINTS LOST: files that are written from Redis miss points; files that "
            "Sardana writes itself do not. Unknown: the memory tracker is down or no writer is "
            "registered.",
            "none",
            Query(SAFE),
            steps={1: "yellow", 2: "orange", 3: "red"},
            texts=[SAFETY],
            width=12,
            height=8,
            runbooks=_EVERYTHING,
            no_value="NOBODY KNOWS",
        ),
        graph(
            "How far behind the files are",
            "Age of the oldest point that is not yet safe in a file, for each writer. 0: all is "
            "written. A NeXus writer is some seconds behind in normal work. Dashed: from there on "
            "an alert tells those who look after it.",
            "s",
            [
                Query(f"max by (writer) (sardana_redis_writer_lag_seconds{OF})", "{{writer}}"),
                Query(
                    f"max by (writer) (sardana_redis:limit:writer_lag_seconds{LIMIT_OF})",
                    "{{writer}}",
                    is_limit=True,
                ),
            ],
            width=12,
            runbooks=["WriterLagHigh", "WriterDown"],
        ),
    ]


def _scans() -> list[object]:
    closed = f"sum by (end_reason) (increase(sardana_redis_scans_closed_total{OF}[%s]))"
    running = '{beamline="$beamline", job=~"$job", state="STARTED"}'
    return [
        number(
            "Running",
            "Scans that run now.",
            "short",
            Query(f"sum(sardana_redis_scans{running})"),
            steps={},
        ),
        number(
            "Scans in the last hour",
            "Scans that ended within the last hour.",
            "short",
            Query(f"sum(increase(sardana_redis_scans_closed_total{OF}[1h]))"),
            steps={},
        ),
        number(
            "Scans that wait",
            "Scans whose file is taken by another scan, or cannot be written (parked). Their data "
            "stay in Redis. `sardana-redis parked list` tells why.",
            "short",
            Query(f"sum(sardana_redis_writer_pending_scans{OF})"),
            steps={1: "orange"},
            runbooks=["WriterStalled"],
        ),
        number(
            "How the scans of the last hour ended",
            "SUCCESS: to the end. USER_ABORT: Ctrl-C, stop or abort. FAILURE: a macro that raised, "
            "a MacroServer that ended, or points that could not be kept.",
            "short",
            Query(closed % "1h", "{{end_reason}}"),
            steps={},
            width=12,
        ),
        graph(
            "Scans per hour",
            "Scans that ended within the hour before, by how they ended.",
            "short",
            [Query(closed % "1h", "{{end_reason}}")],
            width=12,
            colours=ENDS,
        ),
        graph(
            "Last end reasons",
            "Each bar: scans that ended then, by how they ended.",
            "short",
            [Query(closed % "$__rate_interval", "{{end_reason}}")],
            width=12,
            bars=True,
            runbooks=["ScanOrphaned"],
            colours=ENDS,
        ),
        states(
            "Safe over time",
            "The answer from above, over time.",
            [Query(SAFE, "data")],
            SAFETY,
            width=24,
            runbooks=["WriterDown"],
        ),
    ]

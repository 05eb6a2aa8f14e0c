"""The SPEC writer as a Tango device: `SpecWriter INSTANCE -v4`.

A thin door: properties become settings, commands start and stop the writer's thread,
attributes show its status. ON: stopped. RUNNING: it follows Redis. FAULT: it cannot, and the
status says why.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from tango import DevState, Except
from tango.server import Device, attribute, command, device_property, run

from sardana_redis import log
from sardana_redis.errors import SardanaRedisError, SettingsError
from sardana_redis.follower import WriterStatus
from sardana_redis.settings import Settings, load_settings
from sardana_redis.spec_writer import _writer as core

__all__ = ["SpecWriter", "main"]

_log = log.get_logger("sardana_redis.spec_writer.tango")

_STOP_SECONDS = 20.0
_START_SECONDS = 2.0
"""How long Start waits for a writer that is still stopping; a client gives up after 3 s."""
_STILL_STOPPING = (
    "The SPEC writer is still stopping, as its disk or Redis is slow: call Start again in a moment."
)
_TITLE = "The SPEC writer"
_OWN = ("next_scan_timeout", "output_root", "dialect", "writer_name", "fsync")


class SpecWriter(Device):  # type: ignore[misc]  # pytango ships no types
    """Writes the scans of a Redis into SPEC files."""

    # Texts, because pytango would refuse to start a device whose property is no number.
    redis_url = device_property(
        dtype=str, default_value="redis://localhost:6379", doc="Redis that scans come from."
    )
    log_level = device_property(
        dtype=str, default_value="INFO", doc="DEBUG, INFO, WARNING or ERROR."
    )
    next_scan_timeout = device_property(
        dtype=str,
        default_value="2",
        doc="Longest wait in seconds for the next scan before looking around; 0: no limit.",
    )
    output_root = device_property(
        dtype=str, default_value="", doc="Folder that no file may lie outside of; empty: anywhere."
    )
    dialect = device_property(
        dtype=str, default_value="standard", doc="`standard`, or `poc`: the proof of concept's."
    )
    writer_name = device_property(
        dtype=str, default_value="spec", doc="Name of this writer in Redis; one process a name."
    )
    fsync = device_property(
        dtype=str, default_value="true", doc="Whether points count only when they are on the disk."
    )

    _stop: threading.Event
    _thread: threading.Thread | None = None
    _writer: core.SpecWriter | None = None
    _fault = ""

    def init_device(self) -> None:
        """Reads the properties and starts the writer."""
        super().init_device()
        if not self._has_ended():
            self._fault = _STILL_STOPPING  # an error that is raised here reaches no client
            return
        self._thread = None
        self._writer = None
        self._fault = ""
        self.Start()

    def delete_device(self) -> None:
        """Stops the writer."""
        self._halt()

    @command(doc_in="Starts following Redis; does nothing while it does.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def Start(self) -> None:  # noqa: N802 - named as Tango does
        """Starts following Redis; a wrong property makes the state FAULT.

        A Tango error while the writer before it is still stopping.
        """
        if self._is_alive and not self._stop.is_set():
            return
        if not self._has_ended():
            Except.throw_exception("SpecWriter_StillStopping", _STILL_STOPPING, "SpecWriter.Start")
        try:
            settings = self._settings()
        except SettingsError as error:
            self._fault = _in_property_names(str(error))
            _log.error("properties cannot be used", reason=self._fault)
            return
        logging.getLogger().setLevel(settings.log_level.upper())
        self._fault = ""
        self._stop = threading.Event()
        self._writer = core.SpecWriter(settings)
        self._thread = threading.Thread(
            target=self._run, args=(self._writer, self._stop), name="spec-writer", daemon=True
        )
        self._thread.start()

    @command(doc_in="Stops at once, also while waiting for a scan.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def Stop(self) -> None:  # noqa: N802 - named as Tango does
        """Stops the writer: what it wrote is made safe and reported."""
        self._halt()

    def dev_state(self) -> Any:
        """FAULT, RUNNING or ON."""
        if self._fault:
            return DevState.FAULT
        return DevState.RUNNING if self._is_alive else DevState.ON

    def dev_status(self) -> str:
        """What the writer does, or why it cannot."""
        return self._fault or self._status.text()

    @attribute(dtype=(str,), max_dim_x=1024, doc="The scans that are being written.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def current_scans(self) -> list[str]:
        """Number, title, progress and file of each scan that is being written."""
        return [
            f"{scan.number} {scan.title}: {scan.points}/{scan.published} {scan.path}"
            for scan in self._status.scans
        ]

    @attribute(dtype=int, doc="Rows written since the start.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def rows_written(self) -> int:
        """Rows that are safe in files."""
        return self._status.rows_written

    @attribute(dtype=str, doc="The file of the scan that was finished last.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def last_file(self) -> str:
        """Its path."""
        return self._status.last_file

    @attribute(dtype=int, doc="Points in Redis that are not safe in a file yet.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def lag_points(self) -> int:
        """Points of the scans that are being written."""
        return self._status.lag_points

    @attribute(dtype=float, unit="s", doc="Age of the oldest point not safe in a file yet.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def lag_seconds(self) -> float:
        """0 when all is written."""
        return self._status.lag_seconds

    @attribute(dtype=int, doc="Scans that wait for others of their file.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def pending_scans(self) -> int:
        """How many there are."""
        return self._status.pending

    @attribute(dtype=int, doc="Scans whose file cannot be written.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def parked_scans(self) -> int:
        """How many there are; `sardana-redis parked list` tells why."""
        return self._status.parked

    @attribute(dtype=str, doc="What went wrong last.")  # type: ignore[untyped-decorator]  # pytango ships no types
    def last_error(self) -> str:
        """Empty where nothing did."""
        return self._fault or self._status.last_error

    @property
    def _status(self) -> WriterStatus:
        return WriterStatus(title=_TITLE) if self._writer is None else self._writer.status

    def _settings(self) -> Settings:
        own = {name: str(getattr(self, name)).strip() or None for name in _OWN}
        level = str(self.log_level).strip().lower() or None
        return load_settings(url=self.redis_url, log_level=level, spec_writer=own)

    def _run(self, writer: core.SpecWriter, stop: threading.Event) -> None:
        """The writer's thread: whatever ends it before it was asked to is the device's fault."""
        try:
            writer.run(stop)
        except SardanaRedisError as error:
            self._fault = str(error)
            _log.error("writer ended", reason=str(error))
        except Exception as error:
            self._fault = f"The writer failed, please report it: {type(error).__name__}: {error}"
            _log.exception("writer failed")
            raise

    @property
    def _is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _halt(self) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.join(_STOP_SECONDS)

    def _has_ended(self) -> bool:
        """Whether the last writer's thread is over, after a short wait: there are never two."""
        if self._thread is not None:
            self._thread.join(_START_SECONDS)
        return not self._is_alive


def _in_property_names(message: str) -> str:
    """The message with the names of the properties instead of those of the settings."""
    text = message.replace("spec_writer.", "")
    return text.replace("Wrong settings: url:", "Wrong settings: redis_url:").replace(
        "Wrong settings", "Wrong properties"
    )


def main() -> None:
    """Runs the Tango server; its arguments are Tango's own: INSTANCE -v4."""
    log.configure("info")
    run([SpecWriter])


if __name__ == "__main__":
    main()

"""The sections of the settings: a model each, whose descriptions stand in docs/settings.md."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sardana_redis.keys import HEARTBEAT_TTL_SECONDS

__all__ = [
    "MemoryTrackerSettings",
    "NexusWriterSettings",
    "PublisherSettings",
    "RecorderSettings",
    "SpecDialect",
    "SpecWriterSettings",
    "WriterSettings",
]


class PublisherSettings(BaseModel):
    """How points are held and sent; times in seconds, sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    linger_seconds: float = Field(
        0.015, gt=0, le=0.02, description="How long a first point waits for others of its batch."
    )
    batch_bytes: int = Field(2**20, ge=1024, description="A batch of this size is sent at once.")
    buffer_bytes: int = Field(
        2**30, ge=2**16, description="Points are dropped only when as much waits for Redis."
    )
    retain_bytes: int = Field(
        2**28,
        ge=0,
        description="Confirmed points of closed scans, or of a running one, kept here too.",
    )
    retain_seconds: float = Field(
        600.0, ge=0, description="How long confirmed points of a closed scan are held so."
    )
    flush_timeout: float = Field(
        10.0, ge=0, description="Longest wait for Redis at the end of a scan."
    )
    shutdown_timeout: float = Field(
        20.0, ge=0, description="Longest delivery after MacroServer was told to end."
    )
    brake_ratio: float = Field(
        0.9, gt=0, le=1, description="Share of maxmemory above which points are held back."
    )
    socket_timeout: float = Field(
        5.0, gt=0, description="Redis counts as frozen when it does not answer for as long."
    )
    retry_max_seconds: float = Field(5.0, gt=0, le=5, description="Longest pause between retries.")


class RecorderSettings(BaseModel):
    """The recorder in MacroServer; both take effect when it starts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    http_host: str = Field(
        "127.0.0.1", min_length=1, description="Address that MacroServer's /metrics listens on."
    )
    http_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Its port, opened once MacroServer is up; unset: none.",
    )


def _writer_name(default: str) -> Any:
    return Field(
        default,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="Name of this writer in Redis, in metrics and in alerts; one process a name.",
    )


class WriterSettings(BaseModel):
    """What every writer that follows Redis has; times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    writer_name: str = _writer_name("writer")
    sessions: tuple[str, ...] = Field(
        (), description="Only scans of these sessions are written; empty: of all."
    )
    first_start: Literal["all", "new"] = Field(
        "all", description="A writer new to this Redis writes all scans that it holds, or new ones."
    )
    next_scan_timeout: float = Field(
        2.0, ge=0, description="Longest wait for the next scan before looking around; 0: no limit."
    )
    park_seconds: float = Field(
        60.0, ge=0, description="A scan whose file cannot be written for as long is parked."
    )
    output_root: Path | None = Field(
        None, description="Folder that no file may lie outside of; unset: anywhere."
    )
    least_free_bytes: int = Field(
        200_000_000,  # what blisswriter 3 wants before it begins a scan
        ge=0,
        description="With less left on a file's disk operators are told before a scan.",
    )
    fsync: bool = Field(
        True, description="Points count as written when they are on the disk, not in its cache."
    )
    http_host: str = Field(
        "127.0.0.1", min_length=1, description="Address that /metrics and /healthz listen on."
    )
    http_port: int | None = Field(None, ge=0, le=65535, description="Their port; unset: none.")


class SpecDialect(StrEnum):
    """How SPEC files are written: for every reader, or as the proof of concept wrote them."""

    STANDARD = "standard"
    POC = "poc"


class SpecWriterSettings(WriterSettings):
    """The SPEC writer."""

    writer_name: str = _writer_name("spec")
    dialect: SpecDialect = Field(
        SpecDialect.STANDARD, description="`standard`, or `poc` for the proof of concept's lines."
    )


class NexusWriterSettings(WriterSettings):
    """The NeXus writer."""

    writer_name: str = _writer_name("nexus")
    sync_seconds: float = Field(
        0.5, gt=0, le=10, description="Pause between two moments at which a file is made safe."
    )
    chunk_seconds: float = Field(
        2.0, ge=0, description="A point waits so long at most for others of its chunk."
    )


class MemoryTrackerSettings(BaseModel):
    """When the memory tracker does what; shares in percent, times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cleaning_threshold: float = Field(
        80.0, gt=0, le=100, description="Use of maxmemory from which written data are trimmed."
    )
    hard_threshold: float = Field(
        95.0, gt=0, le=100, description="Use from which data go that a writer still needs."
    )
    protected_history: float = Field(
        180.0, ge=0, description="Younger data stay, unless written and memory presses."
    )
    monitoring_period: float = Field(
        30.0, gt=0, description="Period of a full look at all scans and of a line in the log."
    )
    inactive_scan_deletion: float = Field(
        86_400.0, gt=0, description="An open scan without a sign of life for as long is deleted."
    )
    closed_scan_deletion: float = Field(
        604_800.0, gt=10, description="Life of a closed scan, once every writer has finished it."
    )
    cleaning_time_slice: float = Field(
        20.0,
        gt=0,
        le=100,
        description="Share of the history that goes in one cleaning, oldest first.",
    )
    orphan_timeout: float = Field(
        600.0, description="A scan whose MacroServer is silent for as long is closed; 15 at least."
    )
    init_db: bool = Field(False, description="Make a new Redis ready for blissdata at the start.")
    http_host: str = Field(
        "127.0.0.1", min_length=1, description="Address that /metrics and /healthz listen on."
    )
    http_port: int | None = Field(None, ge=0, le=65535, description="Their port; unset: none.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.cleaning_threshold > self.hard_threshold:
            raise ValueError("cleaning_threshold must not be above hard_threshold")
        return self

    @field_validator("orphan_timeout")
    @classmethod
    def _check_orphan_timeout(cls, seconds: float) -> float:
        if not seconds >= HEARTBEAT_TTL_SECONDS:
            raise ValueError(
                f"must be {HEARTBEAT_TTL_SECONDS:g} s at least: so long a MacroServer that lives "
                "may give no sign of it"
            )
        return seconds

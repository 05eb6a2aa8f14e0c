"""The only exception hierarchy.

    SardanaRedisError
    ├── BadInputError            what the user gave cannot be used: exit code 2
    │   ├── SettingsError        a setting has a wrong name or value
    │   ├── WriterConflictError  another process is the writer of that name
    │   └── ExtraMissingError    a part of this package was not installed
    ├── StoreError               Redis did not do what it was asked
    │   ├── StoreUnavailable     for now: try again later (`reason` says why)
    │   ├── StoreUnusable        this Redis cannot serve blissdata before somebody mends it
    │   ├── ScanRefusedError     Redis will never take this document or info
    │   ├── StreamSealedError    the stream was sealed by somebody else
    │   ├── ScanNotFoundError    no scan with that key, or it is about to expire
    │   └── ScanUnreadableError  there is a scan, but its document cannot be understood
    ├── ScanForbiddenError       the operator wants no scan without its writers
    ├── FileChangedError         somebody else changed, moved or removed a file being written
    ├── TrackingRefusedError     the memory tracker must not run on this Redis as it is
    ├── FileRefusedError         a file does not take what is to be written, for now
    ├── ScanInfoTooLargeError    nothing more can be left out of a scan's info
    ├── ControlSystemError       a Tango server or its database did not do what it was asked
    └── LocalStackError          the embedded stack did not start or ended early
        └── ProgramMissingError  a program that it needs is not installed

Messages are sentences for the reader: what is wrong, with which input, and the remedy.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "BadInputError",
    "ControlSystemError",
    "ExtraMissingError",
    "FileChangedError",
    "FileRefusedError",
    "LocalStackError",
    "Outage",
    "ProgramMissingError",
    "SardanaRedisError",
    "ScanForbiddenError",
    "ScanInfoTooLargeError",
    "ScanNotFoundError",
    "ScanRefusedError",
    "ScanUnreadableError",
    "SettingsError",
    "StoreError",
    "StoreUnavailable",
    "StoreUnusable",
    "StreamSealedError",
    "TrackingRefusedError",
    "WriterConflictError",
]


class SardanaRedisError(Exception):
    """Base of every error that this package raises on purpose."""


class BadInputError(SardanaRedisError):
    """What the user gave cannot be used."""


class SettingsError(BadInputError):
    """A setting has a wrong name or a wrong value."""


class WriterConflictError(BadInputError):
    """Another process, older than this one, is the writer of that name."""


class ExtraMissingError(BadInputError):
    """A part of this package needs libraries that are not installed."""


class StoreError(SardanaRedisError):
    """Redis did not do what it was asked."""


class Outage(StrEnum):
    """Why Redis cannot be used for now; the bounded set that logs and metrics take labels from."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    LOST = "connection lost"
    LOADING = "loading"
    FULL = "full"
    DISK = "disk"
    READ_ONLY = "read-only"
    REFUSED = "access refused"
    UNSURE = "unsure"


class StoreUnavailable(StoreError):
    """Redis cannot be used for now, but may later; `reason` says why."""

    def __init__(self, message: str, reason: Outage) -> None:
        super().__init__(message)
        self.reason = reason


class StoreUnusable(StoreError):
    """This Redis cannot serve blissdata before somebody mends it."""


class ScanRefusedError(StoreError):
    """Redis will never take this scan's document or info: that scan's own affair."""


class StreamSealedError(StoreError):
    """The stream was sealed by somebody else: no point can follow."""


class ScanNotFoundError(StoreError):
    """No scan has that key, or it is about to expire."""


class ScanUnreadableError(StoreError):
    """There is a scan with that key, but its document cannot be understood."""


class ScanForbiddenError(SardanaRedisError):
    """The operator wants no scan while its writers are as they are."""


class FileChangedError(SardanaRedisError):
    """Somebody else changed, moved or removed the file while it was being written."""


class TrackingRefusedError(SardanaRedisError):
    """The memory tracker must not run on this Redis before somebody changed something."""


class FileRefusedError(SardanaRedisError):
    """A file does not take what is to be written, for a reason that is not the system's."""


class ScanInfoTooLargeError(SardanaRedisError):
    """A scan's info exceeds blissdata's limit although all that may be left out was left out."""


class ControlSystemError(SardanaRedisError):
    """A Tango server, a door or the Tango database did not do what it was asked."""


class LocalStackError(SardanaRedisError):
    """The embedded stack did not start, or a part of it ended early."""


class ProgramMissingError(LocalStackError):
    """A program that the embedded stack needs is not installed."""

"""Starting to record a scan: settings, translation, and the publisher that takes it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sardana_redis.briefing import Remark, RequireWriters, ScanFacts
from sardana_redis.errors import BadInputError, ScanForbiddenError, SettingsError
from sardana_redis.model import NexusTarget, ScanFile
from sardana_redis.publisher import nexus_options_line
from sardana_redis.recorder._columns import stream_specs
from sardana_redis.recorder._files import scan_files
from sardana_redis.recorder._nexus_options import NexusOptions, nexus_options, nexus_target
from sardana_redis.recorder._publishers import publisher_for
from sardana_redis.recorder._sardana import (
    environment_variable,
    inform,
    macro_facts,
    make_verdict,
    warn,
)
from sardana_redis.recorder._scan_info import make_info
from sardana_redis.recorder._scan_recorder import ScanRecorder
from sardana_redis.recorder._translate import Experiment, experiment_of, scan_start
from sardana_redis.recorder._writers import ScanWriters
from sardana_redis.settings import Settings, load_settings

__all__ = ["start_recording"]

_CLAIM = "_sardana_redis_claimed"


def start_recording(
    recordlist: Any, macro: Any, ours: type, mode: RequireWriters
) -> ScanRecorder | None:
    """The recording of a scan; None where another recorder of ours has it already.

    Raises SettingsError where the settings cannot be used, ScanForbiddenError where the
    operator wants no scan while its writers are as they are.
    """
    # All recorders of a scan get the same record list, however often Sardana built ours.
    if getattr(recordlist, _CLAIM, False):
        return None
    setattr(recordlist, _CLAIM, True)
    environ = recordlist.getEnviron()
    settings = _settings(macro)
    facts = macro_facts(macro)
    scan_file = environ.get("ScanFile") or ()
    files = scan_files(
        environ.get("ScanDir"),
        (scan_file,) if isinstance(scan_file, str) else scan_file,
        recordlist.getDataHandler().recorders,
        ours,
    )
    about = experiment_of(environment_variable(macro, "NexusExperimentInfo"), settings)
    nexus = _nexus_target(macro, files, environ, about)
    start = scan_start(environ, facts, files, settings, about=about, nexus=nexus)
    info = make_info(start)
    publisher = publisher_for(settings, facts.macroserver)
    publisher.attend()
    writers = ScanWriters(publisher, ScanFacts(asdict(start.identity), info), mode)
    if (line := writers.refusal()) is not None:
        raise ScanForbiddenError(line)
    feed = publisher.begin(
        start.identity,
        info,
        stream_specs(start.columns),
        door=facts.door,
        owner=id(macro),
        verdict=make_verdict(macro),
    )
    return ScanRecorder(
        feed,
        start.columns,
        facts,
        flush_timeout=settings.publisher.flush_timeout,
        is_nested=lambda: publisher.has_open_scan(facts.door, feed),
        tell=lambda line: (inform if isinstance(line, Remark) else warn)(macro, line),
        writers=writers,
    )


def _nexus_target(
    macro: Any, files: tuple[ScanFile, ...], environ: Mapping[str, Any], about: Experiment
) -> NexusTarget:
    """Where the NeXus file goes; options that cannot be used are told and left aside."""
    target = functools.partial(
        nexus_target,
        files=files,
        scan_dir=environ.get("ScanDir"),
        number=int(environ["serialno"]),
        proposal=about.proposal,
        beamline=about.beamline,
    )
    try:
        return target(nexus_options(environment_variable(macro, "NexusWriterOpts")))
    except BadInputError as error:
        warn(macro, nexus_options_line(str(error)))
        return target(NexusOptions())


def _settings(macro: Any) -> Settings:
    """The settings; Sardana's environment variable RedisURL wins over all other sources."""
    url = environment_variable(macro, "RedisURL")
    if url is not None and not isinstance(url, str):
        raise SettingsError(
            f"RedisURL must be a text such as redis://localhost:6379, not {url!r}: "
            "set it with senv RedisURL."
        )
    return load_settings(url=url)

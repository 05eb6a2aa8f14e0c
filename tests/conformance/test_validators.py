"""What NeXus validators say of our files: nothing that is not written here, with its reason."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import h5py
import pytest

VALIDATORS = Path(__file__).parents[2] / "build" / "validators"
PUNX = VALIDATORS / "punx" / "bin" / "python"
PYNX = VALIDATORS / "pynxtools" / "bin" / "pynx"

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(
        not (PUNX.exists() and PYNX.exists()),
        reason="the validators are not installed; `make nexus-validate` installs them",
    ),
]

ASK_PUNX = """
import json, sys
import punx.validate
validator = punx.validate.Data_File_Validator()
validator.validate(sys.argv[1])
found = [(v.h5_address, str(v.status), v.test_name, v.comment) for v in validator.validations]
print("FOUND" + json.dumps(found))
"""

CLASSES = {"NXentry", "NXdata", "NXinstrument", "NXpositioner", "NXdetector", "NXuser", "NXsample"}

OWN_NAME = "valid HDF5 item name, not valid with NeXus"
"""punx's newest definitions are of 2018, when no name could begin with a digit."""

NOT_ASKED = {
    # What a collection holds is free; to say so is punx's only warning.
    ("WARN", "validItemName", "NXcollection contains non-NeXus content"),
    # NeXus itself writes ORCID.
    ("NOTE", "validItemName", r"relaxed pattern: [A-Za-z_][\w_]*"),
}

ALLOWED_OF_PYNX = (
    # Attributes that no reader of ours asks for.
    r"A link was used for .*, but no '@target' attribute was found\.",
    # blissdata's and our own; silx asks for `interpretation`.
    r"Field /\S+/(end_reason|writer/name|writer/status) has no documentation\.",
    r"Attribute /.*/@interpretation has no documentation\.",
    r"The unit /.*/@units = \S+ has no documentation\.",
    # What users put into SampleInfo has no units.
    r"Field /\S+/sample/temperature requires a unit in the unit category NX_TEMPERATURE\.",
    # What it says because of the above.
    r"Invalid: The entry `.*` in file `.*` is NOT valid according to the `NXroot` .*",
)


@pytest.fixture(scope="session")
def findings(
    nexus_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[str, str, str, str]]:
    """All that punx found: place, status, test, comment."""
    home = tmp_path_factory.mktemp("home")  # punx keeps settings there
    words = [PUNX, "-W", "ignore", "-c", ASK_PUNX, nexus_file]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    said = subprocess.run(
        words, env=environment, check=True, capture_output=True, text=True, timeout=120
    ).stdout
    return [tuple(item) for item in json.loads(said.rpartition("FOUND")[2])]


def test_punx_finds_no_error_but_the_name_of_the_entry(
    findings: list[tuple[str, str, str, str]], nexus_file: Path
) -> None:
    with h5py.File(nexus_file) as file:
        entries = [f"/{name}" for name in file]
    errors = [item for item in findings if item[1] == "ERROR"]
    assert errors == [(name, "ERROR", "validItemName", OWN_NAME) for name in entries]


def test_punx_looked_at_every_class_that_counts(
    findings: list[tuple[str, str, str, str]], nexus_file: Path
) -> None:
    classes: dict[str, str] = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        classes.setdefault(item.attrs.get("NX_class"), f"/{name}")

    with h5py.File(nexus_file) as file:
        file.visititems(note)
    assert classes.keys() >= CLASSES
    well = {place for place, status, *_ in findings if status == "OK"}
    assert {classes[name] for name in CLASSES} <= well


def test_punx_warns_of_nothing_else(findings: list[tuple[str, str, str, str]]) -> None:
    rest = {item for item in findings if item[1] in ("WARN", "NOTE")}
    assert {(place, *what) for place, *what in rest if tuple(what) not in NOT_ASKED} == set()


def test_pynxtools_finds_nothing_else_with_the_definitions_of_today(
    nexus_file: Path, tmp_path: Path
) -> None:
    """It looks at entries with a `definition` only: a copy is said to be what every file is."""
    copy = shutil.copy(nexus_file, tmp_path)
    with h5py.File(copy, "r+") as file:
        for entry in file.values():
            entry["definition"] = "NXroot"
    run = subprocess.run(
        [PYNX, "validate", copy], check=False, capture_output=True, text=True, timeout=120
    )
    lines = [line.removeprefix("WARNING: ") for line in (run.stdout + run.stderr).splitlines()]
    found = [line for line in lines if not any(re.fullmatch(a, line) for a in ALLOWED_OF_PYNX)]
    assert found == []

"""Each image runs with a read-only root, without a home or a capability, as whatever user."""

from __future__ import annotations

import json

import pytest
from beamline import Beamline
from containers import STRICT, engine, eventually, image, inspect
from nexus_files import ended_points
from silx.io.specfile import SpecFile

NAMES = ("macroserver", "redis", "spec-writer", "nexus-writer", "memory-tracker", "tango-db")
MOST_BYTES = {"spec-writer": 250e6, "memory-tracker": 250e6}
SCAN = "ascanct mot04 1 10 10 .1 .2"

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_says_who_it_is_and_how_it_ends(name: str) -> None:
    config = inspect("image", image(name))["Config"]
    assert config["User"] == "1000:1000"
    assert config.get("StopSignal", "SIGTERM") == "SIGTERM"
    for label in ("title", "description", "licenses", "version"):
        assert config["Labels"][f"org.opencontainers.image.{label}"], label


@pytest.mark.parametrize("name", MOST_BYTES)
def test_small_services_have_small_images(name: str) -> None:
    assert inspect("image", image(name))["Size"] <= MOST_BYTES[name]


@pytest.mark.parametrize("user", ["1000:1000", "123456:0"])
def test_a_tango_database_without_a_volume_says_so(user: str) -> None:
    words = ("run", "--rm", "--network=none", *STRICT, f"--user={user}", image("tango-db"))
    assert "mount a writable volume there" in engine(*words, check=False)


class TestABeamline:
    def test_is_up(self, beamline: Beamline, capsys: pytest.CaptureFixture[str]) -> None:
        with capsys.disabled():
            print(f"\n{beamline.user}: " + json.dumps(beamline.seconds))
        for name, part in beamline.parts.items():
            if part.port is not None:
                assert part.page("/healthz")[0] == 200, name

    def test_runs_as_who_it_was_told_to_be_and_can_do_nothing_else(
        self, beamline: Beamline
    ) -> None:
        uid, gid = beamline.user.split(":")
        for name, part in beamline.parts.items():
            status = dict(
                line.split(":\t", 1)
                for line in part.run("cat", "/proc/1/status").splitlines()
                if ":\t" in line
            )
            assert status["Uid"].split() == [uid] * 4, name
            assert status["Gid"].split() == [gid] * 4, name
            assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0, name

    def test_a_scan_in_spock_is_in_redis_and_in_both_files(self, beamline: Beamline) -> None:
        macroserver = beamline.parts["macroserver"]
        said = macroserver.run(
            "spock", "--simple-prompt", "--colors=NoColor", text=f"{SCAN}\nexit\n"
        )
        assert "Scan #1 ended" in said, said
        (scan,) = json.loads(macroserver.run("sardana-redis", "scans", "--json"))
        assert (scan["state"], scan["session"]) == ("CLOSED", "demo")
        spec, nexus = beamline.data / "demo.dat", beamline.data / "demo.h5"
        eventually(
            lambda: spec.exists() and "#C Acquisition ended" in spec.read_text(), lambda: "no SPEC"
        )
        rows = SpecFile(str(spec))[0].data.shape[1]
        assert rows == scan["points"] == 11
        eventually(
            lambda: ended_points(nexus, "ct01").get("1.1") == rows,
            beamline.parts["nexus-writer"].log,
        )

    def test_metrics_of_the_recorder_are_served(self, beamline: Beamline) -> None:
        macroserver = beamline.parts["macroserver"]
        status, text = macroserver.page("/metrics", port=8080)
        assert status == 200
        assert "sardana_redis_recorder_points_total" in text

    @pytest.mark.parametrize(
        "name", ["spec-writer", "nexus-writer", "memory-tracker", "macroserver", "pool", "tango-db"]
    )
    def test_ends_with_0_when_told_to(self, beamline: Beamline, name: str) -> None:
        assert beamline.parts[name].stop() == 0

"""An entry whose links lead somewhere."""

from __future__ import annotations

from pathlib import Path

import h5py

from sardana_redis.nexus_writer._tidy import remove_broken_links


def test_links_and_plots_of_what_is_not_there_go(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        entry = file.create_group("1.1")
        entry["measurement/there"] = [1.0]
        entry.attrs["default"] = "first"
        for name, column in (("first", "none"), ("second", "there"), ("third", "there")):
            plot = entry.create_group(name)
            plot.attrs.update({"NX_class": "NXdata", "signal": column})
            plot[column] = h5py.SoftLink(f"/1.1/measurement/{column}")
        entry["third/beside"] = h5py.SoftLink("/1.1/measurement/none")
        remove_broken_links(entry)
        assert "first" not in entry
        assert list(entry["third"]) == ["there"]
        assert entry.attrs["default"] == "second"
        del entry["measurement/there"]
        remove_broken_links(entry)
        assert "second" not in entry
        assert "default" not in entry.attrs


def test_a_macros_own_nxdata_without_a_signal_stays(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        fit = file.create_group("1.1/fit")
        fit.attrs["NX_class"] = "NXdata"
        fit["amplitude"] = 1.0
        remove_broken_links(file["1.1"])
        assert file["1.1/fit/amplitude"][()] == 1.0

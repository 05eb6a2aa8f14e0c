"""A NexusFile is whole at every moment, and survives what the disk refuses."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pytest

from sardana_redis.errors import FileChangedError, FileRefusedError
from sardana_redis.nexus_writer import _disk, _journal
from sardana_redis.nexus_writer._disk import Disk
from sardana_redis.nexus_writer._file import NexusFile
from sardana_redis.nexus_writer._lock import lock

POINTS = 40


class Camera:
    """Copies the folder before each change to the disk that is made while it watches."""

    def __init__(self, folder: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.into, self.shots = folder, into, []
        self.commits = 0
        for name in ("pwrite", "ftruncate", "truncate", "fsync"):
            monkeypatch.setattr(os, name, self._watched(getattr(os, name)))
        monkeypatch.setattr(Path, "unlink", self._watched(Path.unlink))

    def _watched(self, function):
        def watched(*args, **kwargs):
            shot = self.into / str(len(self.shots))
            shutil.copytree(self.folder, shot)
            self.shots.append((shot, self.commits))
            return function(*args, **kwargs)

        return watched


def write_entries(path: Path, count: int, first: int = 0, after=lambda: None) -> None:
    """Entries with arrays of their own number, each committed."""
    with closing(NexusFile(path)) as file:
        for number in range(first, first + count):
            with file.tree() as tree:
                entry = tree.create_group(f"{number}.1")
                for column in range(5):
                    entry.create_dataset(f"c{column}", data=np.full(POINTS, number), chunks=(10,))
            file.sync()
            after()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def entries(path: Path) -> list[str]:
    """The names of the entries; every value in them is read."""
    with h5py.File(path) as file:
        for name, entry in file.items():
            assert len(entry) == 5
            for dataset in entry.values():
                assert np.array_equal(dataset[()], np.full(POINTS, int(float(name))))
        return list(file)


def test_killed_before_any_change_to_the_disk_it_is_as_at_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, shots = tmp_path / "data", tmp_path / "shots"
    folder.mkdir()
    write_entries(folder / "a.h5", 2)
    camera = Camera(folder, shots, monkeypatch)

    def count() -> None:
        camera.commits += 1

    write_entries(folder / "a.h5", 3, first=2, after=count)
    monkeypatch.undo()
    names = [f"{number}.1" for number in range(5)]
    assert len(camera.shots) > 50
    for shot, commits in camera.shots:
        NexusFile(shot / "a.h5").close()
        assert entries(shot / "a.h5") in (names[: 2 + commits], names[: 3 + commits])
        assert names_in(shot) == ["a.h5"]


def test_a_new_file_that_was_never_committed_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, shots = tmp_path / "data", tmp_path / "shots"
    folder.mkdir()
    camera = Camera(folder, shots, monkeypatch)
    write_entries(folder / "a.h5", 1)
    monkeypatch.undo()
    for shot, _ in camera.shots:
        NexusFile(shot / "a.h5").close()
        if (shot / "a.h5").exists():
            assert entries(shot / "a.h5") in ([], ["0.1"])


def test_a_file_that_another_process_made_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.h5"

    def lock_late(fd: int, where: Path) -> None:
        monkeypatch.setattr(_disk, "lock", lock)
        write_entries(where, 2)
        lock(fd, where)

    monkeypatch.setattr(_disk, "lock", lock_late)
    Disk(path).release()
    assert entries(path) == ["0.1", "1.1"]


def test_a_journal_that_was_torn_is_not_applied(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_entries(path, 2)
    whole = path.read_bytes()
    journal = _journal.Journal(path)
    journal.write({0: b"x" * 4096, 4096: b"y" * 4096}, 100_000, fsync=True)
    content = journal.path.read_bytes()
    for cut in (0, 10, 40, 5000, len(content) - 1):
        journal.path.write_bytes(content[:cut])
        NexusFile(path).close()
        assert not journal.path.exists()
        assert path.read_bytes() == whole


@pytest.mark.parametrize("how", ["pwrite", "fsync", "journal"])
def test_what_the_disk_refuses_leaves_the_last_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    path = tmp_path / "a.h5"
    write_entries(path, 2)
    file = NexusFile(path)

    def refuse(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if how == "journal":
        monkeypatch.setattr(_disk.Journal, "write", refuse)
    else:
        monkeypatch.setattr(os, how, refuse)

    def write() -> None:
        for number in range(100):
            with file.tree() as tree:
                tree.create_dataset(f"x{number}", data=np.zeros(100_000))
            file.sync()

    with pytest.raises(OSError, match="No space left"):
        write()
    file.close()
    monkeypatch.undo()
    assert sorted(entries(path)) == ["0.1", "1.1"]
    assert names_in(tmp_path) == ["a.h5"]
    write_entries(tmp_path / "b.h5", 1)


def test_a_commit_that_the_disk_refused_half_way_is_completed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.h5"
    write_entries(path, 2)
    apply = _journal.Journal.apply

    def half(self, fd, pages, size):
        apply(self, fd, dict(list(pages.items())[: len(pages) // 2]), size)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(_journal.Journal, "apply", half)
    with pytest.raises(OSError, match="Input/output"):
        write_entries(path, 20, first=2)
    monkeypatch.undo()
    NexusFile(path).close()
    assert entries(path) == ["0.1", "1.1", "2.1"]
    assert names_in(tmp_path) == ["a.h5"]


def test_nothing_stays_of_a_file_that_could_not_be_begun(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    file = NexusFile(path)
    with pytest.raises(FileRefusedError, match="TypeError"), file.tree() as tree:
        tree["a"] = {1, 2}
    file.close()
    assert names_in(tmp_path) == []


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    path.write_text("precious")
    with pytest.raises(FileRefusedError, match="is no HDF5 file"):
        NexusFile(path)
    assert path.read_text() == "precious"


def test_a_damaged_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_entries(path, 1)
    path.write_bytes(path.read_bytes()[:500])
    content = path.read_bytes()
    with pytest.raises(FileRefusedError, match="cannot be opened"):
        NexusFile(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("libver", ["earliest", "v108", "latest"])
def test_files_of_others_are_continued(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver=libver, userblock_size=512) as file:
        file["theirs"] = 3
    file = NexusFile(path)
    with file.tree() as tree:
        tree["ours"] = 4
    file.sync()
    file.close()
    with h5py.File(path) as found:
        assert (found["theirs"][()], found["ours"][()]) == (3, 4)


def test_a_lock_is_told_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_entries(path, 1)
    code = "import h5py,sys; f = h5py.File(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(BlockingIOError, match=rf"opened by process {process.pid} \(python"):
            NexusFile(path)
        process.communicate()
    NexusFile(path).close()


def test_readers_are_kept_out_while_it_is_open(tmp_path: Path) -> None:
    file = NexusFile(tmp_path / "a.h5")
    file.sync()
    with pytest.raises(BlockingIOError):
        h5py.File(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", locking=False) as found:
        assert list(found) == []
    file.close()


def test_a_file_that_was_moved_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    write_entries(path, 1)
    file = NexusFile(path)
    path.rename(tmp_path / "b.h5")
    with pytest.raises(FileChangedError):
        file.sync()
    file.close()
    assert entries(tmp_path / "b.h5") == ["0.1"]


def test_what_is_written_is_read_back_before_and_after_a_commit(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    disk = Disk(tmp_path / "x")
    model = bytearray()
    for turn in range(300):
        at, length = int(rng.integers(0, 30_000)), int(rng.integers(0, 9000))
        data = rng.bytes(length)
        disk.seek(at)
        assert disk.write(data) == length
        model.extend(bytes(max(0, at + length - len(model))))
        model[at : at + length] = data
        if turn % 7 == 0:
            size = int(rng.integers(at, 40_000))
            disk.truncate(size)
            model[size:] = bytes(max(0, size - len(model)))
        begin = int(rng.integers(0, 40_000))
        buffer = bytearray(5000)
        disk.seek(begin)
        disk.readinto(buffer)
        expected = bytes(model[begin : begin + 5000])
        assert bytes(buffer[: len(expected)]) == expected
        if turn % 20 == 0:
            disk.commit()
            assert (tmp_path / "x").read_bytes() == bytes(model)
    disk.release()

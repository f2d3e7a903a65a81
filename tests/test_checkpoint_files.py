"""The file of a checkpoint: replaced as a whole, whatever happens to the process."""

import errno
import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jittor import nn

import zhusuan as zs
from zhusuan.checkpoint import files

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def net():
    return nn.Linear(3, 2)


# Saves one of two checkpoints of 4 MB over the other, again and again, in a child that is killed
# at a random moment; the file must then be one of them, whole.
KILLER = """
import zhusuan as zs
import glob, json, os, random, signal, sys, time
import jittor as jt, numpy as np
from jittor import nn

path, kills = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # Jittor's handler ends the process
random.seed(2)
kinds = []
for value in (1.0, 2.0):
    net = nn.Linear(1000, 1000)
    for var in net.parameters():
        var.update(jt.full(var.shape, value))
    kinds.append(net)
reader = nn.Linear(1000, 1000)
start = time.perf_counter()
zs.save(path, kinds[0], value=1.0)
duration = time.perf_counter() - start
found = {1.0: 0, 2.0: 0}
half_written = 0
for _ in range(kills):
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(go, b".")
            while True:
                for net, value in zip(kinds[::-1], (2.0, 1.0)):
                    zs.save(path, net, value=value)
        finally:
            os._exit(1)
    os.read(ready, 1)
    os.close(ready), os.close(go)
    time.sleep(random.uniform(0, 4 * duration))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), status
    left = glob.glob(os.path.join(os.path.dirname(path), ".*"))
    half_written += len(left)
    assert len(left) <= 1, left
    value = zs.load(path, reader)["value"]
    assert all((var.numpy() == value).all() for var in reader.parameters())
    found[value] += 1
zs.save(path, kinds[0])
assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
print(json.dumps({"found": list(found.values()), "half_written": half_written, "took": duration}))
"""


@pytest.mark.parametrize("kills", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_a_killed_save_leaves_the_old_checkpoint_or_the_new_one(kills, tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path / "a.npz"), str(kills)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout.splitlines()[-1])
    print(report)
    assert sum(report["found"]) == kills
    # Most kills hit a save half-way, or this would not be a test.
    assert report["half_written"] >= kills / 4


def test_a_full_disk_leaves_the_old_file(net, tmp_path):
    path = tmp_path / "a.npz"
    zs.save(path, net, epoch=1)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, hard))
    try:
        with pytest.raises(OSError, match="a.npz") as caught:
            zs.save(path, net, epoch=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("at", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
def test_an_interrupted_save_leaves_the_old_file(at, error, net, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    path = tmp_path / "a.npz"
    zs.save(path, net)
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(os, at, fail)
        with pytest.raises(type(error)):
            zs.save(path, net, epoch=2)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]


def test_only_stale_temporary_files_are_removed(net, tmp_path):
    token = "0123456789abcdef"
    stale = tmp_path / f".other.npz.{token}.zs-tmp"
    stale.write_bytes(b"half")
    others = [f".a.npz.{token}", f"a.{token}.zs-tmp", ".a.npz.zs-tmp", f".b.npz.{token}.tmp"]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    link = tmp_path / f".link.{token}.zs-tmp"
    link.symlink_to("a.npz")
    (tmp_path / f".folder.{token}.zs-tmp").mkdir()
    os.mkfifo(tmp_path / f".fifo.{token}.zs-tmp")

    def write(file):
        # Another save in the same folder, of another process as far as the lock is concerned.
        zs.save(tmp_path / "b.npz", net)
        file.write(b"whole")

    files.replace_file(tmp_path / "a.npz", write)
    assert (tmp_path / "a.npz").read_bytes() == b"whole"
    assert not stale.exists()
    assert all((tmp_path / name).read_bytes() == b"mine" for name in others)
    assert link.is_symlink()
    assert (tmp_path / f".folder.{token}.zs-tmp").is_dir()


def test_a_temporary_file_taken_for_a_leftover_is_made_anew(net, tmp_path, monkeypatch):
    lock, calls = files._lock, []

    def late(file, wait):
        if wait and not calls:  # another process came between open and lock
            calls.append(file)
            files.remove_leftovers(tmp_path)
        return lock(file, wait)

    monkeypatch.setattr(files, "_lock", late)
    zs.save(tmp_path / "a.npz", net, epoch=1)
    assert calls
    assert zs.load(tmp_path / "a.npz", net) == {"epoch": 1}
    assert os.listdir(tmp_path) == ["a.npz"]


def test_links_and_permissions_stay(net, tmp_path):
    (tmp_path / "real").mkdir()
    real, link = tmp_path / "real" / "a.npz", tmp_path / "link.npz"
    link.symlink_to(real)
    zs.save(link, net, epoch=1)  # to a place where nothing is yet
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(real.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    real.chmod(0o640)
    zs.save(link, net, epoch=2)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert zs.load(real, net) == zs.load(link, net) == {"epoch": 2}
    assert os.listdir(tmp_path / "real") == ["a.npz"]


def test_a_read_only_file_is_not_replaced(net, tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    zs.save(path, net)
    before = path.read_bytes()
    path.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(PermissionError, match="a.npz"):
        zs.save(path, net, epoch=2)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(net, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere/a.npz"):
        zs.save(tmp_path / "nowhere" / "a.npz", net)
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        zs.save(tmp_path, net)
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        zs.load(tmp_path, net)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="fifo"):
        zs.save(tmp_path / "fifo", net)
    with pytest.raises(TypeError):
        zs.save(None, net)


def test_long_and_odd_names(net, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("n" * 255, "ü" * 127, "a\nb.npz", ".hidden", "no suffix"):
        zs.save(name, net, name=name)
        assert zs.load(name, net) == {"name": name}
    assert len(os.listdir(tmp_path)) == 5


def test_saving_while_another_process_saves_the_same_file(net, tmp_path):
    program = (
        "import zhusuan as zs, sys\nfrom jittor import nn\nnet = nn.Linear(3, 2)\n"
        "for i in range(60): zs.save(sys.argv[1], net, i=i)"
    )
    path = tmp_path / "a.npz"
    others = [
        subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT) for _ in range(2)
    ]
    try:
        while any(other.poll() is None for other in others):
            zs.save(path, net, i=0)
            assert zs.load(path, net)["i"] in range(60)
    finally:
        assert [other.wait() for other in others] == [0, 0]
    assert os.listdir(tmp_path) == ["a.npz"]


def test_the_bytes_are_forced_to_disk_before_the_move(net, tmp_path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace

    def logged_fsync(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def logged_replace(source, target):
        done.append("move")
        assert os.path.getsize(source) > 0
        replace(source, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "replace", logged_replace)
    zs.save(tmp_path / "a.npz", net)
    assert done == ["file", "move", "folder"]


def test_a_small_checkpoint_is_small(net, tmp_path):
    zs.save(tmp_path / "a.npz", net, losses=[0.5] * 100)
    assert (tmp_path / "a.npz").stat().st_size < 20_000
    assert np.load(tmp_path / "a.npz")["net.weight"].shape == (2, 3)

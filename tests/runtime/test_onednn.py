"""oneDNN is unpacked whole, once, by whoever comes first; or done without."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import sys
import tarfile
from pathlib import Path

import pytest

from zhusuan.runtime.onednn import Archive, OneDnnPlan, prepare_onednn, unpack

LIBRARY = "dnnl_fake/lib/libmkldnn.so"


@pytest.fixture
def package(tmp_path: Path) -> tuple[Archive, Path]:
    """An archive and the folder of the package that holds it."""
    folder = tmp_path / "jittor_offline"
    folder.mkdir()
    path = folder / "dnnl_fake.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name in ("dnnl_fake/include/dnnl.hpp", LIBRARY):
            member = tarfile.TarInfo(name)
            member.size = 100_000
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return Archive(path.name, hashlib.md5(path.read_bytes()).hexdigest()), folder


def never() -> bool:
    pytest.fail("the site was asked without need")


def prepare(
    archive: Archive, mkl: Path, source: Path, env: dict[str, str] | None = None, site: bool = False
) -> OneDnnPlan:
    return prepare_onednn(env or {}, archive, mkl, [source], lambda: site)


def visible(mkl: Path) -> list[str]:
    return sorted(path.name for path in mkl.iterdir() if not path.name.endswith(".lock"))


def test_unpacks_from_package(package: tuple[Archive, Path], tmp_path: Path) -> None:
    archive, source = package
    plan = prepare_onednn({}, archive, tmp_path / "mkl", [source], never)
    assert plan.change is None
    assert str(source) in (plan.note or "")
    assert (tmp_path / "mkl" / LIBRARY).stat().st_size == 100_000
    assert visible(tmp_path / "mkl") == ["dnnl_fake"]


def test_installed_is_left_alone(package: tuple[Archive, Path], tmp_path: Path) -> None:
    archive, source = package
    library = tmp_path / "mkl" / LIBRARY
    library.parent.mkdir(parents=True)
    library.write_text("already here")
    assert prepare_onednn({}, archive, tmp_path / "mkl", [source], never) == OneDnnPlan()
    assert library.read_text() == "already here"


def test_half_unpacked_is_replaced(package: tuple[Archive, Path], tmp_path: Path) -> None:
    archive, source = package
    (tmp_path / "mkl" / "dnnl_fake" / "include").mkdir(parents=True)
    prepare(archive, tmp_path / "mkl", source)
    assert archive.is_installed(tmp_path / "mkl")
    assert visible(tmp_path / "mkl") == ["dnnl_fake"]


def test_finished_download_is_used(package: tuple[Archive, Path], tmp_path: Path) -> None:
    archive, source = package
    mkl = tmp_path / "mkl"
    mkl.mkdir()
    (source / archive.filename).rename(mkl / archive.filename)
    assert prepare_onednn({}, archive, mkl, [source, mkl], never).change is None
    assert archive.is_installed(mkl)


@pytest.mark.parametrize("state", ["missing", "corrupt"])
@pytest.mark.parametrize("site", [True, False])
def test_no_good_package(
    state: str, site: bool, package: tuple[Archive, Path], tmp_path: Path
) -> None:
    archive, source = package
    path = source / archive.filename
    if state == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    plan = prepare(archive, tmp_path / "mkl", source, site=site)
    assert not archive.is_installed(tmp_path / "mkl")
    if site:
        assert plan == OneDnnPlan()
    else:
        assert plan.change is not None
        assert plan.change[:2] == ("use_mkl", "0")
        assert "jittor-offline" in plan.change.reason


@pytest.mark.parametrize("value", ["0", ""])
def test_user_does_not_want_it(value: str, package: tuple[Archive, Path], tmp_path: Path) -> None:
    archive, source = package
    plan = prepare(archive, tmp_path / "mkl", source, env={"use_mkl": value})
    assert plan == OneDnnPlan()
    assert not (tmp_path / "mkl").exists()


def test_user_insists(package: tuple[Archive, Path], tmp_path: Path) -> None:
    archive, _ = package
    assert prepare(archive, tmp_path, tmp_path / "none", env={"use_mkl": "1"}) == OneDnnPlan()


def _unpack_at_once(barrier, results, archive: Archive, path: Path, mkl: Path) -> None:
    barrier.wait()
    unpack(archive, path, mkl)
    results.put(archive.is_installed(mkl))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has an archive to unpack")
def test_two_processes_at_once(package: tuple[Archive, Path], tmp_path: Path) -> None:
    archive, source = package
    fork = multiprocessing.get_context("fork")
    barrier, results = fork.Barrier(2), fork.SimpleQueue()
    arguments = (barrier, results, archive, source / archive.filename, tmp_path / "mkl")
    processes = [fork.Process(target=_unpack_at_once, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert [results.get(), results.get()] == [True, True]
    assert visible(tmp_path / "mkl") == ["dnnl_fake"]

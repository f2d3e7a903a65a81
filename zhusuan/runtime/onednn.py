"""oneDNN, Jittor's library for matrix products and convolutions, without a network.

Jittor downloads oneDNN at its first import. The PyPI package ``jittor_offline``, by the same
people, holds the same archive; unpacking it here, before Jittor looks, needs no network and saves
the example program that Jittor compiles and runs (on stdout) after a download.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from zhusuan.runtime.locks import file_lock
from zhusuan.runtime.report import Change


@dataclass(frozen=True)
class Archive:
    """An archive of oneDNN, as ``install_mkl`` in Jittor's ``compile_extern.py`` names it.

    :param filename: name on Jittor's site and in ``jittor_offline``.
    :param md5: checksum that Jittor expects.
    """

    filename: str
    md5: str

    @property
    def folder(self) -> str:
        """Name of the one folder in the archive."""
        return self.filename.rsplit(".", 1)[0]

    def is_installed(self, mkl: Path) -> bool:
        """Tell whether Jittor will find this oneDNN and download nothing.

        :param mkl: Jittor's folder for oneDNN.
        """
        return (mkl / self.folder / "lib" / "libmkldnn.so").is_file()

    def is_intact(self, path: Path) -> bool:
        """Tell whether ``path`` is this archive, whole.

        :param path: a file that may be missing.
        """
        return path.is_file() and hashlib.md5(path.read_bytes()).hexdigest() == self.md5


ARCHIVES = {
    ("Linux", "x86_64"): Archive("dnnl_lnx_2.2.0_cpu_gomp.tgz", "35bbbdf550a9d8ad54db798e372000f6"),
    ("Linux", "aarch64"): Archive(
        "dnnl_lnx_2.2.0_cpu_gomp_aarch64.tgz", "72cf9b0b8fd6c3c786d35a9daaee22b8"
    ),
}
"""The archives by ``(platform.system(), platform.machine())``; elsewhere Jittor is left alone."""


@dataclass(frozen=True)
class OneDnnPlan:
    """What became of oneDNN.

    :param change: ``use_mkl=0`` if there is none to be had, else None.
    :param note: what was done, if anything.
    """

    change: Change | None = None
    note: str | None = None


def prepare_onednn(
    env: Mapping[str, str],
    archive: Archive,
    mkl: Path,
    sources: Iterable[Path],
    site_answers: Callable[[], bool],
) -> OneDnnPlan:
    """Put oneDNN where Jittor looks for it, or decide to do without.

    :param env: the environment variables; ``use_mkl`` is respected.
    :param archive: the oneDNN for this machine.
    :param mkl: Jittor's folder for it, ``~/.cache/jittor/mkl``.
    :param sources: folders that may hold the archive.
    :param site_answers: tells whether Jittor's site can be reached; only called if it matters.
    """
    if env.get("use_mkl", "1") != "1" or archive.is_installed(mkl):
        return OneDnnPlan()
    for source in sources:
        path = source / archive.filename
        if archive.is_intact(path):
            unpack(archive, path, mkl)
            return OneDnnPlan(note=f"unpacked oneDNN from {path}")
    if "use_mkl" in env or site_answers():
        return OneDnnPlan()
    reason = (
        f"oneDNN ({archive.filename}) is neither in {mkl} nor, whole, in the package "
        "jittor-offline, and Jittor's site cannot be reached"
    )
    return OneDnnPlan(Change("use_mkl", "0", reason))


def unpack(archive: Archive, path: Path, mkl: Path) -> None:
    """Unpack an archive of oneDNN in one atomic step; processes doing so at once are all right.

    :param archive: which oneDNN.
    :param path: the archive file.
    :param mkl: Jittor's folder for oneDNN; made if missing.
    """
    mkl.mkdir(parents=True, exist_ok=True)
    with file_lock(mkl / ".zhusuan.lock"):
        if archive.is_installed(mkl):  # by another process, while this one waited
            return
        # Jittor takes the first folder whose name begins with "dnnl": this one must not.
        scratch = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=mkl))
        try:
            with tarfile.open(path) as tar:
                # Pythons without the "data" filter have no safer way; the MD5 was checked.
                if hasattr(tarfile, "data_filter"):
                    tar.extractall(scratch, filter="data")
                else:
                    tar.extractall(scratch)
            target = mkl / archive.folder
            if target.exists():  # what an interrupted download of Jittor's left behind
                target.rename(scratch / "incomplete")
            os.rename(scratch / archive.folder, target)
        finally:
            shutil.rmtree(scratch)

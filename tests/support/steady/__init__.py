"""The app `steady` (see `program`), and its image: this machine's own Python, no registry, nothing compiled."""

from __future__ import annotations

import functools
import io
import json
import py_compile
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

PORT = 5000
PROGRAM = Path(__file__).with_name("program.py")
BUSYBOX = Path("/bin/busybox")  # static: the shell that a Procfile's lines are run by
LAZY = ("concurrent.futures.thread", "encodings.idna", "encodings.latin_1", "traceback")  # imported when first used
CHANGES = (f"EXPOSE {PORT}", "USER 1000:1000", "ENV PATH=/bin", 'CMD ["/bin/steady", "serve"]')


@functools.cache
def steady_tar() -> bytes:
    """The image's root file system: the interpreter, the modules that the program loads, and what those link to."""
    python = Path(sys.executable).resolve()
    modules = [Path(path) for path in _modules(python)]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar, tempfile.TemporaryDirectory() as scratch:
        for directory in ("bin", "tmp", f"{sysconfig.get_path('platstdlib')[1:]}/lib-dynload"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
            tar.addfile(entry)
        for path in (python, *modules, *_linked(python, *(path for path in modules if path.suffix == ".so"))):
            tar.add(path.resolve(), str(path)[1:], filter=_of_root)
        for number, path in enumerate(path for path in modules if path.suffix == ".py"):
            compiled = Path(scratch) / str(number)
            py_compile.compile(
                str(path), str(compiled), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
            )
            name = f"{path.parent}/__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc"
            tar.add(compiled, name[1:], filter=_of_root)
        tar.add(BUSYBOX, "bin/sh", filter=_of_root)
        program = f"#!{python} -IS\n{PROGRAM.read_text()}".encode()
        entry = tarfile.TarInfo("bin/steady")
        entry.mode, entry.size = 0o755, len(program)
        tar.addfile(entry, io.BytesIO(program))
    return packed.getvalue()


def _modules(python: Path) -> list[str]:
    """The files of every module that the program has loaded, and of those it will."""
    tell = (
        "import sys, json, importlib, runpy\n"
        f"runpy.run_path({str(PROGRAM)!r})\n"
        f"[importlib.import_module(name) for name in {LAZY!r}]\n"
        "found = (getattr(module, '__file__', None) for module in list(sys.modules.values()))\n"
        "print(json.dumps(sorted({file for file in found if file and file.endswith(('.py', '.so'))})))\n"
    )
    told = subprocess.run([python, "-I", "-S", "-c", tell], check=True, capture_output=True, text=True)
    return [str(path) for path in json.loads(told.stdout)]


def _linked(*objects: Path) -> Iterator[Path]:
    """The shared libraries of programs and extension modules, and the loader."""
    listed = subprocess.run(["ldd", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    words = (word for line in listed.splitlines() if not line.endswith(":") for word in line.split())
    yield from sorted({Path(word) for word in words if word.startswith("/")})


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    return entry

"""A PostgreSQL server of a test's own, on a free loopback port."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

_SECONDS = 60.0


@contextmanager
def postgresql() -> Generator[str]:
    """Run a server, as `postgres` where we are root, and give its URL for SQLAlchemy."""
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="broker-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        initdb, postgres = _program("initdb"), _program("postgres")  # skips where there is none
        if user is not None:
            owner = pwd.getpwnam(user)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = str(Path(folder) / "data")
        as_user: Any = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        subprocess.run(  # noqa: S603 - our own command
            [initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            **as_user,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [postgres, "-D", data]
        for setting in (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories="):
            command += ["-c", setting]
        server = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_user,
        )
        try:
            _wait(port)
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            psycopg.connect(f"host=127.0.0.1 port={port} user=postgres dbname=postgres").close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                pytest.fail("PostgreSQL did not start")
            time.sleep(0.05)
        else:
            return


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is not None:
        return found
    inside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if inside:
        return str(inside[-1])
    message = f"{name} is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)

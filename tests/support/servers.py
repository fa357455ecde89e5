"""Real servers for tests, on free loopback ports: to be killed, restarted and promoted.

Each is a redis-server or a PostgreSQL server that belongs to the test that starts it. Its data is
in a folder of its own, in memory where the system has a place for that: what these tests do to a
server is SIGKILL, which loses no page that the kernel has. Where a server's program is missing the
test is skipped, and with CI=true it fails.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypedDict, cast, final

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

LOOPBACK: Final = "127.0.0.1"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only to look whether there is a folder in memory
_SECONDS_TO_START: Final = 60.0
_SECONDS_BETWEEN_ASKING: Final = 0.02


class _User(TypedDict, total=False):
    """The arguments of `subprocess` that name a user."""

    user: str
    group: str
    extra_groups: list[str | int]


def program(name: str) -> str:
    """Return the path of a server's program, which Debian keeps outside PATH for PostgreSQL."""
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


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def folder() -> Generator[Path]:
    """Make a folder that the user `postgres` can enter, and delete it with all that is in it."""
    memory = str(_MEMORY) if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(
        prefix="nitro-attest-", dir=memory, ignore_cleanup_errors=True
    ) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def wait_until(ready: Callable[[], bool], what: str) -> None:
    """Ask again and again, for a minute at most."""
    deadline = time.monotonic() + _SECONDS_TO_START
    while not ready():
        if time.monotonic() > deadline:
            pytest.fail(f"waited a minute for {what}")
        time.sleep(_SECONDS_BETWEEN_ASKING)


@final
class RedisServer:
    """A redis-server with a data folder of its own."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        """Keep the arguments; `start` starts it."""
        self.port: Final = free_port()
        self.url: Final = f"redis://{LOOPBACK}:{self.port}/0"
        self._directory = directory
        self._command = [
            *(program("redis-server"), "--port", str(self.port), "--bind", LOOPBACK),
            *("--dir", str(directory), *arguments),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command of this file
                self._command, stdout=log, stderr=log
            )
        wait_until(self._answers, "redis-server")

    def kill(self) -> None:
        """Kill the server with SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self) -> redis.Redis:
        """Return a new client, which reports what fails at once."""
        return redis.Redis(host=LOOPBACK, port=self.port, retry=Retry(NoBackoff(), 0))

    def command(self, *words: str) -> object:
        """Run one command as an operator does, and return its reply."""
        with self.client() as client:
            run = cast("Callable[..., object]", client.execute_command)  # pyright: ignore[reportUnknownMemberType] - the package leaves a part open
            return run(*words)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection((LOOPBACK, self.port)) as connection:
            connection.sendall(b"PING\r\n")  # while it loads its data it answers -LOADING
            return connection.recv(7) == b"+PONG\r\n"
        return False


@contextmanager
def redis_server(*arguments: str) -> Generator[RedisServer]:
    """Run a redis-server that saves nothing by itself, and stop it at the end."""
    with folder() as directory:
        at_once = ("--save", "", "--repl-diskless-sync-delay", "0")
        server = RedisServer(directory, *at_once, *arguments)
        try:
            server.start()
            yield server
        finally:
            server.kill()


@final
class PostgreSqlServer:
    """A PostgreSQL server with a data folder of its own. Where we are root it is `postgres`."""

    def __init__(self, directory: Path, *settings: str) -> None:
        """Keep the settings, each `name=value`. `initialize` or `copy_from` must follow."""
        self.port: Final = free_port()
        self._data = directory / f"data-{self.port}"
        self._log = directory / f"log-{self.port}"
        self._settings = settings
        self._user = "postgres" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(directory, entry.pw_uid, entry.pw_gid)

    def url(self, driver: str = "psycopg", user: str = "postgres") -> str:
        """Return the URL for SQLAlchemy."""
        return f"postgresql+{driver}://{user}@{LOOPBACK}:{self.port}/postgres"

    def initialize(self) -> None:
        """Make an empty cluster."""
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "--no-sync")

    def copy_from(self, primary: "PostgreSqlServer") -> None:
        """Make this server a streaming standby of another one."""
        connection = ["-h", LOOPBACK, "-p", str(primary.port), "-U", "postgres"]
        how = ["-R", "-X", "stream", "-c", "fast", "--no-sync"]
        self._run("pg_basebackup", *connection, "-D", str(self._data), *how)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        settings = (
            *(f"port={self.port}", f"listen_addresses={LOOPBACK}", "unix_socket_directories="),
            *self._settings,
        )
        command = [program("postgres"), "-D", str(self._data)]
        for setting in settings:
            command += ["-c", setting]
        wait_until(lambda: self._starts(command), "PostgreSQL")

    def kill(self) -> None:
        """Kill the server with SIGKILL, if it runs; its children see that and end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Stop the server and close all connections, if it runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def query(self, statement: str) -> object:
        """Run one statement outside a transaction, and return the first value it gives, if any."""
        parameters = f"host={LOOPBACK} port={self.port} user=postgres dbname=postgres"
        with psycopg.connect(parameters, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
            return None if row is None else row[0]

    def _starts(self, command: list[str]) -> bool:
        # After a SIGKILL the last children may still hold the shared memory: then it ends at once.
        if self._process is None or self._process.poll() is not None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - the command of this file
                    command, stdout=log, stderr=log, **self._as_user()
                )
        with suppress(psycopg.OperationalError):
            return self.query("SELECT 1") == 1
        return False

    def _run(self, name: str, *arguments: str) -> None:
        command = [program(name), *arguments]
        subprocess.run(  # noqa: S603 - the command of this file
            command, check=True, capture_output=True, cwd="/", **self._as_user()
        )

    def _as_user(self) -> _User:
        if self._user is None:
            return {}
        return {"user": self._user, "group": self._user, "extra_groups": []}


@contextmanager
def postgresql_server(*settings: str) -> Generator[PostgreSqlServer]:
    """Run a new PostgreSQL server, and stop it at the end."""
    with folder() as directory:
        server = PostgreSqlServer(directory, *settings)
        try:
            server.initialize()
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def standby_of(primary: PostgreSqlServer) -> Generator[PostgreSqlServer]:
    """Run a streaming standby of a server, and stop it at the end."""
    with folder() as directory:
        server = PostgreSqlServer(directory)
        try:
            server.copy_from(primary)
            server.start()
            yield server
        finally:
            server.stop()

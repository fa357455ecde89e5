"""`kill -9` in the middle of writes, ten times: no key lost, the log whole, a start by itself."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from nitro_attest_broker._cli import DATABASE_URL, main
from support.clients import kms_client
from support.postgresql import postgresql

KILLS = 10
WRITERS = 3


class Running:
    """A broker in a process of its own."""

    def __init__(self, data: Path, url: str | None) -> None:
        environment = {**os.environ, **({DATABASE_URL: url} if url else {})}
        command = [
            sys.executable,
            "-m",
            "nitro_attest_broker",
            "serve",
            "--data",
            str(data),
            "--port",
            "0",
        ]
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self.lines: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if line.startswith("listening on "):
                self.url = line.split()[-1]
                return
        pytest.fail(f"the broker did not start: {self.lines}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def client(url: str, credentials: dict[str, str]) -> Any:
    return kms_client(
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30),
        aws_access_key_id=credentials["aws_access_key_id"],
        aws_secret_access_key=credentials["aws_secret_access_key"],
    )


def write(kms: Any, name: str, made: list[str], stop: threading.Event) -> None:
    """Create, tag and rotate keys until the broker is gone; note each key that was answered."""
    number = 0
    while not stop.is_set():
        number += 1
        with suppress(ClientError, BotoCoreError):
            arn = kms.create_key(Description=f"{name} {number}")["KeyMetadata"]["Arn"]
            made.append(arn)
            kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "n", "TagValue": str(number)}])
            kms.encrypt(KeyId=arn, Plaintext=b"x")


def survives(data: Path, url: str | None) -> None:
    """Kill a broker ten times while three clients write, and look at what is left."""
    running = Running(data, url)
    words = dict(line.strip().split("=", 1) for line in running.lines if "AWS_" in line)
    credentials = {name.lower(): value for name, value in words.items()}
    made: list[str] = []
    for kill in range(KILLS):
        stop = threading.Event()
        threads = [
            threading.Thread(
                target=write,
                args=(client(running.url, credentials), f"{kill} {number}", made, stop),
            )
            for number in range(WRITERS)
        ]
        before = len(made)
        for thread in threads:
            thread.start()
        while len(made) < before + 5:
            assert running.process.poll() is None
            stop.wait(0.01)
        running.kill()
        stop.set()
        for thread in threads:
            thread.join()
        running = Running(data, url)
    kms = client(running.url, credentials)
    pages = kms.get_paginator("list_keys").paginate()
    found = {entry["KeyArn"] for page in pages for entry in page["Keys"]}
    assert set(made) <= found
    for arn in made:
        assert kms.describe_key(KeyId=arn)["KeyMetadata"]["Enabled"]
    running.kill()


def test_survives_ten_kills_on_sqlite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    survives(tmp_path, None)
    assert main(["audit", "verify", "--data", str(tmp_path)]) == 0
    assert "none missing, none changed" in capsys.readouterr().out
    assert json.loads((tmp_path / "head.json").read_text())["sequence"] > KILLS


@pytest.mark.servers
def test_survives_ten_kills_on_postgresql(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql() as url:
        survives(tmp_path, url)
        monkeypatch.setenv(DATABASE_URL, url)
        assert main(["audit", "verify", "--data", str(tmp_path)]) == 0
        assert "none missing, none changed" in capsys.readouterr().out

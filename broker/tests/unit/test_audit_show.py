"""`audit show`: which lines, in which form, and none that is not what the broker wrote."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from nitro_attest_broker import _cli
from nitro_attest_broker._audit_log import FilterError, Wanted, time_of, written
from nitro_attest_broker._chain import Line
from nitro_attest_broker._cli import main
from nitro_attest_broker._head_file import Head
from nitro_attest_broker._schema import AUDIT
from support.broker_kit import Kit

Output = pytest.CaptureFixture[str]
ARN = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000001"


@pytest.fixture
def data(tmp_path: Path, capsys: Output) -> Path:
    """Return a broker's folder with two lines in its log."""
    folder = tmp_path / "data"
    assert main(["access-key", "list", "--data", str(folder)]) == 0
    capsys.readouterr()
    return folder


def show(data: Path, *options: str) -> int:
    """Run the command."""
    return main(["audit", "show", "--data", str(data), *options])


def test_shows_json_lines_to_a_program(data: Path, capsys: Output) -> None:
    assert show(data) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["sequence"], line["event"]) for line in lines] == [
        (1, "initialised"),
        (2, "access_key_created"),
    ]


def test_shows_only_what_is_wanted(data: Path, capsys: Output) -> None:
    assert show(data, "--since", "2999-01-01T00:00:00Z") == 0
    assert show(data, "--key", ARN) == 0
    assert show(data, "--request-id", "none") == 0
    assert capsys.readouterr().out == ""


def test_shows_one_short_line_each_to_a_person(
    data: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert show(data) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[0::2] == ["1", "initialised"]
    assert second.endswith("principal=arn:aws:iam::000000000000:user/administrator")


def test_shows_only_what_is_as_the_broker_wrote_it(data: Path, capsys: Output) -> None:
    with sqlite3.connect(data / "broker.sqlite3") as connection:
        connection.execute("UPDATE audit SET entry = '{}' WHERE sequence = 2")
    connection.close()
    assert show(data) == 1
    shown = capsys.readouterr()
    assert [json.loads(line)["sequence"] for line in shown.out.splitlines()] == [1]
    assert "audit line 2: " in shown.err


def test_ends_quietly_if_nobody_reads_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    def dup2(new: int, old: int) -> None:
        ended.append((new, old))

    def open_nothing(*_: object) -> int:
        return 99

    ended: list[tuple[int, int]] = []
    monkeypatch.setattr(_cli, "_say", gone)
    monkeypatch.setattr("os.dup2", dup2)
    monkeypatch.setattr("os.open", open_nothing)
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1)
    assert show(data) == 1
    assert ended == [(99, 1)]


@pytest.mark.parametrize("text", ["yesterday", "2026-11-24T12:00:00", "2026-11-24"])
def test_a_time_needs_its_zone(data: Path, capsys: Output, text: str) -> None:
    assert show(data, "--since", text) == 1
    assert "expected a time with its zone" in capsys.readouterr().err
    with pytest.raises(FilterError):
        time_of(text)


ENTRY: dict[str, Any] = {
    "time": "2026-11-24T12:00:00.500+00:00",
    "request_id": "r",
    "operation": "Decrypt",
    "keys": [{"arn": ARN, "version": 1}],
}


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (Wanted(), True),
        (Wanted(key=ARN), True),
        (Wanted(key=ARN.rpartition("/")[2]), True),
        (Wanted(key=ARN[:-1]), False),
        (Wanted(key="1"), False),
        (Wanted(request_id="r"), True),
        (Wanted(request_id="R"), False),
        (Wanted(since=time_of("2026-11-24T12:00:00.500Z")), True),
        (Wanted(since=time_of("2026-11-24T13:00:00.501+01:00")), False),
        (Wanted(key=ARN, request_id="x"), False),
    ],
)
def test_finds(wanted: Wanted, *, matches: bool) -> None:
    assert wanted.matches(ENTRY) is matches


def test_a_line_without_a_time_is_never_hidden_by_one() -> None:
    assert Wanted(since=datetime.now(UTC)).matches({})
    assert not Wanted(key=ARN).matches({})


def test_nothing_in_a_line_steers_the_terminal() -> None:
    line = Line(Head(1, b""), {"event": "\x1b[2J\n", "reason": "ü\r"})
    assert written(line, for_person=True).isprintable()


def test_what_a_client_is_told_leads_to_its_line(kit: Kit) -> None:
    arn = kit.create_key()
    answer = kit.service.answer(kit.signed("DescribeKey", {"KeyId": arn}))
    with kit.store.reading() as connection:
        entries = connection.execute(select(AUDIT.c.entry)).scalars()
        found = [json.loads(entry) for entry in entries]
    wanted = Wanted(key=arn, request_id=answer.request_id)
    assert [line["operation"] for line in found if wanted.matches(line)] == ["DescribeKey"]

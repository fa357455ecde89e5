"""The command line of the broker."""

import argparse
import os
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nitro_attest import AWS_NITRO_ROOT_G1, TrustAnchor

from nitro_attest_broker._access_keys import (
    AccessKey,
    PrincipalError,
    find_access_key,
    list_access_keys,
)
from nitro_attest_broker._audit_log import FilterError, Wanted, time_of, written
from nitro_attest_broker._backup import BackupError, accept_database, back_up, restore
from nitro_attest_broker._chain import BrokenChainError
from nitro_attest_broker._deployment import (
    Deployment,
    FolderError,
    InUseError,
    Opened,
    create_access_key,
    make_broker,
    open_deployment,
    rotate_master_key,
)
from nitro_attest_broker._head_file import HeadFileError
from nitro_attest_broker._log import log_to_standard_error
from nitro_attest_broker._master_key import MasterKeyError
from nitro_attest_broker._opening import RolledBackError, verified_lines, verify_audit_log
from nitro_attest_broker._records import TamperedError
from nitro_attest_broker._schema import SchemaError, migrate
from nitro_attest_broker._server import DEFAULT_HOST, DEFAULT_PORT, ListenError, Listening, serve
from nitro_attest_broker._settings import SettingsError
from nitro_attest_broker._store import StoreUnavailableError
from nitro_attest_broker._trust_anchor import TrustAnchorError, read_trust_anchor

DATABASE_URL: Final = "NITRO_ATTEST_BROKER_DATABASE_URL"
_EXPECTED: Final = (
    BackupError,
    BrokenChainError,
    FilterError,
    FolderError,
    HeadFileError,
    InUseError,
    ListenError,
    MasterKeyError,
    PrincipalError,
    RolledBackError,
    SchemaError,
    SettingsError,
    StoreUnavailableError,
    TamperedError,
    TrustAnchorError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 1 with one line on standard error."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except _EXPECTED as exc:
        sys.stderr.write(f"nitro-attest-broker: {exc}\n")
        return 1
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    places = argparse.ArgumentParser(add_help=False)
    places.add_argument(
        "--data",
        type=Path,
        default=Path("nitro-attest-broker-data"),
        metavar="DIR",
        help="folder of the broker's files (default: %(default)s)",
    )
    places.add_argument("--master-key", type=Path, metavar="FILE", help="default: DIR/master.key")
    places.add_argument(
        "--master-key-fd", type=int, metavar="N", help="read the master key from a file descriptor"
    )
    places.add_argument(
        "--head",
        type=Path,
        metavar="FILE",
        help="head of the audit log, best on another disk (default: DIR/head.json)",
    )
    places.add_argument("--settings", type=Path, metavar="FILE", help="default: DIR/broker.toml")
    places.add_argument(
        "--database-url-env",
        default=DATABASE_URL,
        metavar="NAME",
        help="environment variable with the database's URL (default: %(default)s); "
        "if it is not set, SQLite in DIR",
    )
    parser = argparse.ArgumentParser(
        prog="nitro-attest-broker",
        description="A key broker that speaks KMS's protocol. Experimental: not reviewed yet.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[places], help=text, description=text)

    _describe_serve(add("serve", "answer requests"))
    access_key = commands.add_parser("access-key", help="who may sign requests")
    _describe_access_keys(access_key, places)
    audit = commands.add_parser("audit", help="the audit log").add_subparsers(
        required=True, metavar="COMMAND"
    )
    verify = "check every line; name the first break"
    audit.add_parser("verify", parents=[places], help=verify, description=verify).set_defaults(
        command=_audit_verify
    )
    show = "print the lines, each checked first; JSON lines if the output is no terminal"
    shown = audit.add_parser("show", parents=[places], help=show, description=show)
    shown.add_argument("--key", metavar="ID", help="only about this key: its id or its ARN")
    shown.add_argument("--request-id", metavar="ID", help="only the answer that a client names so")
    shown.add_argument("--since", metavar="TIME", help="such as 2026-11-24T12:00:00Z")
    shown.set_defaults(command=_audit_show)
    add("rotate-master-key", "wrap every secret under a new master key").set_defaults(
        command=_rotate
    )
    add("migrate", "bring an older database to this version").set_defaults(command=_migrate)
    for name, command, text in (
        ("backup", _backup, "write every row to a new file"),
        ("restore", _restore, "write a backup into an empty database"),
    ):
        with_file = add(name, text)
        with_file.add_argument("file", type=Path)
        with_file.set_defaults(command=command)
    accept = add("accept-database", "take a database for the newest, after a restore")
    accept.add_argument("--because", required=True, metavar="TEXT", help="for the audit log")
    accept.set_defaults(command=_accept)
    return parser


def _describe_serve(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_serve)
    parser.add_argument("--host", default=DEFAULT_HOST, help="default: %(default)s")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="default: %(default)s")
    parser.add_argument("--certificate", type=Path, metavar="FILE", help="PEM, with its chain")
    parser.add_argument("--key", type=Path, metavar="FILE", help="PEM, of the certificate")
    parser.add_argument(
        "--behind-tls-proxy",
        action="store_true",
        help="something before the broker ends TLS, and nothing else can connect",
    )
    parser.add_argument(
        "--trust-anchor",
        type=Path,
        metavar="FILE",
        help="for tests: a root certificate in place of AWS's; documents of AWS are then rejected",
    )


def _describe_access_keys(parser: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    create = commands.add_parser("create", parents=[places], help="make an access key")
    create.add_argument(
        "--principal", required=True, metavar="ARN", help="a user or a role of the account"
    )
    create.set_defaults(command=_access_key_create)
    commands.add_parser("list", parents=[places], help="list access keys").set_defaults(
        command=_access_key_list
    )
    revoke = commands.add_parser("revoke", parents=[places], help="end an access key")
    revoke.add_argument("id")
    revoke.set_defaults(command=_access_key_revoke)


def _deployment(
    options: argparse.Namespace, trust_anchor: TrustAnchor = AWS_NITRO_ROOT_G1
) -> Deployment:
    return Deployment(
        data=options.data,
        database_url=os.environ.get(options.database_url_env),
        master_key=options.master_key,
        master_key_descriptor=options.master_key_fd,
        head=options.head,
        settings=options.settings,
        trust_anchor=trust_anchor,
    )


def _serve(options: argparse.Namespace) -> None:
    listening = Listening(
        host=options.host,
        port=options.port,
        certificate=options.certificate,
        private_key=options.key,
        behind_tls_proxy=options.behind_tls_proxy,
    )
    anchor = AWS_NITRO_ROOT_G1
    if options.trust_anchor is not None:
        anchor = read_trust_anchor(options.trust_anchor)
        _say(
            f"WARNING: documents are verified under {anchor.name}, NOT under a root of AWS",
            err=True,
        )
    deployment = _deployment(options, anchor)
    with _opened(deployment) as opened:
        log_to_standard_error()
        serve(make_broker(opened), listening, started=lambda url: _say(f"listening on {url}"))


@contextmanager
def _opened(deployment: Deployment) -> Generator[Opened]:
    """Open a broker; no master key is rotated meanwhile, so nothing is wrapped by an old one."""
    deployment.prepare()
    with deployment.in_use():
        opened = open_deployment(deployment, announce=_announce)
        try:
            yield opened
        finally:
            opened.store.close()


def _announce(administrator: AccessKey) -> None:
    _show_key("administrator's access key", administrator)


def _show_key(what: str, key: AccessKey) -> None:
    _say(f"{what}, shown once, for {key.principal}:")
    _say(f"  AWS_ACCESS_KEY_ID={key.access_key_id}")
    _say(f"  AWS_SECRET_ACCESS_KEY={key.secret}")


def _access_key_create(options: argparse.Namespace) -> None:
    with _opened(_deployment(options)) as opened:
        _show_key(
            "access key", create_access_key(opened.ledger, opened.settings, options.principal)
        )


def _access_key_list(options: argparse.Namespace) -> None:
    with _opened(_deployment(options)) as opened:
        for key in list_access_keys(opened.ledger):
            created = datetime.fromtimestamp(key.created, UTC).isoformat()
            _say(f"{key.access_key_id} {key.principal} {created}")


def _access_key_revoke(options: argparse.Namespace) -> None:
    with _opened(_deployment(options)) as opened:
        found = find_access_key(opened.ledger, options.id)
        if found is None:
            raise PrincipalError("there is no such access key")
        opened.ledger.commit(
            {"event": "access_key_revoked", "time": _now(), "access_key_id": options.id},
            changes=(found[0].revoked(),),
        )
    _say(f"{options.id} is revoked")


def _audit_verify(options: argparse.Namespace) -> None:
    deployment = _deployment(options)
    store = deployment.open_store()
    try:
        head = verify_audit_log(store, deployment.read_master_key(), deployment.head_file)
    finally:
        store.close()
    _say(f"{head.sequence} lines, none missing, none changed")


def _audit_show(options: argparse.Namespace) -> None:
    wanted = Wanted(
        key=options.key,
        request_id=options.request_id,
        since=None if options.since is None else time_of(options.since),
    )
    deployment = _deployment(options)
    for_person = sys.stdout.isatty()
    store = deployment.open_store()
    try:
        for line in verified_lines(store, deployment.read_master_key(), deployment.head_file):
            if wanted.matches(line.entry):
                _say(written(line, for_person=for_person))
    finally:
        store.close()


def _rotate(options: argparse.Namespace) -> None:
    name, count = rotate_master_key(_deployment(options), announce=_announce)
    _say(f"{count} secrets are wrapped by master key {name}")


def _migrate(options: argparse.Namespace) -> None:
    store = _deployment(options).open_store()
    try:
        with store.writing() as connection:
            before = migrate(connection)
    finally:
        store.close()
    _say(f"the schema was {before}, and is up to date")


def _backup(options: argparse.Namespace) -> None:
    store = _deployment(options).open_store()
    try:
        count = back_up(store, options.file)
    finally:
        store.close()
    _say(f"{count} rows; the master key is not among them: keep it elsewhere")


def _restore(options: argparse.Namespace) -> None:
    deployment = _deployment(options)
    deployment.prepare()
    store = deployment.open_store()
    try:
        count = restore(store, options.file)
    finally:
        store.close()
    _say(f"{count} rows")


def _accept(options: argparse.Namespace) -> None:
    deployment = _deployment(options)
    with deployment.in_use(alone=True):
        store = deployment.open_store()
        try:
            entry: dict[str, object] = {
                "event": "database_accepted",
                "time": _now(),
                "because": options.because,
            }
            master = deployment.read_master_key()
            ledger = accept_database(store, master, deployment.head_file, entry)
        finally:
            store.close()
    _say(f"the database is taken for the newest, at audit line {ledger.head.sequence}")


def _say(text: str, *, err: bool = False) -> None:
    stream = sys.stderr if err else sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

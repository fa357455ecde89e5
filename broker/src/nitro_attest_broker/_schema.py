"""The tables, and the migrations that make them.

Five tables: records (keys, aliases, access keys, the broker's own secrets; their secret parts are
wrapped), the audit log, its head, the signatures of administration calls seen lately, and the
number of the schema.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    inspect,
    select,
)
from sqlalchemy.schema import CreateTable

METADATA: Final = MetaData()

RECORDS: Final = Table(
    "records",
    METADATA,
    Column("kind", String(16), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("parent", String(256), nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("content", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)
AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", Text, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)
HEAD: Final = Table(
    "head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("records_digest", LargeBinary, nullable=False),
    Column("authentication", LargeBinary, nullable=False),
)
REPLAYS: Final = Table(
    "replays",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("expires", BigInteger, nullable=False),
)
SCHEMA_VERSION: Final = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
)
_RECORDS_BY_PARENT: Final = Index("records_by_parent", RECORDS.c.kind, RECORDS.c.parent)
_REPLAYS_BY_EXPIRY: Final = Index("replays_by_expiry", REPLAYS.c.expires)


class SchemaError(Exception):
    """The database has tables of another version of the broker."""


def _make_tables(connection: Connection) -> None:
    for table in (RECORDS, AUDIT, HEAD, REPLAYS):
        # Indexes belong to later migrations; Table.create would make them as well.
        connection.execute(CreateTable(table))


def _make_indexes(connection: Connection) -> None:
    for index in (_RECORDS_BY_PARENT, _REPLAYS_BY_EXPIRY):
        index.create(connection)


MIGRATIONS: Final[tuple[Callable[[Connection], None], ...]] = (_make_tables, _make_indexes)
"""One function for each version; the database at version n has had the first n applied."""


def version_of(connection: Connection) -> int:
    """Return the version of the tables, 0 if there are none."""
    if not inspect(connection).has_table(SCHEMA_VERSION.name):
        return 0
    version: int = connection.execute(select(SCHEMA_VERSION.c.version)).scalar_one()
    return version


def migrate(connection: Connection) -> int:
    """Bring the tables to this version of the broker, and return the version they had.

    Raises:
        SchemaError: They are newer than this version of the broker.

    """
    before = version_of(connection)
    if before > len(MIGRATIONS):
        raise SchemaError(
            f"the database has schema {before}, this broker knows {len(MIGRATIONS)}: update it"
        )
    if before == 0:
        SCHEMA_VERSION.create(connection)
        connection.execute(SCHEMA_VERSION.insert().values(version=0))
    for migration in MIGRATIONS[before:]:
        migration(connection)
    connection.execute(SCHEMA_VERSION.update().values(version=len(MIGRATIONS)))
    return before


def expect_current(connection: Connection) -> None:
    """Accept only a database whose tables are those of this version.

    Raises:
        SchemaError: They are older or newer.

    """
    found = version_of(connection)
    if found != len(MIGRATIONS):
        raise SchemaError(
            f"the database has schema {found}, this broker needs {len(MIGRATIONS)}: "
            "run `nitro-attest-broker migrate`"
        )

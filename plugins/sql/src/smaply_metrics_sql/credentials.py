"""The credentials form: where the database is, who reads it, and the mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from smaply_metrics_core import Address, Credentials, Destination, FormField, Password
from smaply_metrics_sql.mapping.model import DatabaseMapping
from smaply_metrics_sql.mapping.yaml_text import MappingInvalid, read_mapping

FILES: Final = ("sqlite", "duckdb", "parquet")
POSTGRESQL: Final = "postgresql"
MARIADB: Final = "mariadb"
_SERVERS: Final = {POSTGRESQL: POSTGRESQL, "postgres": POSTGRESQL, MARIADB: MARIADB}


class Location(NamedTuple):
    """Where a database is.

    Attributes:
        engine: ``sqlite``, ``duckdb``, ``parquet``, ``postgresql`` or ``mariadb``.
        path: The file, or the folder of Parquet files; ``None`` for a server.
        address: The server and the name of the database; ``None`` for a file.
    """

    engine: str
    path: Path | None
    address: Address | None

    @classmethod
    def parse(cls, text: str) -> Location:
        """Return the location in a text.

        Raises:
            ValueError: with a sentence for people, when it is none.
        """
        engine, colon, rest = text.partition(":")
        engine = engine.lower()
        if colon and engine in FILES:
            path = Path(rest)
            if not rest.strip() or ".." in path.parts:
                raise ValueError("The path of a database must not be empty or have “..” in it")
            return cls(engine, path, None)
        if engine not in _SERVERS or not rest.startswith("//"):
            raise ValueError(
                "A database is written as postgresql://host:5432/name, mariadb://host:3306/name, "
                "sqlite:FILE, duckdb:FILE or parquet:FOLDER"
            )
        server = _SERVERS[engine]
        address = Address.parse(f"{server}:{rest}")
        if not address.path.strip("/") or "/" in address.path.strip("/") or address.query:
            raise ValueError("The address ends with the name of one database")
        return cls(server, None, address)


def _check_database(text: str) -> str:
    try:
        Location.parse(text)
    except ValueError as error:
        raise PydanticCustomError("database", "{text}.", {"text": str(error)}) from None
    return text


def _check_mapping(text: str) -> str:
    if text.strip():
        try:
            read_mapping(text)
        except MappingInvalid as error:
            raise PydanticCustomError("mapping", "{text}", {"text": str(error)}) from None
    return text


class SqlCredentials(Credentials):
    """The fields of the credentials form."""

    database: Annotated[
        str,
        AfterValidator(_check_database),
        FormField(
            label="Database",
            help="A PostgreSQL or MariaDB database that the operator allows, or a file or folder "
            "inside the folder that the operator allows.",
            placeholder="postgresql://db.example.com:5432/warehouse",
        ),
    ]
    user: Annotated[
        str,
        FormField(label="User", help="A user that may only read. Not for files."),
    ] = ""
    password: Annotated[Password, FormField(label="Password", help="Not for files.")] = SecretStr(
        ""
    )
    mapping: Annotated[
        str,
        AfterValidator(_check_mapping),
        FormField(
            label="Mapping",
            help="Which tables are surveys, as YAML. Without it, tables that look like responses "
            "are offered as they are. A proposal can be edited before it is saved.",
            keeps_secrets=True,
            multiline=True,
            proposable=True,
            columns=True,
        ),
    ] = ""

    @model_validator(mode="before")
    @classmethod
    def _without_empty_password(cls, data: Any) -> Any:  # noqa: ANN401  # The caller may pass anything.
        """Drop an empty password, which a form sends for a file."""
        if isinstance(data, dict) and data.get("password") == "":
            return {name: value for name, value in data.items() if name != "password"}
        return data

    @model_validator(mode="after")
    def _complete(self) -> SqlCredentials:
        if self.location.address is not None and not (
            self.user and self.password.get_secret_value()
        ):
            raise PydanticCustomError("incomplete", "A server requires a user and a password.")
        return self

    @property
    def location(self) -> Location:
        """Where the database is."""
        return Location.parse(self.database)

    @property
    def destination(self) -> Destination:
        """The server, or the folder that is read."""
        location = self.location
        if location.address is not None:
            return Destination(kind="address", address=location.address.url)
        assert location.path is not None  # noqa: S101  # A location has one of the two.
        folder = location.path if location.engine == "parquet" else location.path.parent
        return Destination(kind="folder", folder=folder)

    def surveys(self) -> DatabaseMapping | None:
        """Return the mapping; ``None`` if there is none."""
        return read_mapping(self.mapping) if self.mapping.strip() else None

"""What can be told before anything starts: each check passes or raises a Problem, one sentence that says what to do."""

import socket
import warnings
from collections.abc import Mapping

import environ
import psycopg
import redis

from config.embedded.terminal import Problem

ANSWER_SECONDS = 3
EXAMPLE_DATABASE_URL = "postgresql://usuario:senha@127.0.0.1:5432/vigia"
NEW_ROLE = "create role vigia login password '…' nosuperuser nobypassrls createdb"


def debug_is_on(env: Mapping[str, str]) -> None:
    """Refuse DEBUG=0: start.py brings demo data and throw-away stores. VIGIA_TESTING=1 allows it to tests and benches."""
    if env.get("DEBUG", "1").lower() not in environ.Env.BOOLEAN_TRUE_STRINGS and env.get("VIGIA_TESTING") != "1":
        raise Problem(
            "start.py é para demonstração e testes e não roda com DEBUG=0. Tire DEBUG do ambiente, ou siga o guia de "
            "produção com seu próprio PostgreSQL e Valkey."
        )


def port_is_free(port: int, option: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that is only cooling down is free
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except PermissionError:
            raise Problem(f"só o root pode abrir a porta {port}; escolha uma acima de 1023: {option} 8000.") from None
        except OSError:
            sentence = f"a porta {port} já está em uso. Feche o programa que a usa ou escolha outra: {option} {port + 10}."
            raise Problem(sentence) from None


def database_serves(url: str) -> None:
    """Connect as the application would, and refuse a role that row-level security does not bind."""
    try:
        with psycopg.connect(**_connection(url), connect_timeout=ANSWER_SECONDS) as connection:
            role, is_unbound = connection.execute(
                "select rolname, rolsuper or rolbypassrls from pg_roles where rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        raise Problem(
            f"não consegui entrar no banco de DATABASE_URL ({_first_line(error)}). "
            "Confira endereço, usuário, senha e nome do banco."
        ) from None
    if is_unbound:
        raise Problem(
            f"o usuário {role} de DATABASE_URL é superusuário (ou tem BYPASSRLS) e ignoraria a separação entre clientes. "
            f"Crie outro, dono do banco: {NEW_ROLE}."
        )


def broker_serves(url: str) -> None:
    try:
        with redis.Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS) as client:
            client.ping()
    except ValueError:
        raise Problem("REDIS_URL está malformada; o formato é redis://:senha@127.0.0.1:6379/0.") from None
    except redis.RedisError as error:
        sentence = f"o Valkey/Redis de REDIS_URL não respondeu ({_first_line(error)}). Confira endereço, porta e senha."
        raise Problem(sentence) from None


def _connection(url: str) -> dict:
    malformed = Problem(f"DATABASE_URL está malformada ou não é de PostgreSQL; o formato é {EXAMPLE_DATABASE_URL}.")
    try:
        with warnings.catch_warnings(action="ignore"):
            parsed = environ.Env.db_url_config(url)
    except ValueError:
        raise malformed from None
    if not str(parsed.get("ENGINE")).startswith("django.db.backends.postgresql") or not parsed["NAME"]:
        raise malformed
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    given = {names[key]: value for key, value in parsed.items() if key in names and value}
    return given | {key: value for key, value in parsed.get("OPTIONS", {}).items() if key == "host" or key.startswith("ssl")}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].strip(" .")

"""Keys at rest: sealed in the database, masked wherever somebody may look, revealed only on purpose."""

import io
import json
import logging
import logging.config
import sys
import traceback

import pytest
import structlog
from cryptography.fernet import Fernet
from django.conf import settings as live_settings
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.db import connection
from django.forms import modelform_factory
from django.urls import reverse
from django.views.debug import ExceptionReporter
from kombu.exceptions import EncodeError
from kombu.serialization import dumps

from channels_app.models import Channel, Server
from core.fields import MASK, Secret, UndecryptableSecret
from tests.support import people

PLAIN = "B6D711FC-plain-evolution-key"


@pytest.fixture
def server(db):
    """A server as a page or a worker has it: read from the database."""
    return Server.objects.get(pk=people.server(api_key=PLAIN).pk)


def stored(server) -> str:
    """What a thief of the database reads."""
    with connection.cursor() as cursor:
        cursor.execute("select api_key from channels_app_server where id = %s", [server.pk])
        return cursor.fetchone()[0]


def use_keys(settings, *keys: str) -> None:
    settings.FIELD_ENCRYPTION_KEYS = list(keys)


def new_key() -> str:
    return Fernet.generate_key().decode()


# --- In the database ----------------------------------------------------------------------------------------------


def test_the_database_holds_no_plain_text(server):
    assert PLAIN not in stored(server)
    assert stored(server).startswith("gAAAA")  # a Fernet token
    assert server.api_key.reveal() == PLAIN


def test_one_text_sealed_twice_looks_different(db):
    one, other = people.server(api_key=PLAIN), people.server(api_key=PLAIN)

    assert stored(one) != stored(other)


def test_no_key_is_stored_as_no_key(db):
    without = people.server(api_key="")

    assert stored(without) == ""
    assert Server.objects.get(pk=without.pk).api_key == ""


def test_a_row_saved_again_keeps_its_secret_sealed_once(server):
    before = stored(server)

    server.save()

    assert stored(server) == before
    assert Server.objects.get(pk=server.pk).api_key.reveal() == PLAIN


def test_update_and_bulk_create_seal_too(server):
    Server.objects.filter(pk=server.pk).update(api_key="another key")
    [made] = Server.objects.bulk_create([Server(name="n", base_url="https://bulk.example.com", api_key="a third key")])

    assert "another key" not in stored(server)
    assert "a third key" not in stored(made)
    assert Server.objects.get(pk=server.pk).api_key.reveal() == "another key"


def test_accents_and_long_keys_come_back_as_they_went_in(db):
    odd = "chave-ção-" + "x" * 5000

    assert Server.objects.get(pk=people.server(api_key=odd).pk).api_key.reveal() == odd


def test_a_channels_own_token_is_sealed_too(clinic):
    channel = people.channel(clinic, own_token=PLAIN)

    with connection.cursor() as cursor:
        cursor.execute("select own_token from channels_app_channel where id = %s", [channel.pk])
        assert PLAIN not in cursor.fetchone()[0]
    assert Channel.objects.get(pk=channel.pk).own_token.reveal() == PLAIN


# --- With the wrong keys it fails closed ---------------------------------------------------------------------------


def test_a_secret_that_fits_no_key_raises_and_never_becomes_an_empty_text(server, settings):
    use_keys(settings, new_key())

    with pytest.raises(UndecryptableSecret, match="FIELD_ENCRYPTION_KEYS"):
        server.api_key.reveal()


@pytest.mark.parametrize("rubbish", ["", "plain text", "gAAAAA", "gAAAAABmZ" + "x" * 90])
def test_rubbish_in_the_column_raises_as_well(server, rubbish):
    with pytest.raises(UndecryptableSecret):
        Secret(rubbish).reveal()


def test_a_secret_opened_once_is_closed_again_when_its_key_leaves_the_list(server, settings):
    assert server.api_key.reveal() == PLAIN

    use_keys(settings, new_key())

    with pytest.raises(UndecryptableSecret):
        server.api_key.reveal()


def test_old_secrets_still_open_after_a_new_key_was_put_first(server, settings):
    old = settings.FIELD_ENCRYPTION_KEYS
    use_keys(settings, new_key(), *old)

    assert server.api_key.reveal() == PLAIN


def test_the_first_key_of_the_list_seals(server, settings):
    newest = new_key()
    use_keys(settings, newest, *settings.FIELD_ENCRYPTION_KEYS)

    server.api_key = "sealed with the newest"
    server.save()

    assert Fernet(newest).decrypt(stored(server).encode()) == b"sealed with the newest"


# --- Wherever somebody may look ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "look",
    [
        str,
        repr,
        "{}".format,
        "{!r}".format,
        lambda secret: f"{secret}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: repr([secret]),
        lambda secret: repr({"key": secret}),
    ],
)
def test_a_secret_shows_a_mask(server, look):
    shown = look(server.api_key)

    assert MASK in shown
    assert PLAIN not in shown
    assert server.api_key.token not in shown


def test_the_mask_does_not_tell_how_long_the_secret_is():
    assert str(Secret.seal("a")) == str(Secret.seal("a" * 100))


def test_a_models_repr_names_no_secret(server):
    assert PLAIN not in repr(server) + str(server)
    assert server.api_key.token not in repr(server) + str(server)


def test_a_log_line_shows_the_mask(server, caplog):
    structlog.get_logger("tests").warning("the server answers", key=server.api_key, server=str(server))
    logging.getLogger("tests").warning("the key is %s", server.api_key)

    written = "\n".join(line_of(record) for record in caplog.records)
    assert written.count(MASK) == 2
    assert PLAIN not in written
    assert server.api_key.token not in written


def line_of(record: logging.LogRecord) -> str:
    """The line that the production's own formatter writes."""
    configurator = logging.config.DictConfigurator(live_settings.LOGGING)
    return configurator.configure_formatter(dict(live_settings.LOGGING["formatters"]["line"])).format(record)


def test_a_traceback_with_locals_shows_the_mask(server):
    report = everything_a_traceback_shows(breaks_with, server)

    assert MASK in report
    assert PLAIN not in report
    assert server.api_key.token not in report


def breaks_with(server):
    key = server.api_key
    raise RuntimeError(f"{key} was refused")


def everything_a_traceback_shows(call, *arguments) -> str:
    """Python's own traceback with locals, and the page and text of Django's error report."""
    try:
        call(*arguments)
    except Exception as error:
        python = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        reporter = ExceptionReporter(None, *sys.exc_info())
        frames = [variables for frame in reporter.get_traceback_frames() for variables in frame["vars"]]
        return f"{python}\n{frames}\n{reporter.get_traceback_text()}"
    raise AssertionError("nothing was raised")


def test_the_traceback_of_an_undecryptable_secret_shows_no_encryption_key(server, settings):
    unfit = new_key()
    use_keys(settings, unfit)

    report = everything_a_traceback_shows(server.api_key.reveal)

    assert "UndecryptableSecret" in report
    assert unfit not in report


def test_a_fixture_holds_neither_plain_nor_cipher_text(server, clinic):
    people.channel(clinic, own_token=PLAIN)
    for form in ("json", "xml", "jsonl"):
        fixture = io.StringIO()

        call_command("dumpdata", "channels_app", format=form, stdout=fixture)

        assert server.name in fixture.getvalue()
        assert PLAIN not in fixture.getvalue()
        assert "gAAAA" not in fixture.getvalue()


def test_a_secret_is_no_argument_for_a_task(server):
    with pytest.raises(TypeError):
        json.dumps({"key": server.api_key})
    with pytest.raises(EncodeError):
        dumps([server.api_key], serializer="json")


# --- In forms ------------------------------------------------------------------------------------------------------

ServerForm = modelform_factory(Server, fields=["name", "base_url", "api_key"])


def answered(server, **answers) -> ServerForm:
    return ServerForm({"name": server.name, "base_url": server.base_url, "api_key": ""} | answers, instance=server)


def test_a_form_never_renders_what_is_stored(server):
    page = ServerForm(instance=server).as_p()

    assert 'type="password"' in page
    assert PLAIN not in page
    assert server.api_key.token not in page


def test_a_form_that_comes_back_with_an_error_does_not_render_what_was_typed(server):
    form = answered(server, base_url="nonsense", api_key="typed just now")

    assert not form.is_valid()
    assert "typed just now" not in form.as_p()


def test_an_empty_answer_keeps_the_stored_key(server):
    answered(server, name="Renamed").save()

    again = Server.objects.get(pk=server.pk)
    assert (again.name, again.api_key.reveal()) == ("Renamed", PLAIN)


def test_a_new_answer_replaces_the_stored_key(server):
    answered(server, api_key="a new key").save()

    assert Server.objects.get(pk=server.pk).api_key.reveal() == "a new key"


def test_an_empty_answer_is_no_change(server):
    assert answered(server).changed_data == []


# --- In the admin --------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(client, operator):
    client.force_login(operator)
    return client


def change(server) -> str:
    return reverse("admin:channels_app_server_change", args=[server.pk])


def posted(server, **answers) -> dict:
    return {"name": server.name, "kind": "evolution", "base_url": server.base_url, "api_key": ""} | answers


def test_the_admin_never_renders_what_is_stored(desk, server):
    page = desk.get(change(server)).content.decode()

    assert 'name="api_key"' in page
    assert PLAIN not in page
    assert server.api_key.token not in page


def test_the_admins_history_names_the_field_and_not_the_key(desk, server):
    desk.post(change(server), posted(server, api_key="typed just now"))

    told = LogEntry.objects.get()
    for words in (told.change_message, told.object_repr, told.get_change_message()):
        assert "typed just now" not in words
        assert PLAIN not in words
    assert Server.objects.get(pk=server.pk).api_key.reveal() == "typed just now"


def test_the_admins_history_tells_of_no_new_key_where_none_was_typed(desk, server):
    desk.post(change(server), posted(server, name="Renamed"))

    [told] = json.loads(LogEntry.objects.get().change_message)
    assert len(told["changed"]["fields"]) == 1


# --- The key follows the host --------------------------------------------------------------------------------------


@pytest.fixture
def evolution(db):
    return Server.objects.get(pk=people.server(base_url="https://evolution.example.com/api", api_key=PLAIN).pk)


def key_after(server, **answers):
    form = answered(server, **answers)
    assert form.is_valid(), form.errors
    form.save()
    key = Server.objects.get(pk=server.pk).api_key
    return key.reveal() if key else ""


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("http://evolution.example.com/api", id="scheme"),
        pytest.param("https://evil.example.com/api", id="host"),
        pytest.param("https://evolution.example.com.evil.example/api", id="a longer host"),
        pytest.param("https://evolution.example.com:8443/api", id="port"),
    ],
)
def test_a_server_that_moves_loses_its_key(evolution, address):
    assert key_after(evolution, base_url=address) == ""


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://evolution.example.com/other", id="path"),
        pytest.param("https://evolution.example.com", id="no path"),
        pytest.param("https://evolution.example.com:443/api", id="the same port, said aloud"),
        pytest.param("HTTPS://Evolution.Example.com/api/", id="another spelling"),
    ],
)
def test_a_server_that_stays_on_its_host_keeps_its_key(evolution, address):
    assert key_after(evolution, base_url=address) == PLAIN


def test_a_key_typed_with_the_new_address_stays(evolution):
    assert key_after(evolution, base_url="https://new.example.com", api_key="typed just now") == "typed just now"


def test_an_address_is_stored_rebuilt(evolution):
    answered(evolution, base_url="HTTPS://Evolution.Example.COM:443/api/").save()

    assert Server.objects.get(pk=evolution.pk).base_url == "https://evolution.example.com/api"


def test_an_address_with_user_and_password_is_refused_in_one_sentence(evolution):
    form = answered(evolution, base_url="https://user:pass@evolution.example.com")

    assert not form.is_valid()
    assert set(form.errors) == {"base_url"}
    assert len(form.errors["base_url"]) == 1
    assert "user:pass" not in str(form.errors)

"""The vocabulary: every cause of the agreed table is there, and every step reads as a whole sentence."""

from itertools import product

import pytest
from django.utils import translation

from incidents import advice
from incidents.advice import Subject
from incidents.causes import CAUSES, Acts
from incidents.models import Incident, IncidentEvent
from incidents.readings import Status

OPEN, CONNECTING, QR = Status.OPEN, Status.CONNECTING, Status.QR_PENDING
DISCONNECTED, ERROR, UNKNOWN = Status.DISCONNECTED, Status.ERROR, Status.UNKNOWN
CLINIC, OPERATOR, OWNER, TIME, NOBODY = Acts.CLINIC, Acts.OPERATOR, Acts.OWNER, Acts.TIME, Acts.NOBODY

AGREED = {
    "connected": ([OPEN], NOBODY),
    "not_verifiable": ([UNKNOWN], NOBODY),
    "not_looked_at": ([UNKNOWN], NOBODY),
    "reconnecting": ([CONNECTING], TIME),
    "stuck_connecting": ([CONNECTING], OPERATOR),
    "starting": ([CONNECTING], TIME),
    "awaiting_scan": ([QR], CLINIC),
    "logged_out": ([DISCONNECTED, QR], CLINIC),
    "logged_out_by_command": ([DISCONNECTED], CLINIC),
    "banned": ([DISCONNECTED], CLINIC),
    "qr_expired": ([DISCONNECTED], CLINIC),
    "never_paired": ([DISCONNECTED], CLINIC),
    "network_lost": ([DISCONNECTED], OPERATOR),
    "replaced": ([DISCONNECTED], OPERATOR),
    "reason_unknown": ([DISCONNECTED], CLINIC),
    "not_loaded": ([ERROR], OPERATOR),
    "server_unreachable": ([ERROR], OPERATOR),
    "server_error": ([ERROR], OPERATOR),
    "key_rejected": ([ERROR], OWNER),
    "instance_missing": ([ERROR], OPERATOR),
    "wrong_address": ([ERROR], OWNER),
    "invalid_answer": ([ERROR], OPERATOR),
    "unknown_state": ([ERROR], OPERATOR),
    "certificate": ([ERROR], OPERATOR),
    "address_refused": ([ERROR], OWNER),
    "zombie": ([ERROR], OPERATOR),
    "unstable": ([], OPERATOR),
    "wrong_number": ([OPEN], CLINIC),
}
SUPPORT_HAS_BEEN_TOLD = "Support has already been told."
WORDS_A_CLINIC_DOES_NOT_KNOW = ("channel", "instance", "session", "gateway", "Evolution", "HTTP", "apikey", "{", "}")


@pytest.fixture(autouse=True)
def in_english(settings):
    settings.SUPPORT_NAME, settings.SUPPORT_CONTACT = "Ana", "(11) 4000-0000"
    with translation.override("en"):
        yield


def subject(*, operators_server: bool = True, **fields: object) -> Subject:
    facts = {
        "channel_id": 7,
        "tenant_id": 3,
        "tenant_slug": "aurora",
        "tenant_name": "Clínica Aurora",
        "name": "Recepção",
        "server_name": "Principal",
        "server_host": "10.0.0.7",
        "server_is_the_operators": operators_server,
        "alerts_enabled": True,
    }
    return Subject(**(facts | fields))


def clinic_reads(code: str, *, operators_server: bool = True, support_knows: bool = False, **fields: object) -> str:
    return str(advice.clinic_step(code, subject(operators_server=operators_server, **fields), support_knows=support_knows))


def operator_reads(code: str, *, number: int | None = 440, received: str = "refused") -> str:
    return str(advice.operator_step(code, subject(), number=number, received=received))


# --- The table -----------------------------------------------------------------------------------------------------


def test_the_vocabulary_is_the_agreed_one():
    assert set(CAUSES) == set(AGREED)


@pytest.mark.parametrize("code", AGREED)
def test_a_cause_comes_with_its_status_and_its_actor(code):
    statuses, acts = AGREED[code]

    assert (code, list(CAUSES[code].statuses), CAUSES[code].acts) == (code, statuses, acts)


@pytest.mark.parametrize("code", AGREED)
def test_a_cause_has_a_title_that_fits_its_column(code):
    assert str(CAUSES[code].title)
    assert len(code) <= Incident._meta.get_field("cause").max_length
    assert len(code) <= IncidentEvent._meta.get_field("cause").max_length


def test_every_unhealthy_status_has_a_kind_of_incident():
    assert {CONNECTING, QR, DISCONNECTED, ERROR} <= set(Incident.Kind.values)


# --- Who acts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [code for code, (_statuses, acts) in AGREED.items() if acts is OWNER])
def test_what_the_owner_must_do_falls_to_whoever_owns_the_server(code):
    assert advice.who_acts(code, subject(operators_server=True)) is OPERATOR
    assert advice.who_acts(code, subject(operators_server=False)) is CLINIC


@pytest.mark.parametrize(
    ("code", "owned"), list(product([c for c, (_s, acts) in AGREED.items() if acts is not OWNER], [True, False]))
)
def test_everything_else_is_the_same_whoever_owns_the_server(code, owned):
    assert advice.who_acts(code, subject(operators_server=owned)) is AGREED[code][1]


# --- Sentences -----------------------------------------------------------------------------------------------------

EVERY_STEP = list(product(AGREED, [True, False], [True, False]))


@pytest.mark.parametrize(("code", "operators_server", "support_knows"), EVERY_STEP)
def test_a_clinics_step_is_whole_and_in_words_that_a_clinic_knows(code, operators_server, support_knows):
    step = clinic_reads(code, operators_server=operators_server, support_knows=support_knows)

    assert not [word for word in WORDS_A_CLINIC_DOES_NOT_KNOW if word in step]
    assert step == step.strip()
    assert "  " not in step
    assert bool(step) == (code != "connected")


@pytest.mark.parametrize(("code", "operators_server"), list(product(AGREED, [True, False])))
def test_support_is_said_to_know_only_where_it_does(code, operators_server):
    assert SUPPORT_HAS_BEEN_TOLD not in clinic_reads(code, operators_server=operators_server, support_knows=False)


@pytest.mark.parametrize("code", [code for code, (_statuses, acts) in AGREED.items() if acts in (OPERATOR, OWNER)])
def test_where_the_operator_acts_a_clinic_reads_that_support_knows_or_how_to_reach_it(code):
    assert SUPPORT_HAS_BEEN_TOLD in clinic_reads(code, support_knows=True)
    assert "Talk to Ana ((11) 4000-0000)." in clinic_reads(code, support_knows=False)


@pytest.mark.parametrize("code", [code for code, (_statuses, acts) in AGREED.items() if acts is OWNER])
def test_a_clinic_with_a_server_of_its_own_is_not_told_that_support_will_see_to_it(code):
    assert SUPPORT_HAS_BEEN_TOLD not in clinic_reads(code, operators_server=False, support_knows=True)


@pytest.mark.parametrize("code", [code for code in AGREED if CAUSES[code].button_step])
def test_while_a_steps_button_is_not_there_the_way_to_support_is_shown(code):
    assert not advice.BUTTONS_ARE_THERE, "the buttons are there: test that each step names its own"
    step = clinic_reads(code, operators_server=False)

    assert step.lower().endswith("talk to ana ((11) 4000-0000).")
    assert "Tap Re" not in step.replace("tap Request a review", "")


@pytest.mark.parametrize("code", AGREED)
@pytest.mark.parametrize("number", [None, 401, 503])
def test_an_operators_step_is_whole(code, number):
    step = operator_reads(code, number=number)

    assert "{" not in step
    assert "}" not in step
    assert "None" not in step
    assert bool(step) or AGREED[code][1] is not OPERATOR


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        ("banned", "440"),
        ("server_error", "440"),
        ("server_unreachable", "Principal"),
        ("key_rejected", "Principal"),
        ("address_refused", "10.0.0.7"),
        ("invalid_answer", '"refused"'),
        ("unknown_state", '"refused"'),
    ],
)
def test_an_operators_step_names_the_fact_that_matters(code, fact):
    assert fact in operator_reads(code)


def test_a_code_that_is_not_known_is_a_question_mark():
    assert operator_reads("banned", number=None) == "Code ?"


@pytest.mark.parametrize("code", ["server_error", "server_unreachable"])
@pytest.mark.parametrize("language", ["en", "pt-br"])
def test_of_a_server_what_is_not_known_is_left_out(code, language):
    with translation.override(language):
        step = operator_reads(code, number=None, received="")

    assert step
    assert not set("?()0123456789{}") & set(step)


@pytest.mark.parametrize("odd", ["{code}", "{", "}{0}", "{server.__class__}", "100%", "%(code)s"])
def test_what_a_server_or_a_person_wrote_is_shown_as_it_is(odd):
    assert odd in operator_reads("unknown_state", received=odd)
    assert odd in str(advice.operator_step("key_rejected", subject(server_name=odd), number=401, received=""))


@pytest.mark.parametrize("odd", ["{code}", "{", "}{0}"])
def test_a_supports_name_is_shown_as_it_is(odd, settings):
    settings.SUPPORT_NAME = odd

    assert odd in clinic_reads("replaced")
    assert odd in clinic_reads("logged_out")


def test_support_without_a_name_is_called_support(settings):
    settings.SUPPORT_NAME = settings.SUPPORT_CONTACT = ""

    assert clinic_reads("replaced") == "Talk to support."


def test_a_sentence_is_rendered_in_the_language_of_its_reader():
    """Lazy until the end: `announce` renders one text once per reader."""
    step = advice.clinic_step("logged_out", subject(), support_knows=False)

    assert not isinstance(step, str)

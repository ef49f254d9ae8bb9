"""Who is told, in whose language and in which clinic's time."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import get_language

from incidents import ledger
from notifications import announce
from notifications.announce import Audience, Notice, Text
from notifications.models import Notification
from tenants.models import Tenant
from tests.support import people
from tests.support.readings import MINUTE, NOON, bad, recovered

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def notice(tenant, **fields):
    """A notice that says in which language and zone it was rendered."""
    spoken = lazy(lambda: f"{get_language()} {timezone.get_current_timezone_name()}", str)()
    texts = {Audience.CLINIC: Text(spoken, "clinic")}
    return Notice(
        **{"dedupe_key": "k", "event": "warning", "tenant_id": tenant.pk, "incident_id": None, "texts": texts, "link": ""}
        | fields
    )


def titles():
    return dict(Notification.objects.values_list("user_id", "title"))


def test_a_person_is_told_once_however_often_it_is_said(clinic, admin):
    assert announce.tell([notice(clinic)], at=AT) == {"k": [admin.pk]}
    assert announce.tell([notice(clinic)], at=AT) == {}
    assert announce.tell([notice(clinic, dedupe_key="another")], at=AT) == {"another": [admin.pk]}


def test_a_row_is_rendered_in_the_readers_language_and_the_clinics_zone(clinic):
    clinic.time_zone = "America/Manaus"
    clinic.save()
    here, abroad = people.admin_of(clinic), people.admin_of(clinic, language="en")
    announce.tell([notice(clinic)], at=AT)
    assert titles() == {here.pk: "pt-br America/Manaus", abroad.pk: "en America/Manaus"}


def test_a_zone_that_this_machine_does_not_know_keeps_nobody_from_being_told(clinic, admin):
    Tenant.objects.update(time_zone="Mars/Olympus_Mons")
    announce.tell([notice(clinic)], at=AT)
    assert titles() == {admin.pk: "pt-br America/Sao_Paulo"}


def test_an_operator_who_is_also_the_clinics_admin_reads_the_operators_text_once(clinic):
    both = people.admin_of(clinic, is_saas_admin=True)
    texts = {Audience.CLINIC: Text("for the clinic", ""), Audience.OPERATOR: Text("for the operator", "")}
    announce.tell([notice(clinic, texts=texts)], at=AT)
    assert titles() == {both.pk: "for the operator"}


def test_an_audience_without_a_text_is_not_told(clinic, admin, operator):
    announce.tell([notice(clinic)], at=AT)
    assert set(titles()) == {admin.pk}


def test_only_those_named_are_told(clinic, admin):
    named = people.admin_of(clinic)
    announce.tell([notice(clinic, only=[named.pk])], at=AT)
    assert set(titles()) == {named.pk}


def test_nothing_to_say_asks_the_database_nothing(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        assert announce.tell([], at=AT) == {}


# What is said of an outage


@pytest.fixture
def channel(clinic):
    return people.channel(clinic, name="Recepção")


def test_the_clinic_reads_what_happened_since_when_and_what_to_do(channel, admin):
    ledger.open_incidents([bad(channel)])
    told = Notification.objects.get()
    assert told.title == "Recepção: O sistema foi desconectado deste WhatsApp"
    assert told.body.startswith("Fora desde ")
    assert told.body.endswith("mas as mensagens automáticas não saem. Fale com o suporte.")
    assert told.link == f"/incidentes/{told.incident_id}/?clinica={channel.tenant.slug}"


def test_support_knows_only_where_an_operator_was_told(channel, admin):
    ledger.open_incidents([bad(channel, "network_lost")])
    assert Notification.objects.get(user=admin).body.endswith("Fale com o suporte.")


def test_support_knows_where_an_operator_was_told(channel, admin, operator):
    ledger.open_incidents([bad(channel, "network_lost")])
    assert Notification.objects.get(user=admin).body.endswith("O suporte já foi avisado.")
    assert "não apague a instância" in Notification.objects.get(user=operator).body


def test_the_recovery_says_how_long_and_which_reminders_to_check(channel, admin):
    ledger.open_incidents([bad(channel, at=NOON, started_at=NOON - 25 * MINUTE)])
    ledger.resolve_incidents([recovered(channel, at=NOON)])  # 9 in the morning in São Paulo

    assert Notification.objects.get(event="resolved").body == (
        "Voltou às 09:00, depois de 25min. Confira os lembretes entre 08:35 e 09:00."
    )


def test_the_support_named_in_the_settings_is_the_one_named_in_the_step(channel, admin, settings):
    settings.SUPPORT_NAME, settings.SUPPORT_CONTACT = "Marina", "(11) 90000-0000"
    ledger.open_incidents([bad(channel)])
    assert Notification.objects.get().body.endswith("Fale com Marina ((11) 90000-0000).")


def test_a_contact_that_is_a_link_is_read_as_the_number_it_leads_to(channel, admin, settings):
    settings.SUPPORT_NAME, settings.SUPPORT_CONTACT = "Marina", "tel:+5511900000000"
    ledger.open_incidents([bad(channel)])
    assert Notification.objects.get().body.endswith("Fale com Marina (+5511900000000).")


@pytest.mark.parametrize("name", ["{0}", "{support}", "<script>", "%s", "Recepção {"])
def test_a_number_with_braces_in_its_name_is_told_as_it_is(name, clinic, admin):
    ledger.open_incidents([bad(people.channel(clinic, name=name))])
    assert Notification.objects.get().title.startswith(f"{name}: ")

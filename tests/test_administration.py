"""The administration as a whole: it warns while nobody looks, and speaks Portuguese where its packages do not."""

import html
import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin as site
from django.db.models import GeneratedField
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from channels_app import bell
from channels_app.models import Channel, ConnectionPeriod, Pulse, Server, Sweep, Watch
from incidents.models import Incident
from notifications.models import Notification
from tenants.models import Membership, Tenant, User
from tests.support import people

BEAT = [PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule]
OF_PACKAGES = [*BEAT, Authenticator]
OURS = [Server, Channel, Watch, ConnectionPeriod, Sweep, Pulse, Incident, Notification, User, Tenant, Membership]
ENGLISH = re.compile(
    r"\b(?:the|to|of|for|with|when|which|this|that|is|are|be|will|only|selected|select|every|type|user|created|used|enabled?|disable"
    r"|run|task|schedule|scheduler|clocked|authenticators?|mfa|true|false|date|datetime|day|days|hours?|minutes?|seconds"
    r"|readable|translation|queue|priority|expires|event|dawn|dusk|noon|sunrise|sunset|arguments|description|last|name|please)\b",
    re.IGNORECASE,
)
AS_IT_IS = re.compile(
    r"(?i)[A-Z]\w+/[\w/ -]+|\(m/h/dM/MY/d\)|channels_app\.tasks\.ring|ring the watch|proj\.tasks\.\w+|import_contacts"
)


@pytest.fixture
def desk(client, operator):
    """The operator, signed in, whose browser asks for Portuguese."""
    client.force_login(operator)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "pt-br"
    return client


@pytest.fixture
def ring(db):
    every = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.SECONDS)
    return PeriodicTask.objects.create(name="ring the watch", task=bell.RING, interval=every)


def page(model, name: str, *ids) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=ids)


# --- While nobody looks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["admin:index", "admin:channels_app_channel_changelist", "admin:channels_app_channel_add"])
def test_each_page_warns_while_the_tick_is_off_and_leads_to_where_it_is_switched_on(desk, ring, clinic, address):
    people.channel(clinic)
    assert banner(desk.get(reverse(address))) == ""

    PeriodicTask.objects.filter(pk=ring.pk).update(enabled=False)

    warning = banner(desk.get(reverse(address)))
    assert "Sem verificação desde" in warning
    assert f'href="{page(PeriodicTask, "changelist")}"' in warning


def test_it_warns_while_looks_are_overdue(desk, ring, clinic):
    channel = people.channel(clinic)
    an_hour_ago = timezone.now() - timedelta(hours=1)
    Watch.objects.create(channel=channel, tenant=clinic, next_look_at=an_hour_ago, seen_server=channel.server_id)

    assert "Sem verificação desde" in banner(desk.get(reverse("admin:index")))


def banner(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode().partition('blind" role="alert">')[2].partition("</div>")[0]


# --- In Portuguese -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.model_name)
def test_every_field_of_ours_has_a_name_for_people(model):
    shown = [field for field in model._meta.fields if field.name != "id" and not isinstance(field, GeneratedField)]
    unnamed = [field.name for field in shown if field.editable and not isinstance(field.verbose_name, Promise)]
    assert unnamed == []


def test_the_buttons_beside_a_clinic_suit_its_gender(desk):
    text = html.unescape(desk.get(reverse("admin:channels_app_channel_add")).content.decode())
    assert "Alterar: clínica" in text
    assert "selecionado" not in text


def test_the_index_holds_no_english_word(desk, ring):
    assert english(desk.get(reverse("admin:index"))) == []


@pytest.mark.parametrize("model", OF_PACKAGES, ids=lambda model: model.__name__)
def test_what_packages_bring_untranslated_is_in_portuguese(desk, ring, operator, model):
    CrontabSchedule.objects.create()
    SolarSchedule.objects.create(event="sunset", latitude=1, longitude=1)
    ClockedSchedule.objects.create(clocked_time=timezone.now())
    Authenticator.objects.create(user=operator, type=Authenticator.Type.TOTP, data={}, last_used_at=timezone.now())
    row = model.objects.first()
    addresses = [page(model, "changelist"), page(model, "change", row.pk), page(model, "delete", row.pk)]
    if site.site._registry[model].has_add_permission(desk.get("/admin/").wsgi_request):
        addresses.append(page(model, "add"))

    assert {address: english(desk.get(address)) for address in addresses} == {address: [] for address in addresses}


def english(answer) -> list[str]:
    """The texts that somebody would read, or hear, in English."""
    assert answer.status_code == 200
    source = re.sub(
        r'<(script|style)\b.*?</\1>|<span class="material-symbols.*?</span>', " ", answer.content.decode(), flags=re.DOTALL
    )
    source = source.partition("<title>")[2]
    texts = re.split(r"<(?:[^>\"]|\"[^\"]*\")*>", source) + re.findall(
        r'\b(?:title|aria-label|placeholder|alt)="([^"]*)"', source
    )
    words = {" ".join(html.unescape(text).split()) for text in texts}
    return sorted(text for text in words if ENGLISH.search(AS_IT_IS.sub("", text)))

"""The inbox: what a person was told, what of it they have read, and the way on from there."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents import ledger
from incidents.models import Incident
from notifications import announce, inbox
from notifications.announce import Audience, Notice, Text
from notifications.models import Notification
from tenants.models import Membership
from tests.support import people
from tests.support.readings import MINUTE, NOON, bad

INBOX = reverse("inbox")


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


@pytest.fixture
def told(channel, admin):
    """What the clinic's admin was told of an incident."""
    ledger.open_incidents([bad(channel)])
    return Notification.objects.get(user=admin)


def tell(person, clinic, number):
    """Tell a person so many things, a minute apart."""
    incident = Incident.objects.first()
    Notification.objects.bulk_create(
        Notification(
            user=person,
            tenant=clinic,
            incident=incident,
            event="opened",
            title=f"Aviso {minute}",
            body="-",
            dedupe_key=f"k{minute}",
            created_at=NOON + minute * MINUTE,
        )
        for minute in range(number)
    )


def unread_in_the_menu(response):
    return set(re.findall(r'id="count-inbox-(?:side|tab)"[^>]*?(hidden)?>(\d+)', response.content.decode()))


@pytest.fixture
def as_admin(client, admin):
    client.force_login(admin)
    return client


def test_what_is_new_is_marked_and_counted(told, as_admin):
    response = as_admin.get(INBOX)
    assert told.title in response.content.decode()
    assert 'class="unread"' in response.content.decode()
    assert unread_in_the_menu(response) == {("", "1")}


def test_an_alert_leads_to_its_incident_and_is_read_by_that(told, as_admin):
    response = as_admin.get(reverse("notification", args=[told.pk]))

    assert response["Location"] == f"/incidentes/{told.incident_id}/?clinica={told.tenant.slug}"
    assert as_admin.get(response["Location"]).status_code == 200
    told.refresh_from_db()
    assert told.read_at is not None
    assert unread_in_the_menu(as_admin.get(INBOX)) == {("hidden", "0")}


def test_the_way_leads_through_the_door(told, client):
    url = reverse("notification", args=[told.pk])
    response = client.get(url)
    assert response.status_code == 302
    assert url in response["Location"]
    told.refresh_from_db()
    assert told.read_at is None


def test_marking_twice_keeps_the_first_moment(told, as_admin, admin):
    as_admin.post(reverse("mark-read", args=[told.pk]))
    first = Notification.objects.get(pk=told.pk).read_at
    as_admin.post(reverse("mark-read", args=[told.pk]))
    assert Notification.objects.get(pk=told.pk).read_at == first
    assert not inbox.mark_read(told.pk, by=admin, tenant_id=told.tenant_id, at=NOON)


def test_marking_all_leaves_what_came_after_the_page(told, as_admin, admin, clinic):
    tell(admin, clinic, 3)
    seen = Notification.objects.order_by("pk")[2].pk

    as_admin.post(reverse("mark-all-read"), {"ate": seen})

    assert Notification.objects.filter(read_at=None).count() == 1


@pytest.mark.parametrize("nonsense", ["", "abc", "1e9", "-1", "9" * 40, "²"])
def test_marking_all_with_nonsense_marks_all(nonsense, told, as_admin):
    as_admin.post(reverse("mark-all-read"), {"ate": nonsense})
    assert not Notification.objects.filter(read_at=None).exists()


def test_marking_all_is_for_ones_own_alone(channel, told, clinic, client):
    colleague = people.admin_of(clinic)
    client.force_login(colleague)
    client.post(reverse("mark-all-read"))
    told.refresh_from_db()
    assert told.read_at is None


def test_a_person_in_two_clinics_reads_those_of_the_one_they_look_at(clinic, other_clinic, client):
    both = people.admin_of(clinic, other_clinic)
    ledger.open_incidents([bad(people.channel(clinic)), bad(people.channel(other_clinic))])
    client.force_login(both)

    for tenant in (clinic, other_clinic):
        listed = client.get(f"{INBOX}?clinica={tenant.slug}").context["page"].object_list
        assert [letter.tenant_id for letter in listed] == [tenant.pk]
        assert unread_in_the_menu(client.get(reverse("unread-count"))) == {("", "1")}


def of_two_clinics(clinic, other_clinic, *down):
    """Somebody in both, who was told of a number of each of these."""
    both = people.admin_of(clinic, other_clinic)
    ledger.open_incidents([bad(people.channel(tenant)) for tenant in down])
    return both


def test_news_of_the_other_clinic_are_counted_beside_it_and_lead_there(clinic, other_clinic, client):
    client.force_login(of_two_clinics(clinic, other_clinic, other_clinic, other_clinic))

    response = client.get(f"{INBOX}?clinica={clinic.slug}")

    assert unread_in_the_menu(response) == {("hidden", "0")}
    [elsewhere] = response.context["frame"].elsewhere
    assert (elsewhere.label, elsewhere.count) == (other_clinic.name, 2)
    assert f'<a href="{elsewhere.url}">' in response.content.decode()
    assert len(client.get(elsewhere.url).context["page"]) == 2


def test_the_top_bar_counts_them_and_every_page_polls_that(clinic, other_clinic, client):
    client.force_login(of_two_clinics(clinic, other_clinic, other_clinic))
    for url in (f"{INBOX}?clinica={clinic.slug}", reverse("unread-count")):
        shown = re.findall(r'id="count-([\w-]+)-top"[^>]*?(hidden)?>(\d+)', client.get(url).content.decode())
        assert shown == [("elsewhere", "", "1"), (f"clinic-{other_clinic.pk}", "", "1")]


def test_the_clinic_looked_at_is_not_elsewhere(clinic, other_clinic, client):
    client.force_login(of_two_clinics(clinic, other_clinic, clinic))
    frame = client.get(f"{INBOX}?clinica={clinic.slug}").context["frame"]
    assert frame.elsewhere == []
    assert frame.unread_elsewhere.count == 0
    assert [(item.label, item.count, item.is_current) for item in frame.choices] == [
        (clinic.name, 1, True),
        (other_clinic.name, 0, False),
    ]


def test_what_was_read_or_is_a_colleagues_or_of_a_clinic_one_has_left_is_no_news(clinic, other_clinic, client):
    both = of_two_clinics(clinic, other_clinic, other_clinic)
    people.admin_of(other_clinic)
    Notification.objects.update(read_at=NOON)
    third = people.clinic("Clínica de antes")
    membership = Membership.objects.create(user=both, tenant=third, role=Membership.Role.CLINIC_ADMIN)
    ledger.open_incidents([bad(people.channel(third))])
    membership.is_active = False
    membership.save()
    client.force_login(both)
    assert client.get(INBOX).context["frame"].elsewhere == []


def test_who_has_one_clinic_pays_nothing_for_the_others(told, as_admin):
    with CaptureQueriesContext(connection) as asked:
        frame = as_admin.get(INBOX).context["frame"]
    assert (frame.choices, frame.unread_elsewhere) == ([], None)
    assert not [query for query in asked if "GROUP BY" in query["sql"]]


def test_two_clinics_cost_one_count_for_both(clinic, other_clinic, client):
    client.force_login(of_two_clinics(clinic, other_clinic, clinic, other_clinic))
    client.get(INBOX)
    with CaptureQueriesContext(connection) as asked:
        client.get(reverse("unread-count"))
    counts = [query["sql"] for query in asked if "notifications_notification" in query["sql"]]
    assert len(counts) == 1


def test_a_link_to_the_other_clinic_switches_to_it(clinic, other_clinic, client):
    both = people.admin_of(clinic, other_clinic)
    ledger.open_incidents([bad(people.channel(other_clinic))])
    letter = Notification.objects.get(user=both)
    client.force_login(both)
    client.get(f"{INBOX}?clinica={clinic.slug}")

    assert client.get(letter.link).status_code == 200


def test_a_warning_without_a_link_leads_back_to_the_inbox(operator, client):
    notice = Notice(
        dedupe_key="w", event="warning", tenant_id=None, incident_id=None, texts={Audience.OPERATOR: Text("t", "b")}, link=""
    )
    announce.tell([notice], at=NOON)
    client.force_login(operator)
    assert client.get(reverse("notification", args=[Notification.objects.get().pk]))["Location"] == INBOX


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_after_marking_one_is_led_nowhere_else(elsewhere, told, as_admin):
    response = as_admin.post(reverse("mark-read", args=[told.pk]), {"next": elsewhere})
    assert response["Location"] == INBOX


def test_an_empty_inbox_says_what_will_come(as_admin, channel):
    assert 'class="empty' in as_admin.get(INBOX).content.decode()


@pytest.mark.parametrize("page", ["0", "-3", "99", "abc", ""])
def test_a_page_that_does_not_exist_is_the_nearest_one(page, told, as_admin, admin, clinic):
    tell(admin, clinic, 30)
    assert as_admin.get(f"{INBOX}?pagina={page}").status_code == 200


def test_the_counts_are_a_fragment_for_every_page(told, as_admin):
    response = as_admin.get(reverse("unread-count"), headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode()
    assert unread_in_the_menu(response) == {("", "1")}


def test_the_operator_polls_the_open_incidents_too(told, operator, client):
    client.force_login(operator)
    text = client.get(reverse("unread-count")).content.decode()
    assert re.search(r'id="count-incidents-side"[^>]*>1', text)


def test_a_stranger_who_polls_is_not_given_a_login_page_inside(client, db):
    response = client.get(reverse("unread-count"), headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode()
    assert response.status_code == 401


def test_the_inbox_costs_the_same_for_many(told, as_admin, admin, clinic):
    def queries():
        as_admin.get(INBOX)
        with CaptureQueriesContext(connection) as asked:
            as_admin.get(INBOX)
        return len([query for query in asked if "SAVEPOINT" not in query["sql"]])

    few = queries()
    tell(admin, clinic, 18)
    assert queries() == few
    assert few <= 22

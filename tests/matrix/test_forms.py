"""What a form brings along: ids, filters, the way back. None of it reaches further than the person who sends it."""

from itertools import product

import pytest
from django.urls import reverse

from channels_app.bulk import Action
from channels_app.models import Channel
from notifications.models import Notification
from tests.matrix.conftest import asked

EVERYBODY_ELSE = ["anonymous", "nobody", "left", "staff", "admin", "both", "outsider"]


@pytest.mark.parametrize("name", ["bulk", "bulk-confirm"])
def test_nobody_but_the_operator_changes_many(name, cast, things):
    ids = {"numero": things["channel"], "numeros": things["channel"], "todos": "1", "minutos": "9"}
    for person, action in product(EVERYBODY_ELSE, Action):
        answer = asked(cast[person], "post", reverse(name), ids | {"acao": action, "filtro": "situacao=incidente"})
        assert answer.status == (302 if person == "anonymous" else 404), person
        assert not answer.wrote, person


@pytest.mark.parametrize("ids", ["", "abc", "0", "-1", "987654321", "9" * 400, "1;2", "²,³", "\x00", "{foreign_channel}x"])
def test_numbers_that_are_none_change_nothing(ids, cast, things):
    sent = {"acao": Action.ALERTS_OFF, "numeros": ids.format(**things), "numero": ids.format(**things)}
    for name in ("bulk", "bulk-confirm"):
        answer = asked(cast["operator"], "post", reverse(name), sent)
        assert answer.response["Location"].startswith(reverse("overview"))
        assert not answer.wrote


@pytest.mark.parametrize("filters", ["//elsewhere.example.com", "next=https://elsewhere.example.com/", "servidor=1%0d%0aX: y"])
def test_the_filters_that_come_along_lead_back_to_the_overview_alone(filters, cast, things):
    sent = {"acao": Action.ALERTS_OFF, "numeros": things["channel"], "filtro": filters}

    answer = asked(cast["operator"], "post", reverse("bulk-confirm"), sent)

    assert answer.response["Location"].partition("?")[0] == reverse("overview")
    assert "elsewhere" not in answer.response["Location"]


WAYS_BACK = [
    ("check-channel", "channel"),
    ("mark-read", "notification"),
    ("mark-all-read", ""),
    ("theme", ""),
    ("set_language", ""),
]


@pytest.mark.parametrize(("name", "of"), WAYS_BACK, ids=[name for name, _ in WAYS_BACK])
def test_the_way_back_leads_nowhere_else(name, of, cast, things):
    url = reverse(name, args=[things[of]] if of else [])

    for elsewhere in ("https://elsewhere.example.com/", "//elsewhere.example.com", "/\\elsewhere.example.com"):
        answer = asked(cast["admin"], "post", url, {"next": elsewhere, "language": "en"})
        assert answer.status == 302
        assert "elsewhere" not in answer.response["Location"]


def test_marking_all_as_read_marks_ones_own_of_the_clinic_looked_at(client, cast, things):
    client.force_login(cast["both"])

    client.post(f"{reverse('mark-all-read')}?clinica={things['foreign_slug']}", {"ate": 10**17})

    read = Notification.objects.exclude(read_at=None).values_list("user", "tenant__slug")
    assert list(read) == [(cast["both"].pk, things["foreign_slug"])]


@pytest.mark.parametrize("name", ["number-alerts", "number-threshold"])
def test_a_form_changes_its_own_setting_and_nothing_that_is_sent_along(name, client, cast, things, other_clinic):
    smuggled = {
        "tenant": other_clinic.pk,
        "server": things["foreign_server"],
        "server_owner": other_clinic.pk,
        "instance_name": "another",
        "is_active": "",
        "archived_at": "2026-01-01",
        "id": things["foreign_channel"],
    }
    its_own = {"number-alerts": "alerts_enabled", "number-threshold": "heartbeat_threshold_minutes"}[name]
    before = Channel.objects.order_by("pk").values()
    expected = [
        row | ({its_own: 9 if "threshold" in name else False} if row["id"] == things["channel"] else {}) for row in before
    ]
    client.force_login(cast["admin"])

    client.post(reverse(name, args=[things["channel"]]), smuggled | {"heartbeat_threshold_minutes": "9"})

    assert list(Channel.objects.order_by("pk").values()) == expected

"""A week that has already happened, and that the watch goes on from."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db.models import Count, F, Max, Min, Q
from django.utils import timezone

from channels_app import invariants
from channels_app.due import Order
from channels_app.flush import Look, flush
from channels_app.models import Channel, ConnectionPeriod, Watch
from channels_app.turns import Turns
from channels_app.upkeep import keep_up
from core import clock
from demo import fleet, history
from demo.seed import seed
from incidents.models import Incident, IncidentEvent
from incidents.readings import Reading, Status
from notifications.models import Notification
from tenants.models import User

HERE = "http://127.0.0.1:8081"
DOWN_AT_THE_START = {phone.name for phone in fleet.PHONES if phone.condition not in ("paired", "never_connected")}


@pytest.fixture
def week(transactional_db):
    """The demonstration, just seeded."""
    seed(simulator_url=HERE)


def records() -> list[list]:
    models = (Channel, Watch, ConnectionPeriod, Incident, IncidentEvent, Notification)
    return [list(model.objects.order_by("pk").values_list()) for model in models]


def broken() -> dict:
    return {name: ids for name, ids in invariants.violations().items() if ids}


def seen(order: Order, at: datetime) -> Reading:
    """What the simulator would say at the first looks."""
    name = order.target.instance_name
    if name == "aurora-oficial":
        return Reading(at=at, status=Status.UNKNOWN, cause="not_verifiable")
    if name == "beirario-novo":
        return Reading(at=at, status=Status.DISCONNECTED, cause="never_paired", raw_state="close")
    if name in DOWN_AT_THE_START:
        return Reading(at=at, status=Status.DISCONNECTED, cause="logged_out", owner_jid="5511@s.whatsapp.net")
    return Reading(at=at, status=Status.OPEN, cause="connected", raw_state="open")


def the_watch_looks(*, after: timedelta = timedelta(0)) -> None:
    keep_up()
    now = clock.database_now()
    Watch.objects.update(next_look_at=now)
    flush([Look(order, seen(order, now + after)) for order in Turns().claim(100)])


def test_the_records_are_clean_after_seeding_and_after_the_watch_has_gone_on(week):
    assert broken() == {}

    the_watch_looks()
    assert broken() == {}
    the_watch_looks(after=timedelta(seconds=61))

    assert Incident.objects.open().count() > 0
    assert broken() == {}


def test_a_second_run_adds_nothing(week):
    before = records()

    seed(simulator_url=HERE)

    assert records() == before


def test_what_was_seen_since_is_never_touched(week):
    the_watch_looks()
    before = records()

    seed(simulator_url=HERE)

    assert records() == before


def test_a_phone_that_was_looked_at_before_is_left_alone_and_the_others_get_their_week(transactional_db):
    seed(simulator_url=HERE)
    Notification.objects.all().delete()
    IncidentEvent.objects.all().delete()
    Incident.objects.update(parent=None)
    Incident.objects.all().delete()
    ConnectionPeriod.objects.all().delete()
    recepcao = Channel.objects.get(instance_name="aurora-recepcao")
    mine = ConnectionPeriod.objects.create(
        channel=recepcao, tenant_id=recepcao.tenant_id, status="open", cause="connected", started_at=timezone.now()
    )

    seed(simulator_url=HERE)

    assert list(recepcao.periods.all()) == [mine]
    assert not recepcao.incidents.exists()
    assert ConnectionPeriod.objects.exclude(channel=recepcao).exists()


def test_every_phone_but_the_new_one_has_a_week_without_a_hole_but_the_blind_hour(week):
    spans = ConnectionPeriod.objects.values("channel__instance_name").annotate(
        first=Min("started_at"), last=Max("ended_at"), seen=Count("pk")
    )

    assert {span["channel__instance_name"] for span in spans} == {phone.name for phone in fleet.PHONES} - {"beirario-novo"}
    assert {span["last"] - span["first"] for span in spans} == {history.LENGTH}
    for channel in Channel.objects.filter(periods__isnull=False).distinct():
        periods = list(channel.periods.order_by("started_at"))
        gaps = [after.started_at - before.ended_at for before, after in pairwise(periods)]
        assert [gap for gap in gaps if gap] == [history.BLIND[0] - history.BLIND[1]]


def test_no_outage_lies_in_the_blind_hour_or_overlaps_another():
    for outage in history.OUTAGES:
        began, ended = timedelta(hours=outage.hours_ago), timedelta(hours=outage.hours_ago) - outage.length
        assert timedelta(0) < ended < began < history.LENGTH
        assert ended > history.BLIND[0] or began < history.BLIND[1], outage
        for other in history.OUTAGES:
            if other is not outage and other.phone == outage.phone and other.hours_ago <= outage.hours_ago:
                assert ended > timedelta(hours=other.hours_ago), (outage, other)


def test_every_kind_and_many_causes_are_there_and_all_are_over(week):
    assert set(Incident.objects.values_list("kind", flat=True)) == set(Incident.Kind.values)
    assert Incident.objects.values("cause").distinct().count() >= 10
    assert not Incident.objects.open().exists()
    assert not Incident.objects.exclude(resolution="recovered").exists()


def test_an_incident_opens_past_the_threshold_and_ends_where_the_phone_was_open_again(week):
    ordinary = Incident.objects.exclude(kind__in=["unstable", "server_down"])
    for incident in ordinary.select_related("channel"):
        assert incident.opened_at - incident.started_at == timedelta(minutes=incident.channel.heartbeat_threshold_minutes)
        assert incident.channel.periods.filter(started_at=incident.resolved_at, status="open").exists()
        assert incident.readings[0]["at"] == incident.started_at.isoformat()


def test_a_flicker_is_in_the_strip_and_in_no_table(week):
    flickers = ConnectionPeriod.objects.filter(ended_at__lt=F("started_at") + timedelta(minutes=1))

    assert flickers.exists()
    assert not Incident.objects.filter(started_at__in=flickers.values("started_at")).exists()


def test_people_were_told_in_their_moment_and_have_read_all_but_the_last(week):
    told = Notification.objects.all()

    assert told.filter(read_at=None).exists()
    assert told.exclude(read_at=None).exists()
    assert not told.filter(Q(read_at__lt=F("created_at"))).exists()
    assert (
        told.filter(read_at=None).aggregate(Min("created_at"))["created_at__min"]
        > told.exclude(read_at=None).aggregate(Max("created_at"))["created_at__max"]
    )
    assert set(told.values_list("user__email", flat=True)) <= set(User.objects.values_list("email", flat=True))
    assert not told.filter(user__memberships__role="staff").exists()
    assert told.filter(user__is_saas_admin=True).exists()


def test_nothing_lies_in_the_future(week):
    now = clock.database_now()

    assert not ConnectionPeriod.objects.filter(Q(ended_at__gt=now) | Q(ended_at=None)).exists()
    assert not IncidentEvent.objects.filter(at__gt=now).exists()
    assert not Notification.objects.filter(Q(created_at__gt=now) | Q(read_at__gt=now)).exists()

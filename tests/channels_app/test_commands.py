"""manage.py check_channels: what it asks for, what it prints, and how it refuses."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from channels_app.models import Sweep, Watch
from tests.support import people


@pytest.fixture(autouse=True)
def in_english():
    with translation.override("en"):
        yield


@pytest.fixture
def channel(clinic):
    channel = people.channel(clinic, name="Recepção", instance_name="recepcao")
    is_watched(channel)
    return channel


def is_watched(channel, **fields) -> Watch:
    later = timezone.now() + timedelta(minutes=2)
    return Watch.objects.create(channel=channel, tenant=channel.tenant, **({"next_look_at": later} | fields))


def check_channels(*arguments: str) -> str:
    """Run the command with no worker about; return what it printed and how it ended."""
    printed = io.StringIO()
    try:
        call_command("check_channels", *arguments, "--wait", "0.3", stdout=printed)
    except CommandError as error:
        return f"{printed.getvalue()}\n{error}"
    return printed.getvalue()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["--channel", "99999"], "There is no number with the id 99999.", id="an id that nobody has"),
        pytest.param(["--channel", "0"], "There is no number with the id 0.", id="zero"),
        pytest.param(["--channel=-1"], "There is no number with the id -1.", id="a negative id"),
        pytest.param(
            ["--channel", "9" * 30], "There is no number with the id " + "9" * 30 + ".", id="an id beyond every table"
        ),
        pytest.param(["--channel", "abc"], "invalid int value: 'abc'", id="a text for an id"),
        pytest.param(["--channel", ""], "invalid int value: ''", id="an empty id"),
        pytest.param(["--tenant", "nobody"], "There is no clinic with the short name nobody.", id="a slug that nobody has"),
        pytest.param(["--tenant", ""], "There is no clinic with the short name", id="an empty slug"),
        pytest.param([], "one of the arguments --channel --tenant --all is required", id="nothing said"),
        pytest.param(["--all", "--tenant", "a"], "not allowed with argument", id="two things said"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(channel, arguments, sentence):
    with pytest.raises(CommandError) as refusal:
        call_command("check_channels", *arguments, "--wait", "0.3")

    assert sentence in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1
    assert nothing_was_written(channel)


def nothing_was_written(channel) -> bool:
    return not Sweep.objects.exists() and Watch.objects.get(channel=channel).requested_at is None


@pytest.mark.parametrize("fields", [{"is_active": False}, {"provider": "other"}, {"archived_at": timezone.now()}])
def test_a_number_that_is_not_watched_is_refused(clinic, fields):
    off = people.channel(clinic, **fields)
    is_watched(off)

    for arguments in (["--channel", str(off.pk)], ["--tenant", clinic.slug], ["--all"]):
        with pytest.raises(CommandError, match="none of these is watched"):
            call_command("check_channels", *arguments)
    assert Watch.objects.get().requested_at is None


def test_asking_for_nothing_that_is_watched_leaves_no_check_on_demand_behind(clinic):
    off = people.channel(clinic, is_active=False)
    is_watched(off)

    with pytest.raises(CommandError):
        call_command("check_channels", "--channel", str(off.pk))

    assert not Sweep.objects.exists()


def test_an_empty_installation_is_refused_too(db):
    with pytest.raises(CommandError, match="none of these is watched"):
        call_command("check_channels", "--all")


def test_without_a_worker_it_prints_the_table_and_asks_for_one(channel):
    printed = check_channels("--channel", str(channel.pk))

    head, row, *rest = printed.splitlines()
    assert head.split() == ["ID", "NUMBER", "CLINIC", "STATUS", "CAUSE", "SINCE", "SERVER", "SAID"]
    assert row.split()[:2] == [str(channel.pk), "Recepção"]
    assert "Not checked yet" in row
    assert "1 of 1 were not looked at: is a worker running?" in rest[-1]


def test_it_asks_the_watch_for_a_look_now(channel):
    check_channels("--channel", str(channel.pk))

    sweep = Sweep.objects.get()
    watch = Watch.objects.get()
    assert (sweep.tenant, sweep.channel, sweep.requested_by) == (channel.tenant, channel, None)
    assert watch.requested_at == watch.next_look_at >= sweep.started_at


@pytest.mark.parametrize(
    ("which", "expected"), [("tenant", {"Recepção", "Triagem"}), ("all", {"Recepção", "Triagem", "Vendas"})]
)
def test_it_asks_for_one_clinic_or_for_everybody(channel, other_clinic, which, expected):
    is_watched(people.channel(channel.tenant, name="Triagem"))
    is_watched(people.channel(other_clinic, name="Vendas"))
    people.channel(channel.tenant, name="Desligada", is_active=False)

    printed = check_channels(*(["--all"] if which == "all" else ["--tenant", channel.tenant.slug]))

    _head, *rows = printed.splitlines()[: len(expected) + 1]
    assert {row.split()[1] for row in rows} == expected
    assert f"{len(expected)} of {len(expected)} were not looked at" in printed
    assert {watch.channel.name for watch in Watch.objects.exclude(requested_at=None)} == expected


def test_the_table_tells_what_was_seen_and_since_when(channel):
    at = timezone.now()
    Watch.objects.update(
        connection_status="disconnected",
        cause="logged_out",
        raw_state="close",
        cause_since=at - timedelta(minutes=25),
        last_verdict_at=at,
    )

    row = check_channels("--all").splitlines()[1]

    for cell in (channel.tenant.name, "Disconnected", "The system was disconnected from this WhatsApp", "25min", "close"):
        assert cell in row


def test_a_number_that_no_worker_knows_yet_is_waited_for(clinic):
    people.channel(clinic)  # made just now: the watch adopts it with the next tick

    assert "1 of 1 were not looked at" in check_channels("--all")


def test_a_look_that_ended_after_the_asking_is_no_longer_waited_for(channel):
    """The look's start counts, and its result must be in: `lease_until` is empty again."""
    ahead = timezone.now() + timedelta(seconds=30)
    Watch.objects.update(look_started_at=ahead, lease_until=None)

    assert "not looked at" not in check_channels("--channel", str(channel.pk))


@pytest.mark.parametrize(
    "look",
    [
        pytest.param({"look_started_at": timedelta(seconds=-1), "lease_until": None}, id="ended before the asking"),
        pytest.param({"look_started_at": timedelta(seconds=30), "lease_until": timedelta(seconds=60)}, id="still under way"),
    ],
)
def test_an_older_or_unfinished_look_does_not_count(channel, look):
    now = timezone.now()
    Watch.objects.update(**{column: ahead and now + ahead for column, ahead in look.items()})

    assert "1 of 1 were not looked at" in check_channels("--all")

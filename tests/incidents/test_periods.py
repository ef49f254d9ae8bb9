"""What a number's periods say around its incident: what came before, and when nobody looked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from incidents import periods
from incidents.models import Incident
from tests.support import people
from tests.support.readings import MINUTE, NOON

SECOND = timedelta(seconds=1)
END = NOON + 60 * MINUTE


@dataclass
class Period:
    status: str
    started_at: datetime
    ended_at: datetime | None
    cause: str = "logged_out"


def period(status, since, until):
    """From so many minutes after noon to so many; None where it goes on."""
    return Period(status, NOON + since * MINUTE, None if until is None else NOON + until * MINUTE)


def blind(*of, end=60, seen_until=None):
    """When nobody looked in the incident from noon to then, in minutes after noon."""
    moment = None if seen_until is None else NOON + seen_until * MINUTE
    gaps = periods.blind(of, NOON, NOON + end * MINUTE, seen_until=moment)
    return [((gap.start - NOON) / MINUTE, (gap.end - NOON) / MINUTE) for gap in gaps]


CASES = {  # periods, until when the last look's verdict counts, when nobody looked; of an incident from noon to one
    "a change of cause leaves no gap": ([("disconnected", 0, 20), ("error", 20, None)], 59, []),
    "nobody looked between two periods": ([("disconnected", 0, 20), ("disconnected", 32, None)], 59, [(20, 32)]),
    "twice": ([("error", 0, 5), ("error", 10, 20), ("error", 30, None)], 59, [(5, 10), (20, 30)]),
    "the last look is as old as may be": ([("error", 0, None)], 60 - 248 / 60, []),
    "the last look is older than that": ([("error", 0, None)], 55.8, [(55.8, 60)]),  # 252 s, with at most 248
    "the last period has ended and nobody looks any more": ([("error", 0, 40)], None, [(40, 60)]),
    "what was before it is not its own": ([("open", -90, -30), ("error", 0, None)], 59, []),
    "a gap that began before it counts from its start": ([("error", -90, -30), ("error", 10, None)], 59, [(0, 10)]),
    "it went on through its start": ([("error", -30, 20), ("error", 25, None)], 59, [(20, 25)]),
    "a moment between two rows is none": ([("error", 0, 20), ("open", 20.01, None)], 59, []),
    "no period is known": ([], None, []),
}


@pytest.mark.parametrize(("of", "seen_until", "expected"), CASES.values(), ids=CASES)
def test_when_nobody_looked(of, seen_until, expected):
    assert blind(*(period(*each) for each in of), seen_until=seen_until) == expected


def test_a_gap_that_outlasts_the_incident_ends_with_it():
    assert blind(period("error", 0, 20), period("open", 90, None), end=60) == [(20, 60)]


def before(*of, seen_until=None):
    said = periods.before(of, NOON, seen_until=seen_until)
    return [(one.status, (one.start - NOON) / MINUTE, (one.end - NOON) / MINUTE) for one in said]


def test_what_came_before_leads_up_to_the_start():
    known = [period("disconnected", -90, -60), period("open", -60, 0), period("disconnected", 0, None)]
    assert before(*known) == [("disconnected", -90, -60), ("open", -60, 0)]


def test_the_time_in_which_nobody_looked_before_it_is_said_too():
    assert before(period("open", -60, -20), period("error", 0, None)) == [("open", -60, -20), ("", -20, 0)]


def test_a_number_without_a_past_has_nothing_before():
    assert before(period("error", 0, None)) == []


# --- From the database ---------------------------------------------------------------------------------------------


@pytest.fixture
def channel(clinic):
    return people.channel(clinic)


def was(channel, status, since, until):
    channel.periods.create(tenant=channel.tenant, **vars(period(status, since, until)))


def down(channel, until=None):
    over = {} if until is None else {"resolved_at": NOON + until * MINUTE, "resolution": "recovered"}
    of = {"tenant": channel.tenant, "channel": channel, "kind": "disconnected", "cause": "logged_out"}
    return Incident.objects.create(**of, started_at=NOON, opened_at=NOON, **over)


def found(incident):
    return [round((one.started_at - NOON) / MINUTE) for one in periods.around(incident)]


def test_the_last_few_before_it_and_all_of_it_are_read_with_one_query(channel, django_assert_num_queries):
    for number in range(-6, 0):
        was(channel, "open", number * 10, number * 10 + 10)
    for number in range(5):
        was(channel, "error", number * 10, number * 10 + 10)
    was(channel, "open", 50, None)
    incident = down(channel, until=50)
    with django_assert_num_queries(1):
        assert found(incident) == [-30, -20, -10, 0, 10, 20, 30, 40]


def test_while_it_is_open_everything_since_its_start_is_read(channel):
    was(channel, "open", -60, 0)
    was(channel, "error", 0, None)
    assert found(down(channel)) == [-60, 0]


def test_another_numbers_periods_are_not(channel, clinic):
    was(people.channel(clinic), "error", 0, None)
    assert found(down(channel)) == []


def test_an_incident_of_a_server_has_none(db):
    of = {"kind": "server_down", "cause": "server_unreachable", "started_at": NOON, "opened_at": NOON}
    assert periods.around(Incident.objects.create(server=people.server(), **of)) == []

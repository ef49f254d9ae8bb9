"""From the phone to the people: beat rings, a worker looks, the ledger says it once."""

from core import clock
from tests.support.processes import INTERVAL, wait_until


def test_a_phone_that_logs_out_is_told_once_to_its_clinic_s_admins_and_again_when_it_is_back(place, processes):
    processes.worker()
    processes.beat()
    place.is_connected()

    dropped_at = clock.database_now()
    place.drops()
    incident = place.opens_an_incident()

    assert place.admins_were_told("opened")
    assert dropped_at < incident.started_at < incident.opened_at
    assert [reading["cause"] for reading in incident.readings] == ["logged_out"] * len(incident.readings)

    paired_at = clock.database_now()
    place.pairs()
    incident = place.resolves_it()

    assert incident.resolved_at > paired_at
    place.assert_one_outage_was_told_from_beginning_to_end()
    assert processes.manage("verify_ledger").returncode == 0


def test_two_workers_two_beats_and_an_impatient_hand_tell_it_once_and_look_no_more_often(place, processes):
    started = [start() for start in (processes.worker, processes.beat) * 2]
    place.is_connected()
    place.drops()

    wait_until(lambda: processes.ring() or place.channel.incidents.open().exists(), "an incident opened")
    place.phone.pairs()
    wait_until(lambda: processes.ring() or not place.channel.incidents.open().exists(), "the incident resolved")

    place.assert_one_outage_was_told_from_beginning_to_end()
    assert all(process.is_alive for process in started)
    step = 1  # sooner than an interval, until the channel has come to its own phase
    step += 2 * place.quiet.periods.exclude(status="open").count()  # a busy machine misses an answer, and looks again
    assert place.looks(place.quiet) <= place.seconds_watched(place.quiet) / INTERVAL + 1 + step
    more = step + 4  # after the drop, on the threshold, after the pairing, and one that the other three push aside
    assert place.looks(place.channel) <= place.seconds_watched(place.channel) / INTERVAL + 1 + more

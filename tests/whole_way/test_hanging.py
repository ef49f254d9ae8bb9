"""A server that hangs occupies threads, and nobody else's time."""

from channels_app.models import Watch
from tests.support import people
from tests.support.processes import wait_until

HANGS = 20  # seconds that a look may take: the most there is, and longer than it is until the incident opens


def test_numbers_that_hang_do_not_delay_another_s_verdict(place, processes, simulator):
    dead = people.server(base_url=simulator.servers[2].base_url, api_key=simulator.servers[2].key)
    hanging = [place.quiet, *(people.channel(place.quiet.tenant, dead) for _ in range(5))]
    simulator.servers[2].hangs()
    place.quiet_phone.answers_after(2 * HANGS)
    processes.worker(HEARTBEAT_TIMEOUT_SECONDS=HANGS)
    processes.beat()

    wait_until(lambda: place.saw("open"), "the number that answers was seen")
    place.drops()
    place.opens_an_incident()

    watches = Watch.objects.filter(channel__in=hanging)
    assert [(watch.look_no, watch.last_health_check) for watch in watches] == [(1, None)] * len(hanging)
    place.pairs()
    place.resolves_it()
    place.assert_one_outage_was_told_from_beginning_to_end()

"""The operator at the screen: everything checked at once; one server's numbers changed, and taken away as a table."""

import csv
import io
import re
from pathlib import Path

from channels_app.models import Channel, Server, Sweep
from tests.support.processes import wait_until


def test_everything_is_checked_to_the_end_of_the_bar(operator):
    page = operator.page
    operator.goes_to("/saas/whatsapp")

    page.locator("#check-all").click()
    page.locator("#sweep progress").wait_for()
    page.locator("#sweep:not([hx-get]) progress").wait_for()

    bar = page.locator("#sweep progress")
    assert bar.get_attribute("value") == bar.get_attribute("max") == str(Channel.objects.watched().count())
    assert operator.noise == []


def test_a_reload_and_a_second_operator_join_the_check_that_runs(product, operator, colleague):
    product.worker.is_killed()  # the check waits, for as long as the two need
    for person in (operator, colleague):
        person.goes_to("/saas/whatsapp")
    operator.page.locator("#check-all").click()
    operator.page.locator("#sweep progress").wait_for()

    operator.page.reload()
    colleague.page.locator("#check-all").click()
    colleague.page.locator("#sweep progress").wait_for()

    assert bar_of(operator) == bar_of(colleague) == (0, Channel.objects.watched().count())
    assert all(says_who_asked(person, "Olívia Prado") for person in (operator, colleague))
    assert Sweep.objects.of_everything().count() == 1

    product.worker = product.processes.worker()
    everything = (Channel.objects.watched().count(),) * 2
    wait_until(lambda: bar_of(operator) == bar_of(colleague) == everything, "both see the end of the bar")
    assert Sweep.objects.of_everything().count() == 1
    assert operator.noise == colleague.noise == []


def bar_of(person) -> tuple[int, int]:
    """How far it is, and of how many."""
    return tuple(person.page.locator("#sweep progress").evaluate("bar => [bar.value, bar.max]"))


def says_who_asked(person, name: str) -> bool:
    return name in person.page.locator("#sweep").inner_text()


def test_one_server_s_numbers_get_another_threshold_and_leave_as_a_table(product, operator):
    page, server = operator.page, Server.objects.get(name="Evolution reserva")
    theirs = set(server.channels.values_list("name", flat=True))
    operator.goes_to("/saas/whatsapp")

    page.locator(f"#server-{server.pk}").click()
    page.wait_for_url(re.compile(rf"servidor={server.pk}"))
    assert page.locator("table tbody tr").count() == len(theirs)

    page.locator('table input[name="numero"]').first.check()
    page.locator('#bulk input[name="todos"]').check()
    page.locator('#bulk button[value="limite"]').click()
    page.locator("#minutes").fill("61")
    page.locator("main form button[type=submit]").click()
    page.locator("#minutes-error").wait_for()
    page.locator("#minutes").fill("7")
    page.locator("main form button[type=submit]").click()
    changed = server.channels.filter(heartbeat_threshold_minutes=7)
    wait_until(lambda: changed.count() == len(theirs), "all of the filter were changed")
    assert not Channel.objects.exclude(server=server).filter(heartbeat_threshold_minutes=7).exists()

    operator.goes_to(f"/saas/whatsapp?servidor={server.pk}")
    with page.expect_download() as download:
        page.locator("#csv").click()
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text), delimiter=";" if ";" in text.splitlines()[0] else ","))
    assert len(rows) == 1 + len(theirs)
    assert all(any(server.name in cell for cell in row) for row in rows[1:])
    assert operator.noise == []

"""Keyboard alone, scripts off, a thumb on a small screen, and a page that stays still while it polls."""

import re

import pytest
from django.db.models import Exists, OuterRef

from channels_app.models import Channel, Sweep, Watch
from incidents.models import Incident
from tests.browser.conftest import DESK, PHONE
from tests.support.processes import wait_until

CLINIC, FLEET = "/configuracoes/whatsapp-pessoal", "/saas/whatsapp"
NUMBER = "aurora-recepcao"
BOTH_PAGES = [
    pytest.param("ana@aurora.example", CLINIC, "/agora", id="clinic"),
    pytest.param("operador@vigia.example", FLEET, "/saas/whatsapp/agora", id="fleet"),
]
TARGET = 44  # px, on a phone

# --- The keyboard alone --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("email", "path", "_poll"), BOTH_PAGES)
def test_the_first_tab_skips_to_the_content_and_each_stop_is_seen(product, somebody, email, path, _poll):
    page = somebody(email).signs_in().goes_to(path).page

    page.keyboard.press("Tab")
    assert page.evaluate("measures.focus()")["isSeen"], "the link that skips to the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    stops = []
    for _ in range(25):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("measures.focus()"))

    assert stops[0]["isInContent"]
    assert [stop["name"] for stop in stops if not (stop["isPage"] or stop["isSeen"])] == []


def test_space_switches_the_alerts_and_enter_leaves_them_and_the_focus_stays(product, ana):
    channel = product.channel(NUMBER)
    page = ana.goes_to(CLINIC).page
    page.locator(f"#avisos-{channel.pk} summary").focus()
    page.keyboard.press("Enter")  # opens what is folded
    page.locator(f"#alerts-{channel.pk}").focus()

    alerts = []
    for key in ("Space", "Enter", "Space"):
        page.evaluate("document.activeElement.dataset.pressed = 1")
        page.keyboard.press(key)
        page.locator(f"#alerts-{channel.pk}:not([data-pressed])").wait_for()  # what was saved has taken its place
        page.locator(f"#settings-{channel.pk} [role=status]").wait_for()
        page.wait_for_function("id => document.activeElement.id === id", arg=f"alerts-{channel.pk}")
        alerts.append(product.channel(NUMBER).alerts_enabled)

    assert alerts == [False, False, True]
    assert ana.noise == []


# --- Scripts off ---------------------------------------------------------------------------------------------------


def test_without_scripts_a_clinic_asks_for_a_check_and_changes_its_settings(product, somebody):
    channel = product.channel(NUMBER)
    page = somebody("ana@aurora.example", java_script_enabled=False).signs_in().goes_to(CLINIC).page

    with page.expect_navigation():
        page.locator(f"#check-{channel.pk}").click()
    page.locator(f"#now-{channel.pk}").wait_for()
    assert Sweep.objects.filter(channel=channel).count() == 1

    settings = page.locator(f"#avisos-{channel.pk}")
    settings.locator("summary").click()
    page.locator(f"#minutes-{channel.pk}").fill("61")
    page.locator(f"#save-{channel.pk}").click()
    error = page.locator(f"#minutes-error-{channel.pk}")
    error.wait_for()
    assert page.locator(f"#minutes-{channel.pk}").get_attribute("aria-describedby").startswith(f"minutes-error-{channel.pk}")
    assert product.channel(NUMBER).heartbeat_threshold_minutes == channel.heartbeat_threshold_minutes

    page.locator(f"#minutes-{channel.pk}").fill("9")
    page.locator(f"#save-{channel.pk}").click()
    settings.locator("[role=status]").wait_for()
    page.locator(f"#alerts-{channel.pk}").uncheck()
    settings.get_by_role("button").first.click()
    settings.locator("[role=status]").wait_for()
    saved = product.channel(NUMBER)
    assert (saved.heartbeat_threshold_minutes, saved.alerts_enabled) == (9, False)


def test_without_scripts_the_operator_checks_everything_filters_and_changes_many(product, somebody):
    page = somebody("operador@vigia.example", java_script_enabled=False).signs_in().goes_to(FLEET).page
    page.locator("#check-all").click()
    page.locator("#sweep progress").wait_for()
    assert Sweep.objects.of_everything().count() == 1

    page.locator("#search").fill("Aurora")
    page.locator("#filter").click()
    page.wait_for_url(re.compile("q=Aurora"))
    shown = page.locator("tbody .client").all_inner_texts()
    assert shown
    assert all("Aurora" in text for text in shown)

    page.locator("tbody input[name=numero]").first.check()
    picked = int(page.locator("tbody input[name=numero]").first.input_value())
    page.locator("#bulk button[value=desligar-avisos]").click()
    page.locator("main form button[type=submit]").click()
    page.locator("main [role=status]").first.wait_for()
    assert list(Channel.objects.filter(alerts_enabled=False, pk=picked)) == [Channel.objects.get(pk=picked)]
    assert "q=Aurora" in page.url


# --- Still, while it polls -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("email", "path", "poll"), BOTH_PAGES)
def test_nothing_moves_while_a_page_asks_again(product, somebody, email, path, poll):
    wait_until(lambda: not bad_runs_without_an_incident().exists(), "all incidents of the demonstration are open")

    shifts = {}
    for name, viewport in {"desk": DESK, "phone": PHONE}.items():
        page = somebody(email, viewport=viewport).signs_in().goes_to(path).page
        page.evaluate("document.fonts.ready")
        page.evaluate("measures.watchShifts()")
        for _ in range(2):
            with page.expect_response(lambda answer: poll in answer.url and answer.status == 200):
                pass
            page.wait_for_timeout(500)  # settled and painted
        shifts[name] = page.evaluate("measures.shifts")

    assert shifts == {"desk": [], "phone": []}


def bad_runs_without_an_incident():
    """What the page will have more to say about, soon: then it may move."""
    told = Incident.objects.open().filter(channel=OuterRef("channel"))
    return Watch.objects.filter(~Exists(told), first_unhealthy_at__isnull=False)


# --- Under a thumb -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("email", "path", "_poll"), BOTH_PAGES)
def test_on_a_phone_every_target_is_as_large_as_a_thumb(product, somebody, email, path, _poll):
    page = somebody(email, viewport=PHONE, has_touch=True).signs_in().goes_to(path).page
    page.route("**/agora*", lambda route: route.abort())  # nothing is exchanged while it is measured
    page.evaluate('document.querySelectorAll("main details").forEach((folded) => { folded.open = true; })')

    small = page.evaluate("(least) => measures.smallTargets(least)", TARGET)

    assert not small, "\n".join(["", *small])

"""A clinic's admin at the screen while the phone drops, and until it is back. Nobody reloads a page."""

import re

from tests.support.processes import wait_until

NUMBER = "aurora-recepcao"


def test_an_admin_sees_the_drop_is_alerted_takes_care_and_sees_it_resolve(product, ana):
    page, phone, channel = ana.page, product.phone(NUMBER), product.channel(NUMBER)
    ana.goes_to("/configuracoes/whatsapp-pessoal")
    card, badge = page.locator(f"#now-{channel.pk}"), page.locator("#count-inbox-side")
    assert card.locator(".state.is-danger").count() == 0
    before = number_in(badge)

    phone.logs_out()
    card.locator(".state.is-danger").wait_for()
    wait_until(lambda: product.channel(NUMBER).incidents.open().exists(), "the incident opened")
    wait_until(lambda: number_in(badge) > before, "the badge changed by itself")

    page.get_by_role("link", name=word_of_the_inbox()).first.click()
    page.locator(".inbox .unread").get_by_role("link", name=re.compile("Recepção")).first.click()
    page.wait_for_url(re.compile(r"/incidentes/\d+/"))
    page.locator("#take").click()
    page.locator("#taken").wait_for()
    page.locator("#timeline").get_by_text("Ana Lobato").first.wait_for()

    phone.pairs()
    page.locator("#head .tag.is-success").wait_for()
    incident = channel.incidents.order_by("-pk").first()
    assert (incident.taken_by.email, incident.resolution) == (ana.email, "recovered")
    assert ana.noise == []

    ana.goes_to("/configuracoes/whatsapp-pessoal")
    assert card.locator(".state.is-danger").count() == 0
    assert page.locator(f'a[href^="/incidentes/{incident.pk}/"]').count() >= 1


def test_on_a_phone_the_same_page_leads_to_the_incident(product, somebody):
    ana = somebody("ana@aurora.example", viewport={"width": 390, "height": 844}, has_touch=True).signs_in()
    channel = product.channel(NUMBER)
    ana.goes_to("/configuracoes/whatsapp-pessoal")

    product.phone(NUMBER).logs_out()
    ana.page.locator(f"#now-{channel.pk} .state.is-danger").wait_for()
    incident = wait_until(lambda: channel.incidents.open().first(), "the incident opened")
    link = ana.page.locator(f'a[href^="/incidentes/{incident.pk}/"]').first
    link.wait_for(state="attached")
    link.click()

    ana.page.locator("#take").wait_for()
    assert ana.page.locator("#take").bounding_box()["y"] < 844  # without scrolling
    assert ana.noise == []


def number_in(badge) -> int:
    return int((re.search(r"\d+", badge.inner_text() or "") or ["0"])[0])


def word_of_the_inbox() -> re.Pattern:
    return re.compile("^(Alerts|Avisos)")

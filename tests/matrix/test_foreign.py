"""What belongs to another clinic is as what does not exist: by id, by filter, by the clinic that an address names."""

import re

import pytest
from django.urls import reverse

from tests.matrix.conftest import OURS as OUR_WORD
from tests.matrix.conftest import THEIRS, asked
from tests.matrix.routes import DONE, OURS
from tests.matrix.test_answers import by_id

POLL = {"HX-Request": "true", "HX-Current-URL": "http://testserver/"}
NOWHERE = [987_654_321, 10**30]  # ids of nothing; the second fits no column
NONE = {"foreign_slug": "no-such-clinic", "foreign_channel": NOWHERE[0], "foreign_server": NOWHERE[0], "slug": "no-such-clinic"}


# --- By id ---------------------------------------------------------------------------------------------------------


@by_id([route for route in OURS if route.of and "404" in route.answers.values()])
def test_anothers_is_not_to_be_told_from_what_does_not_exist(route, ask):
    for person in ("staff", "outsider"):
        for headers in ({}, POLL):
            if route.answers[person] == "404":
                anothers, *nothings = [ask(person, route, of=of, **headers).plain for of in (None, *NOWHERE)]
                assert anothers == nothings[0] == nothings[1], person


# --- By filter -----------------------------------------------------------------------------------------------------

FILTERS = [
    ("incidents", "cliente={foreign_slug}"),
    ("incidents", "cliente={foreign_slug}&estado=aberto&causa=logged_out"),
    ("incidents", "servidor={foreign_server}&q=Horizonte"),
    ("my-whatsapp", "numero={foreign_channel}&dia={day}"),
    ("my-whatsapp", "salvo={foreign_channel}"),
    *((name, "clinica={foreign_slug}") for name in ("home", "my-whatsapp", "incidents", "inbox", "unread-count")),
]


@pytest.mark.parametrize(("name", "query"), FILTERS, ids=[f"{name}?{query}" for name, query in FILTERS])
def test_a_filter_that_names_anothers_is_as_one_that_names_nothing(name, query, cast, things):
    for person in ("nobody", "left", "staff", "admin"):
        anothers, nothing = [
            asked(cast[person], "get", f"{reverse(name)}?{query.format(**ids)}") for ids in (things, things | NONE)
        ]
        assert without_ids(anothers, things, query) == without_ids(nothing, NONE, query), person


def without_ids(answer, ids: dict, query: str) -> tuple:
    """What somebody sees, apart from what they have typed themselves."""
    status, text, headers = answer.plain
    for name in re.findall(r"{(foreign_\w+)}", query):
        text = text.replace(str(ids[name]), "ID")
    return status, text.replace(THEIRS, "WORD") if "q=" in query else text, headers


@by_id([route for route in OURS if route.method == "get"])
def test_no_address_that_names_a_foreign_clinic_opens_it(route, ask, things):
    for person in ("nobody", "left", "staff", "outsider"):
        foreign = "?clinica={foreign_slug}" if person == "staff" else "?clinica={slug}"
        assert ask(person, route, query=foreign).in_a_word(route, things) == route.answers[person], person


@pytest.mark.parametrize("query", ["servidor={foreign_server}", "q=horizonte", "q=horizonte-1"])
def test_the_operators_file_holds_what_the_filter_names_alone(query, cast, things):
    file = asked(cast["operator"], "get", f"{reverse('overview-csv')}?{query.format(**things)}").text

    assert THEIRS in file
    assert OUR_WORD not in file


# --- A person who is an admin in both ------------------------------------------------------------------------------

OF_A_CLINIC = [route for route in OURS if route.of in ("channel", "incident") and route.answers["both"] in ("200", DONE)]
FOREIGN = {"channel": "foreign_channel", "incident": "foreign_incident"}


@by_id([route for route in OF_A_CLINIC if route.name != "check-channel"])  # that one asks for no clinic to be looked at
def test_who_is_in_both_finds_what_is_of_the_clinic_they_look_at_alone(route, ask, things):
    foreign = {"of": things[FOREIGN[route.of]]}

    unnamed, named = ask("both", route, **foreign), ask("both", route, query="?clinica={foreign_slug}", **foreign)
    gone_from = ask("both", route, query="?clinica={foreign_slug}")

    assert unnamed.plain == ask("both", route, of=NOWHERE[0]).plain
    assert (unnamed.status, unnamed.wrote) == (404, False)
    assert named.status == (302 if route.answers["both"] == DONE else 200)
    assert named.wrote == (route.answers["both"] == DONE)
    assert (gone_from.status, gone_from.wrote) == (404, False)


ELSEWHERE = re.compile(r"<p[^>]*>[^<]* tem \d+ avisos? não lidos?\..*?</p>", re.DOTALL)


@pytest.mark.parametrize("name", ["my-whatsapp", "incidents", "inbox"])
def test_who_is_in_both_reads_of_one_at_a_time(name, cast, things):
    for slug, here, elsewhere in [("slug", OUR_WORD, THEIRS), ("foreign_slug", THEIRS, OUR_WORD)]:
        page = asked(cast["both"], "get", f"{reverse(name)}?clinica={things[slug]}").text
        content = page[page.index("<main") : page.index("</main>")]
        content = ELSEWHERE.sub("", content)  # the inbox says that the other clinic has some, and no more than that
        assert here in content
        assert elsewhere not in content

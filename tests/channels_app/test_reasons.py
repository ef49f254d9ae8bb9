"""Who may ask why: a few looks, and for the rest the server's list."""

import time

from channels_app.reasons import MOST_ASKED, Reasons


def asks(reasons, times, server=1, *, is_bad=True):
    return [reasons.may_ask(server, is_bad) for _ in range(times)]


def test_a_few_may_ask_and_then_the_list_is_wanted_once():
    reasons = Reasons(tick_seconds=60)
    assert all(asks(reasons, MOST_ASKED))
    assert reasons.lists_wanted() == set()

    assert not any(asks(reasons, 20))

    assert reasons.lists_wanted() == {1}
    assert reasons.lists_wanted() == set()


def test_a_list_is_wanted_once_a_tick_whoever_wants_it():
    reasons = Reasons(tick_seconds=60)
    reasons.want_list(1)
    assert reasons.lists_wanted() == {1}

    reasons.want_list(1)
    reasons.want_list(2)
    asks(reasons, MOST_ASKED + 1, server=1)

    assert reasons.lists_wanted() == {2}


def test_a_list_may_be_wanted_again_in_the_next_tick():
    reasons = Reasons(tick_seconds=0.05)
    reasons.want_list(1)
    reasons.lists_wanted()
    time.sleep(0.06)

    reasons.want_list(1)

    assert reasons.lists_wanted() == {1}


def test_servers_and_kinds_are_counted_apart():
    reasons = Reasons(tick_seconds=60)
    asks(reasons, MOST_ASKED)
    assert asks(reasons, 1, server=2) == asks(reasons, 1, is_bad=False) == [True]


def test_a_new_tick_counts_anew():
    reasons = Reasons(tick_seconds=0.05)
    asks(reasons, MOST_ASKED + 1)
    time.sleep(0.06)
    assert asks(reasons, 1) == [True]

"""A server's share of the threads: what starts, what waits, what is handed back."""

from types import SimpleNamespace

import pytest

from channels_app.shares import LEAST, Shares


def orders(server_id, count):
    return [SimpleNamespace(server_id=server_id, channel_id=100 * server_id + n, look_no=1) for n in range(count)]


@pytest.mark.parametrize(
    ("channels", "share"),
    [(1, 8), (449, 8), (450, 9), (3200, 64), (100_000, 64)],
    ids=["small", "still small", "grows", "the most", "huge"],
)
def test_a_server_s_share_grows_with_its_channels_within_bounds(channels, share):
    shares = Shares(threads=256)
    shares.learn({1: channels})
    assert shares.of(1) == share


@pytest.mark.parametrize(
    ("threads", "share"), [(1, 1), (3, 1), (8, 2), (16, 4), (32, 8), (100, 25), (256, 64), (1024, 64)], ids=lambda n: str(n)
)
def test_no_server_gets_more_than_a_quarter_of_the_threads(threads, share):
    shares = Shares(threads)
    shares.learn({1: 100_000})
    assert shares.of(1) == share


def test_a_server_that_nobody_has_counted_yet_gets_the_least():
    assert Shares(threads=256).of(1) == LEAST


def test_no_server_gets_more_than_its_share_and_the_others_start_beside_it():
    shares = Shares(threads=256)
    shares.wait([*orders(1, 20), *orders(2, 3)], now=0)

    started = list(shares.start(100))

    assert [order.server_id for order in started].count(1) == LEAST
    assert [order.server_id for order in started].count(2) == 3


def test_servers_take_turns_where_threads_are_few():
    shares = Shares(threads=256)
    shares.wait([*orders(1, 5), *orders(2, 5)], now=0)
    assert [order.server_id for order in shares.start(4)] == [1, 2, 1, 2]


def test_one_that_waits_starts_when_another_ends():
    shares = Shares(threads=256)
    shares.wait(orders(1, LEAST + 1), now=0)
    begun = list(shares.start(100))
    assert list(shares.start(100)) == []

    shares.end(begun[0])

    assert len(list(shares.start(100))) == 1


def test_what_waits_is_handed_back_once_and_in_time():
    shares = Shares(threads=256)
    shares.wait(orders(1, LEAST + 1), now=10)
    list(shares.start(100))
    shares.wait(orders(1, 1), now=11)

    assert shares.waits_since() == 10
    assert len(shares.held(since=10)) == 1
    shares.give_up(since=10)
    assert shares.waits_since() == 11
    assert len(shares.held(since=11)) == 1
    shares.give_up(since=11)
    assert shares.waits_since() is None


def test_what_could_not_be_handed_back_is_still_held():
    shares = Shares(threads=256)
    shares.wait(orders(1, 2), now=10)

    assert shares.held(since=10) == shares.held(since=10) != []


def test_of_a_full_server_nothing_is_claimed_until_half_of_its_share_is_free():
    shares = Shares(threads=256)
    shares.wait([*orders(1, LEAST), *orders(2, 1)], now=0)
    begun = [order for order in shares.start(100) if order.server_id == 1]
    assert shares.full() == [1]

    said = [shares.end(order) for order in begun[: LEAST // 2]]

    assert said == [False] * (LEAST // 2 - 1) + [True]
    assert shares.full() == []


def test_of_a_server_whose_orders_wait_nothing_more_is_claimed():
    shares = Shares(threads=256)
    shares.wait(orders(1, LEAST + 1), now=0)
    begun = list(shares.start(100))
    for order in begun[:-1]:
        assert not shares.end(order)
    assert shares.full() == [1]

"""A life in which the watch and its errands write everything that they write by themselves: what happens before each.

Three clinics have a number on each of three servers, the first has three more on server 1; server 2's have tokens of their own.
"""

from tests.faults.sweep import INTERVAL, Chapter

NOBODY = "http://127.0.1.9:9/"  # a witness that is not there
MONTHS = 400 * 86_400  # seconds: more than history is kept

LIFE = [
    Chapter("all are seen for the first time, on server 1 so many that its list is wanted"),
    Chapter("the list comes", does=("list_server", "Server 1")),
    Chapter(
        "one logs out, one reconnects, a server goes down", {"1/number-0": "close", "2/number-1": "connecting"}, {"3": "down"}
    ),
    Chapter("the threshold has passed"),
    Chapter("the reason changes, and the clinics of the dead server hear of it", {"1/number-0": "banned"}),
    Chapter("one is switched off while it is down", deed=("switch_off", "Server 2", "number-1")),
    Chapter("all are back", {"1/number-0": "open", "2/number-1": "open"}, {"3": "up"}),
    Chapter("and are seen once more"),
    Chapter(
        "one is asked for too often; the tokens of a server are refused",
        {"1/number-1": "429", "2/number-0": "401", "2/number-2": "401"},
        hangs_together=True,
    ),
    Chapter("for too long", passes=1000, hangs_together=True),
    Chapter("the tokens are good again", {"1/number-1": "open", "2/number-0": "open", "2/number-2": "open"}),
    Chapter("and are seen once more"),
    Chapter("our own network is gone", network_is_gone=True, hangs_together=True),
    Chapter("and is back"),
    Chapter("one logs out, a server goes down", {"1/number-2": "close"}, {"3": "down"}),
    Chapter("the threshold has passed, and a witness is to be asked", does=("ring_with_witness", NOBODY)),
    Chapter("which does not answer", does=("ask_witness", NOBODY)),
    Chapter(
        "one moves to the official API, and the dead server is left alone",
        {"1/number-2": "official"},
        deed=("leave", "Server 3"),
    ),
    Chapter("somebody asks for a look at all", does=("look_now",)),
    Chapter(
        "nobody has looked for an hour, and one has logged out",
        {"1/number-0": "close"},
        passes=6 * INTERVAL,
        does=("come_back",),
    ),
    Chapter("all is well again", {"1/number-0": "open"}),
    Chapter("more than a year later what is old goes", passes=MONTHS, does=("prune",)),
]

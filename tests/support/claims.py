"""Claims as a test makes and plans them."""

from channels_app.models import Watch
from channels_app.turns import Turns


def claimed(limit=100):
    return [order.channel_id for order in Turns().claim(limit)]


def plan(channel, **fields):
    Watch.objects.filter(channel=channel).update(**fields)

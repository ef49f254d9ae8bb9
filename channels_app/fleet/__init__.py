"""The operator's fleet, asked: which numbers are meant, how many of what, one page of them, and everything checked at once.

Everybody's rows are read here; who may see them all is the view's question, and row-level security's.
"""

from channels_app.fleet.checks import Progress, check_everything, last_sweep, progress, pulse
from channels_app.fleet.counts import Census, ServerLine, Tally, census
from channels_app.fleet.reach import Reach
from channels_app.fleet.selection import ORDERS, PILL_LABELS, Pill, Selection, of_week
from channels_app.fleet.standing import Group, Standing
from channels_app.fleet.table import PAGE, Row, count_of_week, furnish, ordered, pages, rows
from channels_app.fleet.week import FleetWeek

__all__ = [
    "ORDERS",
    "PAGE",
    "PILL_LABELS",
    "Census",
    "FleetWeek",
    "Group",
    "Pill",
    "Progress",
    "Reach",
    "Row",
    "Selection",
    "ServerLine",
    "Standing",
    "Tally",
    "census",
    "check_everything",
    "count_of_week",
    "furnish",
    "last_sweep",
    "of_week",
    "ordered",
    "pages",
    "progress",
    "pulse",
    "rows",
]

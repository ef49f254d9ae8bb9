"""Words of the packages we take that read badly in Portuguese, or are not translated there. The catalogue says them our way.

Only the catalogue's maker reads this file. Unfold has no Portuguese at all; allauth's is complete, and changed where it
would not be understood in a clinic.
"""

from django.utils.translation import gettext_noop as _

UNFOLD = [
    _("Add row"),
    _("After you've created a user, you’ll be able to edit more user options."),
    _("All applications"),
    _("Apply Filters"),
    _("Dark"),
    _("Filters"),
    _("General"),
    _("Go back"),
    _("Light"),
    _("More actions"),
    _("Next"),
    _("No data"),
    _("No results found"),
    _("No results matching your query"),
    _("Previous"),
    _("Reset filters"),
    _("Return to site"),
    _("Run"),
    _("Search apps and models..."),
    _("Select all rows"),
    _("System"),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("Type to search"),
]
ALLAUTH = [
    _("Alternative options"),
    _("An authenticator app is not active."),
    _("Authenticator secret"),
    _("Bad Token"),
    _("Email"),
    _("Enter an authenticator code:"),
    _("Enter your password:"),
    _("Please reauthenticate to safeguard your account."),
    _("Two-Factor Authentication"),
]
BEAT = [
    _("Arguments"),
    _("Execution Options"),
    _("Interval Schedule"),
    _("Last Run Datetime"),
    _("One-off Task"),
    _("Periodic Tasks"),
    _("Schedule"),
    _("Start Datetime"),
    _("Task (custom)"),
    _("Task (registered)"),
    _("clocked"),
    _("crontab"),
    _("crontabs"),
    _("interval"),
    _("intervals"),
    _("periodic task"),
    _("periodic tasks"),
    _("solar event"),
    _("solar events"),
]

"""What Celery runs: doorbells, no logic."""

from celery import shared_task

from channels_app import bell, errands, listing, pruning, watch

AN_ERRAND = {"soft_time_limit": errands.SOFT_SECONDS, "time_limit": errands.HARD_SECONDS}


# No `expires`: it would compare the clocks of two machines. Newer senders may pass arguments that we do not know.
@shared_task(name=bell.RING, soft_time_limit=60, time_limit=75)  # seconds
def ring(**_newer_arguments: object) -> None:
    watch.look_at_what_is_due()


@shared_task(name=bell.LIST, **AN_ERRAND)
@errands.under_way()
def list_server(server_id: int, **_newer_arguments: object) -> None:
    listing.refresh(server_id)


@shared_task(name=bell.WITNESS, **AN_ERRAND)
@errands.under_way()
def ask_witness(**_newer_arguments: object) -> None:
    """Do nothing: each errand asks the witness when it is back."""


@shared_task(name=bell.PRUNE, **AN_ERRAND)
@errands.under_way()
def prune(**_newer_arguments: object) -> None:
    if pruning.prune(seconds=pruning.SECONDS_AT_ONCE).is_time_up:
        bell.go_on_pruning()


@shared_task(name=bell.SIGN, **AN_ERRAND)
@errands.under_way()
def give_sign(**_newer_arguments: object) -> None:
    """Do nothing: that it comes back is all."""

"""What Celery runs: doorbells, no logic."""

from celery import shared_task

from channels_app import bell, listing, pruning, watch, witness


# No `expires`: it would compare the clocks of two machines. Newer senders may pass arguments that we do not know.
@shared_task(name=bell.RING, soft_time_limit=60, time_limit=75)  # seconds
def ring(**_newer_arguments: object) -> None:
    watch.look_at_what_is_due()


@shared_task(name=bell.LIST, queue=bell.ERRANDS, soft_time_limit=60, time_limit=75)
def list_server(server_id: int, **_newer_arguments: object) -> None:
    listing.refresh(server_id)


@shared_task(name=bell.WITNESS, queue=bell.ERRANDS, soft_time_limit=60, time_limit=75)
def ask_witness(**_newer_arguments: object) -> None:
    witness.refresh()


@shared_task(name=bell.PRUNE, queue=bell.ERRANDS, soft_time_limit=60, time_limit=75)
def prune(**_newer_arguments: object) -> None:
    if pruning.prune(seconds=pruning.SECONDS_AT_ONCE).is_time_up:
        bell.go_on_pruning()

"""What Celery runs: doorbells, no logic."""

from celery import shared_task

from channels_app import bell, watch


# No `expires`: it would compare the clocks of two machines. Newer senders may pass arguments that we do not know.
@shared_task(name=bell.RING, soft_time_limit=60, time_limit=75)  # seconds
def ring(**_newer_arguments: object) -> None:
    watch.look_at_what_is_due()

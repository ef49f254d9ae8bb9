"""Our Celery application with a gateway on which one phone's answer kills the process: celery -A tests.support.deadly worker.

It stands for whatever ends a process without a word: a crash in a C library, the kernel's killer. The product carries no
hook for it: this launcher changes the gateway from outside, before the worker forks.
"""

import os

from celery import signals

from config.celery import app as app

DEADLY = "deadly"  # the instance's name


@signals.worker_init.connect
def _let_one_answer_kill(**_facts: object) -> None:
    from channels_app.gateways import evolution  # Django is set up by now

    look = evolution.look

    def look_or_die(target, **named):
        if target.instance_name == DEADLY:
            os._exit(66)
        return look(target, **named)

    evolution.look = look_or_die

"""Django set up once and the product surrounded; each order is obeyed in a fork of its own, which may die at a point.

    {"database": "...", "do": "ring", "with": [], "die_at": "before: …#2"}  ->  {"died": true} or {"gave": …}

Orders are lines of JSON on standard input. A fork has its own connections, its own threads and its own death; the points
that it passed are in `points` of FAULTS_FOLDER where nothing is to die.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from types import ModuleType

from tests.faults import launch

FAILED = 70


def main() -> None:
    import django

    django.setup()
    from celery import current_app

    from channels_app import bell, watch
    from tests.faults import story  # here and not in each fork

    watch.IDLE_PEEK = 0.05  # seconds: a loop with nothing left to do ends soon
    watch.FLUSH_EVERY = 60.0  # seconds: what is claimed together is written together, however slow the machine
    with current_app.connection_for_write() as broker:  # so that no fork has to load what speaks to it
        broker.default_channel.queue_purge(bell.ERRANDS)
    folder = Path(os.environ["FAULTS_FOLDER"])
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        answer = folder / "answer"
        if not (child := os.fork()):
            _obey(order, story, folder, answer)
        _, status = os.waitpid(child, 0)
        died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps({"died": True} if died else json.loads(answer.read_text())), flush=True)


def _obey(order: dict, story: ModuleType, folder: Path, answer: Path) -> None:
    try:
        from django.db import connection

        from channels_app import outage
        from tenants import scope

        scope.declare_service()
        connection.settings_dict["NAME"] = order["database"]
        launch.surround(folder, die_at=order["die_at"])
        outage.forget_tick()  # each fork is a worker of its own
        answer.write_text(json.dumps({"gave": getattr(story, order["do"])(*order["with"])}))
    except BaseException:
        answer.write_text(json.dumps({"failed": traceback.format_exc()}))
    finally:
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main()

"""The Celery app: its queues and its settings. Messages carry nudges; the truth is in the rows."""

from __future__ import annotations

from typing import Any, Final

from celery import Celery
from kombu import Exchange, Queue

from broker.domain.values import ProviderName
from workers.in_process import Transport
from workers.reactions import Nudge, Task

IN_PROCESS: Final = "memory://here/"

_DECIDED: Final = (Task.PLACE, Task.OFFERS, Task.SWEEP)
_KEPT: Final = 256
"""Nudges a queue holds at most where its server can count: older ones say nothing new."""
_KEPT_S: Final = 60
_LONGEST_STEP_S: Final = 120


def queues(providers: tuple[ProviderName, ...] = tuple(ProviderName)) -> tuple[str, ...]:
    """The names of the queues, without prefix."""
    by_cloud = [Nudge(Task.PROVISION, provider).queue for provider in providers]
    return (*(task.value for task in _DECIDED), Task.ANNOUNCE.value, *by_cloud)


def make_app(queue_url: str, prefix: str = "") -> Celery:
    """An app of its own, which is not made anybody's current one."""
    in_process = queue_url.startswith(IN_PROCESS)
    app = Celery("capacity-broker", broker=queue_url, set_as_current=False, fixups=[])
    app.conf.update(
        task_queues=[
            Queue(name, Exchange(name), name, max_length=_KEPT, message_ttl=_KEPT_S)
            for name in (f"{prefix}{queue}" for queue in queues())
        ],
        task_default_queue=f"{prefix}{Task.SWEEP.value}",
        task_create_missing_queues=False,
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # Inside one process an acknowledgement may lag; there is nobody else to leave messages to.
        worker_prefetch_multiplier=0 if in_process else 1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_transport=Transport if in_process else None,
        broker_transport_options=_transport(queue_url),
        task_publish_retry=False,
        enable_utc=True,
    )
    return app


def _transport(queue_url: str) -> dict[str, Any]:
    match queue_url.partition("://")[0]:
        case "redis" | "rediss":
            return {
                "visibility_timeout": _LONGEST_STEP_S,
                "unacked_restore_interval": 1,
                "unacked_restore_throttle": 1,
            }
        case _:
            return {"confirm_publish": True}

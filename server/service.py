"""What do the routes of one application share?"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from providers.base import Provider
from server.answers import Waiting
from server.commits import Commits
from server.metrics import Metrics
from server.webhook import Webhook
from settings import Env
from storage import Storage
from worker import Worker


@dataclass(frozen=True)
class Service:
    """What the routes of one application share."""

    database: Path
    storage: Storage
    providers: Mapping[str, Provider]
    env: Env
    worker: Worker
    waiting: Waiting
    webhook: Webhook
    metrics: Metrics
    commits: Commits
    idle: list[sqlite3.Connection] = field(default_factory=list)
    uploading: dict[str, object] = field(default_factory=dict)  # by Idempotency-Key

    def changed(self, job_id: int) -> None:
        """Tell those who want to know that the job may have ended."""
        self.waiting.wake(job_id)
        self.webhook.wake()

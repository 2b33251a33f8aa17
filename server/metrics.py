"""Metrics for Prometheus. No label holds the name of a file, a merchant or a job."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import db
from worker import Ended

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)  # OCR_TIMEOUT_S is 300


class Metrics:
    """The metrics of one server; counters and histograms begin at 0 when it starts."""

    def __init__(self, database: Path) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Stored(database))
        self._seconds = Histogram(
            "receipts_execution_seconds",
            "How long executions took, failed ones too",
            ["provider"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._failures = Counter(
            "receipts_execution_failures",
            "Executions that failed, by error code",
            ["provider", "code"],
            registry=self._registry,
        )

    def count(self, execution: Ended) -> None:
        if execution.seconds is not None:
            self._seconds.labels(execution.provider).observe(execution.seconds)
        if execution.error_code:
            self._failures.labels(execution.provider, execution.error_code).inc()

    def exposed(self, accept: str) -> tuple[bytes, str]:
        """All metrics as text, and its media type, chosen by the Accept header."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type


class _Stored(Collector):
    """Gauges read from the database at each scrape: a few rows, however many jobs there are."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with closing(db.connect(self._database)) as connection:
            jobs, receipts = db.count_by_status(connection), db.count_receipts(connection)
            unfinished = {s: db.count_executions(connection, s) for s in ("pending", "running")}
            oldest_s = db.waiting_s(connection)
        yield _by("status", "receipts_jobs", "Jobs by status", jobs)
        yield _by("state", "receipts_stored", "Receipts by state", receipts)
        yield _by("status", "receipts_executions", "Unfinished executions by status", unfinished)
        yield GaugeMetricFamily(
            "receipts_queue_depth", "Executions that wait", value=unfinished["pending"]
        )
        yield GaugeMetricFamily(
            "receipts_queue_oldest_seconds",
            "How long the oldest of these has waited, 0 for none",
            value=oldest_s,
        )


def _by(label: str, name: str, documentation: str, counts: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family

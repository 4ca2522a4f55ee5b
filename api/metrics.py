"""Our own figures for Prometheus. Labels are words of the code, never ids, names or numbers."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

BUCKETS = (0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""The goals are 15 and 50 ms for a start, 100 ms for a webhook."""


class Metrics:
    """One registry per application, so that two in one process do not collide."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "handover_api_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "handover_api_request_seconds",
            "Time to the answer's first byte.",
            ("route", "method"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._facts = Counter(
            "handover_api_facts",
            "Facts out of Twilio's webhooks, by kind and by who heard them.",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self._starts = Counter(
            "handover_api_starts",
            "Starts of transfers by what came of them.",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self._streams = Gauge(
            "handover_api_streams", "Event streams that are open.", registry=self.registry
        )
        self.open_streams = 0

    def stream_opened(self) -> None:
        """One more listener."""
        self.open_streams += 1
        self._streams.set(self.open_streams)

    def stream_closed(self) -> None:
        """One listener less."""
        self.open_streams -= 1
        self._streams.set(self.open_streams)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One answered request. `route` is the template, not the path."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)

    def fact(self, kind: str, outcome: str) -> None:
        """One webhook: what it told, and who heard it."""
        self._facts.labels(kind, outcome).inc()

    def start(self, kind: str, outcome: str) -> None:
        """One start of a transfer: started, replayed or refused."""
        self._starts.labels(kind, outcome).inc()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self.registry)

"""Whether the cloud takes this machine back, asked in each cloud's way from the machine itself.

A part of the one file that a machine is sent. Azure: Scheduled Events. EC2: `spot/instance-action`
of the instance metadata service, version 2. Google: `instance/preempted`. Oracle tells a machine
nothing: there the broker finds out from outside.
"""

from __future__ import annotations

import json
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

TYPE_CHECKING = False  # importing typing would lengthen the start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

LINK_LOCAL = "http://169.254.169.254"
# Google holds the question until the answer is another one.
ASKED_EVERY_S = {"azure": 1.0, "aws": 5.0, "gcp": 0.2}
TROUBLED_S, HELD_S, ANSWERED_S, FOUND = 5.0, 60, 10.0, 200
AZURE = "/metadata/scheduledevents?api-version=2020-07-01"
AWS_TOKEN, AWS = "/latest/api/token", "/latest/meta-data/spot/instance-action"
GCP = "/computeMetadata/v1/instance/preempted"
GCP_HARD_OFF_S = 30


class Source:
    """Where a machine is told of its own end."""

    def __init__(self, cloud: str, base: str) -> None:
        self.cloud, parts = cloud, urlsplit(base)
        self.host, self.port, self.path = parts.hostname or "", parts.port, parts.path.rstrip("/")
        self.every_s, self.token, self.etag = ASKED_EVERY_S[cloud], "", "0"

    def ask(
        self, path: str, headers: dict[str, str], verb: str = "GET", limit_s: float = ANSWERED_S
    ) -> tuple[int, str]:
        """Status and text. Raises OSError or HTTPException where nobody answers."""
        line = HTTPConnection(self.host, self.port, timeout=limit_s)
        try:
            line.request(verb, self.path + path, headers=headers)
            with line.getresponse() as answer:
                self.etag = answer.getheader("ETag") or "0"
                return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            line.close()

    def look(self) -> tuple[str, str] | None:
        """When the machine is to be gone, and the cloud's word for it; None: it may stay."""
        return next({"azure": self.azure, "aws": self.aws, "gcp": self.gcp}[self.cloud](), None)

    def azure(self) -> Iterator[tuple[str, str]]:
        _, text = self.ask(AZURE, {"Metadata": "true"})
        for event in json.loads(text).get("Events", ()):
            over = event.get("EventStatus") in ("Completed", "Canceled")
            if event.get("EventType") == "Preempt" and not over:
                due = event.get("NotBefore")  # empty once it has begun
                yield instant(parsedate_to_datetime(due).timestamp() if due else now()), "Preempt"

    def aws(self) -> Iterator[tuple[str, str]]:
        if not self.token:
            kept = {"X-aws-ec2-metadata-token-ttl-seconds": "21600"}
            status, told = self.ask(AWS_TOKEN, kept, "PUT")
            self.token = told if status == FOUND else ""
        status, text = self.ask(AWS, {"X-aws-ec2-metadata-token": self.token})
        if status == FOUND:
            said = json.loads(text)
            yield said["time"], said["action"]
        elif status in (401, 403):
            self.token = ""

    def gcp(self) -> Iterator[tuple[str, str]]:
        held = f"?wait_for_change=true&timeout_sec={HELD_S}&last_etag={self.etag}"
        status, text = self.ask(GCP + held, {"Metadata-Flavor": "Google"}, limit_s=HELD_S + 10.0)
        if status == FOUND and text.strip() == "TRUE":
            yield instant(now() + GCP_HARD_OFF_S), "preempted"


def now() -> float:
    return time.time()


def instant(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def source(environment: MutableMapping[str, str]) -> Source | None:
    """What the machine was started with; it is not for its command. None: nobody would tell."""
    base = environment.pop("BROKER_METADATA", LINK_LOCAL)
    cloud = environment.pop("BROKER_NOTICES", "")
    return Source(cloud, base) if cloud in ASKED_EVERY_S else None


def listen(asked: Source, heard: Callable[[str, str], None]) -> None:
    """Ask until there is a notice; that is passed on, and the asking is over."""
    while True:
        try:
            notice = asked.look()
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            notice = None
            time.sleep(TROUBLED_S)
        if notice:
            heard(*notice)
            return
        time.sleep(asked.every_s)

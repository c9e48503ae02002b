"""What runs on a leased machine: it enrols, runs the work, ships the log and ends the machine.

Standard library only, Python 3.8 or later; a machine is sent it with its parts as one file, and it
listens on nothing. The main thread watches the job, the clock and signals; another only talks to
the broker, so that a broker that hangs delays neither a job's end nor the dead-man's switch; on
spot a third asks whether the cloud takes the machine back. Every call may be repeated without harm.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import signal
import socket
import sys
import threading
import time
from http.client import HTTPException
from subprocess import DEVNULL, PIPE, Popen, call

from workers.agent_line import Line, RefusedError
from workers.agent_notices import listen, source

TYPE_CHECKING = False  # importing typing would lengthen the start
if TYPE_CHECKING:
    from typing import Any

OURS = ("BROKER_URL", "BROKER_TOKEN", "BROKER_END_MACHINE", "BROKER_LAPSE_S")
FAULTS = (OSError, HTTPException, ValueError, KeyError, TypeError)
RETRY_S, LAPSE_S, NEVER = 2.0, 300.0, float("inf")
FIRST_WORD_S, BATCH_S, IDLE_S = 0.04, 0.2, 0.02
CHUNK, CHUNK_OVERHEAD, PARCEL_CHUNKS, BATCH, FULL = 16_384, 1_024, 64, 65_536, 4_194_304
TIMED_OUT, CANNOT_START, KNOWS_GROUPS = 124, 126, sys.version_info >= (3, 11)


class Job:
    """The work of one lease: a process group, its pipes, its log and its end."""

    def __init__(self, work: dict[str, Any], environment: dict[str, str], now: float) -> None:
        """Start the command; one that cannot be started has ended."""
        self.lease, self.grace_s, limit = work["lease"], work["grace_s"], work.get("timeout_s")
        self.started, self.kill_at, self.last, self.sent = now, NEVER, 0, 0
        self.timeout_at = NEVER if limit is None else now + limit
        self.stopping = self.timed_out = False
        self.chunks: list[dict[str, Any]] = []
        self.pipes: dict[Any, tuple[str, codecs.IncrementalDecoder]] = {}
        self.leader: Any = None
        self.exit_code: int | None = None
        room = "job-" + os.urandom(6).hex()
        group: dict[str, Any] = {"process_group": 0} if KNOWS_GROUPS else {"preexec_fn": os.setpgrp}
        lifeline, held = os.pipe()  # ends when all that inherited it has ended
        how = dict(group, cwd=room, env=environment, stdin=DEVNULL, bufsize=0, pass_fds=(held,))
        try:
            os.mkdir(room, 0o700)  # noqa: PTH102 - pathlib would lengthen the start
            self.leader = Popen(["/bin/sh", "-c", work["run"]], stdout=PIPE, stderr=PIPE, **how)  # noqa: S603
        except (OSError, ValueError) as fault:
            self.exit_code = CANNOT_START
            self.log("err", f"the job could not be started: {fault}\n")
            return
        os.close(held)
        ends = (self.leader.stdout, self.leader.stderr, io.FileIO(lifeline))
        for stream, pipe in zip(("out", "err", "out"), ends):  # noqa: B905 - knows 3.8
            os.set_blocking(pipe.fileno(), False)
            self.pipes[pipe] = (stream, codecs.getincrementaldecoder("utf-8")("replace"))

    def log(self, stream: str, text: str) -> None:
        """Number the text as a chunk, or lengthen the newest; what was sent never changes."""
        newest = self.chunks[-1] if self.last > self.sent else {"stream": "", "text": ""}
        if newest["stream"] == stream and len(newest["text"]) + len(text) <= CHUNK:
            newest["text"] += text
            return
        self.last += 1
        now = time.time()
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1e6):06d}Z"
        chunk = {"lease": self.lease, "seq": self.last, "at": at, "stream": stream, "text": text}
        self.chunks.append(chunk)

    def weight(self) -> int:
        return sum(len(chunk["text"]) + CHUNK_OVERHEAD for chunk in self.chunks)

    def stop(self, now: float) -> None:
        if not self.stopping:
            self.stopping = True
            self.timeout_at, self.kill_at = NEVER, now + self.grace_s
            self.signal_group(signal.SIGTERM)

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(OSError):
            if self.leader and self.exit_code is None:
                os.killpg(self.leader.pid, number)

    def watch(self, now: float) -> float:
        """Notice the end and do what is due; says when to look again at the latest."""
        if self.exit_code is not None or self.leader is None:
            return NEVER
        code = self.leader.poll()
        if code is None and now >= self.timeout_at:
            self.timed_out = True
            self.stop(now)
        if now >= self.kill_at:
            self.kill_at = NEVER
            self.signal_group(signal.SIGKILL)
        # A shell dies of SIGTERM at once; what it started keeps the rest of the grace.
        if code is None or (self.kill_at < NEVER and self.pipes):
            return min(self.kill_at, self.timeout_at)
        self.signal_group(signal.SIGKILL)
        for pipe in list(self.pipes):
            all(self.read(pipe) for _ in range(64))  # a pipe holds at most 1 MB
            pipe.close()  # though a daemon that left the group may hold the other end for ever
        self.pipes.clear()
        self.exit_code = TIMED_OUT if self.timed_out else code if code >= 0 else 128 - code
        return NEVER

    def read(self, pipe: Any) -> bool:  # noqa: ANN401 - Popen's own
        """Log what a pipe holds, within bounds; says whether it may hold more."""
        raw = pipe.read(CHUNK)  # None: nothing now; empty: nothing ever again
        stream, decoder = self.pipes[pipe]
        text = decoder.decode(raw or b"", final=raw == b"")
        if text:
            self.log(stream, text)
        if raw == b"":
            pipe.close()
            del self.pipes[pipe]
        return bool(raw)


class Agent:
    """One machine's stay with the broker; what both threads touch is guarded by `news`."""

    def __init__(self, url: str, token: str, lapse_s: float, environment: dict[str, str]) -> None:
        session = os.urandom(32).hex()
        self.enrolment = {"token": token, "session": session, "pid": os.getpid(), "version": 1}
        self.wire, here = Line(url), os.getcwd()  # noqa: PTH109 - pathlib would lengthen the start
        self.environment = {**environment, "BROKER_NOTICE": os.path.join(here, "notice")}  # noqa: PTH118
        self.news, self.leaving = threading.Condition(), threading.Event()
        self.bell, self.rope = os.pipe()
        os.set_blocking(self.rope, False)
        self.deadline = time.monotonic() + lapse_s
        self.beat_s, self.not_before, self.last_beat, self.failures = 1.0, 0.0, 0.0, 0
        self.enrolled, self.ending, self.urgent, self.lost = False, False, False, ""
        self.notice: dict[str, str] | None = None
        self.kept = self.environment.pop("BROKER_CHECKPOINTS", "")
        self.job: Job | None = None
        self.jobs: dict[str, Job] = {}
        self.berth = socket.socket()  # holds a port free until a job starts that may be rank 0
        self.berth.bind(("", 0))
        self.port = self.berth.getsockname()[1]

    def talk(self) -> None:
        """The talking thread: one call after another; what fails is told again a little later."""
        while not self.lost:
            with self.news:
                while (pause := self.next_call_at() - time.monotonic()) > 0:
                    self.news.wait(pause)
                body = self.report() if self.enrolled else self.enrolment
                self.last_beat, self.urgent = time.monotonic(), False
            try:
                answer = self.wire.call("beat" if self.enrolled else "enrol", body)
                with self.news:
                    self.obey(answer, body) if self.enrolled else self.settle_in(answer)
                    self.failures = 0
            except RefusedError as refusal:
                self.lost = str(refusal)
            except FAULTS:
                self.failures += 1
                self.not_before = time.monotonic() + min(RETRY_S, 0.02 * 2 ** min(self.failures, 8))
            os.write(self.rope, b"\0")

    def next_call_at(self) -> float:
        job = self.job
        if job is None or self.failures or self.urgent:
            return self.not_before
        wanted = self.last_beat + self.beat_s
        if job.exit_code is not None or job.weight() >= BATCH:
            wanted = 0.0
        elif job.chunks:
            wanted = self.last_beat + BATCH_S if job.sent else 0.0
        elif self.last_beat < job.started:
            wanted = job.started + FIRST_WORD_S
        return max(wanted, self.not_before)

    def report(self) -> dict[str, Any]:
        """What a beat tells; the end is told with the last of the log, never before it."""
        job, us = self.job, {"port": self.port, "address": self.wire.address}
        us["notice"] = self.notice
        if job is None:
            return {**us, "state": "idle", "lease": None, "exit_code": None, "chunks": []}
        chunks = job.chunks[:PARCEL_CHUNKS]
        job.sent = max(job.sent, job.last - len(job.chunks) + len(chunks))
        ended = job.exit_code is not None and len(chunks) == len(job.chunks)
        state, code = ("ended", job.exit_code) if ended else ("running", None)
        told = {"state": state, "lease": job.lease, "exit_code": code, "chunks": chunks}
        return {**us, **told, "timed_out": ended and job.timed_out}

    def settle_in(self, answer: dict[str, Any]) -> None:
        self.beat_s, self.enrolled = float(answer["beat_s"]), True
        self.wire.headers["Authorization"] = f"Bearer {self.enrolment['session']}"

    def obey(self, answer: dict[str, Any], body: dict[str, Any]) -> None:
        """While a job runs its lease counts from the asking, as no answer can be older."""
        now, job, do = time.monotonic(), self.job, answer["do"]
        self.deadline = (self.last_beat if job else now) + float(answer["lapses_s"])
        self.not_before = now + max(IDLE_S, float(answer.get("wait_s") or 0))
        if job is not None:
            acked = int(answer.get("acked") or 0)
            job.chunks = [chunk for chunk in job.chunks if chunk["seq"] > acked]
            stuck = body["chunks"] and acked < body["chunks"][0]["seq"]
            self.not_before = now + self.beat_s if stuck else 0.0
            if body["state"] == "ended" and not job.chunks:
                self.job = None
        if do == "run" and self.job is None and not self.going():
            work = answer["work"]
            if work["lease"] not in self.jobs:  # one that was run before is only reported again
                self.berth.close()
                self.jobs[work["lease"]] = Job(work, self.surroundings(work["env"]), now)
            self.job, self.not_before = self.jobs[work["lease"]], 0.0
            if self.notice:
                self.job.signal_group(signal.SIGTERM)
        elif do == "stop" and self.job is not None:
            self.job.stop(now)
        self.ending = self.ending or do == "end"

    def surroundings(self, env: dict[str, str]) -> dict[str, str]:
        """What the command finds, a directory that outlives the machine included."""
        found = {**self.environment, **env}
        ours = found.pop("BROKER_CHECKPOINT", "")
        if self.kept and ours:
            found["BROKER_CHECKPOINT_DIR"] = kept = os.path.join(self.kept, ours)  # noqa: PTH118
            with contextlib.suppress(OSError):
                os.makedirs(kept, exist_ok=True)  # noqa: PTH103
        return found

    def heed(self, until: str, said: str) -> None:
        """The cloud takes the machine back: tell the command, and the broker at once."""
        with contextlib.suppress(OSError), open(self.environment["BROKER_NOTICE"], "w") as note:  # noqa: PTH123
            note.write(until + "\n")
        with self.news:
            self.notice, self.urgent = {"until": until, "said": said}, True
            if self.job:
                self.job.signal_group(signal.SIGTERM)
            self.news.notify()

    def going(self) -> bool:
        return bool(self.lost) or self.ending or self.leaving.is_set()

    def attend(self) -> None:
        """The main thread: watch job, clock and signals until it is time to go."""
        while True:
            with self.news:
                now, job = time.monotonic(), self.job
                if now >= self.deadline:
                    self.lost = self.lost or "no answer for the length of the lease"
                if self.lost or (self.going() and not job):
                    return
                if job and self.going():
                    job.stop(now)
                until = min(self.deadline, job.watch(now) if job else NEVER)
                pipes = list(job.pipes) if job and job.weight() < FULL else []
                self.news.notify()
            ready = select.select([self.bell, *pipes], [], [], max(0.0, until - now))[0]
            with self.news:
                for end in ready:
                    if end == self.bell:
                        os.read(self.bell, CHUNK)
                    elif job and end in job.pipes:
                        job.read(end)


def main() -> int:
    url, token, end, lapse = (os.environ.pop(name, "") for name in OURS)
    notices = source(os.environ)
    agent = Agent(url, token, float(lapse or LAPSE_S), dict(os.environ))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.leaving.set())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(agent.rope, warn_on_full_buffer=False)
    threading.Thread(target=agent.talk, daemon=True).start()
    if notices:
        threading.Thread(target=listen, args=(notices, agent.heed), daemon=True).start()
    try:
        agent.attend()
    except Exception as fault:  # noqa: BLE001 - a fault of ours must not keep the machine
        agent.lost = f"the agent failed: {fault!r}"
    if agent.job:
        agent.job.signal_group(signal.SIGKILL)
    sys.stderr.write(f"agent: {agent.lost or 'done'}\n")
    for pause in (0, 1, 5, 30) if end and (agent.lost or agent.ending) else ():
        time.sleep(pause)
        if call(["/bin/sh", "-c", end]) == 0:  # noqa: S603 - the machine's own command
            break
    return 1 if agent.lost else 0


if __name__ == "__main__":
    sys.exit(main())

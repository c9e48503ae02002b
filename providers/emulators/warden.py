"""The process that starts and ends machines, and outlives whoever asked it to.

Run as a program of its own, standard library only: `warden.py FD ROOT`. Over the socket FD it is
told `start ID` and `end ID`, and tells `ended ID`. When the socket closes, by whatever death of
the other side, it ends every process under it, removes ROOT and leaves.

On Linux it adopts orphans, so that everything a machine ever starts stays below this process,
whatever sessions it makes: nothing escapes, and nothing else can be hit.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

CONSOLE_LIMIT: Final = 1 << 20
MARK: Final = "LOCAL_CLOUD_MACHINE"
START_UP: Final = "./start-up"
END_SCRIPT: Final = "end-machine"
_PR_SET_CHILD_SUBREAPER: Final = 36
_TRIES: Final = 400
_PAUSE_S: Final = 0.005


class Alive(NamedTuple):
    """A process that is not a zombie."""

    pid: int
    parent: int
    session: int


@dataclass(slots=True)
class _Machine:
    leader: int
    console: int
    written: int = 0


def processes() -> list[Alive]:
    """Every living process of this computer."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(
            ["/bin/ps", "-axo", "pid=,ppid=,pgid=,stat="], capture_output=True, check=False
        )
        rows = [line.split() for line in listed.stdout.decode().splitlines()]
        return [Alive(int(r[0]), int(r[1]), int(r[2])) for r in rows if not r[3].startswith("Z")]
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 - some hundred names, many times
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError):
                state, *numbers = _read(f"/proc/{entry}/stat").rpartition(b")")[2].split()[:4]
                if state not in (b"Z", b"X"):
                    found.append(Alive(int(entry), int(numbers[0]), int(numbers[2])))
    return found


def marked(pid: int, machine: str) -> bool:
    """Whether a process carries the machine's mark in its environment."""
    with contextlib.suppress(OSError):
        return f"{MARK}={machine}\0".encode() in _read(f"/proc/{pid}/environ") + b"\0"
    return False


def _stands_in(pid: int, home: str) -> bool:
    with contextlib.suppress(OSError):
        return f"{os.readlink(f'/proc/{pid}/cwd')}/".startswith(f"{home}/")  # noqa: PTH115
    return False


def below(roots: set[int], alive: list[Alive]) -> set[int]:
    """The roots' descendants, without the roots."""
    children: dict[int, list[int]] = {}
    for process in alive:
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    open_ends = list(roots)
    while open_ends:
        fresh = [pid for pid in children.get(open_ends.pop(), []) if pid not in found]
        found.update(fresh)
        open_ends.extend(fresh)
    return found


def kill(pids: set[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 20)
    finally:
        os.close(descriptor)


class Warden:
    """Starts machines, buries them, and knows which processes are whose."""

    def __init__(self, control: socket.socket, root: Path) -> None:
        self._control = control
        self._root = root
        self._adopts = _adopt_orphans()
        self._machines: dict[str, _Machine] = {}
        self._over: list[str] = []
        self._unread = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._woken, waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._woken, selectors.EVENT_READ)

    def watch(self) -> None:
        """Serve until the other side is gone, then leave nothing behind."""
        try:
            while self._step():
                pass
        finally:
            self._end_all()
            shutil.rmtree(self._root, ignore_errors=True)

    def _step(self) -> bool:
        listening = True
        for key, _ in self._selector.select():
            if key.fileobj is self._control:
                listening = self._obey()
            elif key.fd == self._woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                self._bury()
            else:
                self._write_console(str(key.data))
        while self._over:
            self._end(self._over.pop())
        return listening

    def _obey(self) -> bool:
        try:
            heard = self._control.recv(65536)
        except OSError:
            heard = b""
        *lines, self._unread = (self._unread + heard).split(b"\n")
        for line in lines:
            verb, _, machine = line.decode().partition(" ")
            if verb == "start":
                self._start(machine)
            elif machine in self._machines:
                self._over.append(machine)
        return bool(heard)

    def _tell_ended(self, machine: str) -> None:
        with contextlib.suppress(OSError):
            self._control.sendall(f"ended {machine}\n".encode())

    def _start(self, machine: str) -> None:
        output, console = os.pipe()
        leader = os.fork()
        if leader == 0:
            _become(machine, self._root / machine, console)
        os.close(console)
        os.set_blocking(output, False)
        self._machines[machine] = _Machine(leader, output)
        self._selector.register(output, selectors.EVENT_READ, machine)

    def _write_console(self, machine: str) -> None:
        """Keep the beginning of what a machine says; the rest is read and forgotten."""
        known = self._machines.get(machine)
        if known is None:
            return
        try:
            said = os.read(known.console, 65536)
        except BlockingIOError:
            return
        if not said:
            self._selector.unregister(known.console)
            return
        kept = said[: CONSOLE_LIMIT - known.written]
        if kept:
            known.written += len(kept)
            console = self._root / machine / "console.log"
            with contextlib.suppress(OSError), console.open("ab") as log:
                log.write(kept)

    def _bury(self) -> None:
        """A machine whose first process has ended is over; orphans are only buried."""
        leaders = {known.leader: machine for machine, known in self._machines.items()}
        with contextlib.suppress(ChildProcessError):
            while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                if pid in leaders:
                    self._over.append(leaders[pid])

    def _end(self, machine: str) -> None:
        known = self._machines.get(machine)
        if known is None:
            return
        self._kill_until_none(lambda: self._of(machine, known.leader))
        with contextlib.suppress(KeyError):
            self._selector.unregister(known.console)
        os.close(known.console)
        del self._machines[machine]
        self._tell_ended(machine)

    def _end_all(self) -> None:
        for machine in list(self._machines):
            self._end(machine)
        if self._adopts:
            self._kill_until_none(lambda: below({os.getpid()}, processes()))

    def _kill_until_none(self, doomed: Callable[[], set[int]]) -> None:
        for _ in range(_TRIES):
            found = doomed()
            if not found:
                return
            kill(found)
            time.sleep(_PAUSE_S)
            self._bury()

    def _of(self, machine: str, leader: int) -> set[int]:
        """The machine's processes: its session, whatever bears its mark, and all below them."""
        alive, home = processes(), str(self._root / machine)
        ours = below({os.getpid()}, alive) if self._adopts else {leader} | below({leader}, alive)
        found = {
            process.pid
            for process in alive
            if process.pid in ours
            and (
                leader in (process.pid, process.session)
                or marked(process.pid, machine)
                or _stands_in(process.pid, home)
            )
        }
        return found | below(found, alive)


def _adopt_orphans() -> bool:
    """Become the parent of every orphan below; only Linux knows this."""
    if not sys.platform.startswith("linux"):
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def _become(machine: str, home: Path, console: int) -> NoReturn:
    """Turn this forked process into the machine's first one."""
    try:
        os.setsid()
        os.chdir(home)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(console, 1)
        os.dup2(console, 2)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        Path("leader").write_text(f"{os.getpid()}\n")
        search = [str(Path(sys.executable).parent), *os.get_exec_path()]
        environment = {
            "PATH": os.pathsep.join(search),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "BROKER_END_MACHINE": f"/bin/sh {shlex.quote(str(home / END_SCRIPT))}",
            MARK: machine,
        }
        if Path(START_UP).read_bytes()[:9] != b"#!/bin/sh":
            with contextlib.suppress(OSError):
                os.execve(START_UP, [START_UP], environment)  # noqa: S606
        os.execve("/bin/sh", ["/bin/sh", START_UP], environment)  # noqa: S606
    finally:
        os._exit(127)


def main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as control:
        control.set_inheritable(False)  # else every machine would hold it, and could speak
        signal.signal(signal.SIGTERM, lambda *_: control.shutdown(socket.SHUT_RDWR))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        Warden(control, Path(sys.argv[2])).watch()


if __name__ == "__main__":
    main()

"""Machines that are processes on this computer; a warden starts them, ends them and outlives us."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from providers.emulators import warden

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_CLOSING_S: Final = 10.0

# The leader's group is named by its own first process, so nothing else can be hit by it.
_END_SCRIPT: Final = 'read -r leader <{leader} && exec kill -s KILL -- "-$leader"\n'


class LocalComputer:
    """Runs start-up scripts as machines: each a session of its own, in a directory of its own.

    However this process ends, the warden ends every machine and removes every directory.
    """

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="local-cloud-")).resolve()
        self._ends: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._closing = False
        self._control, theirs = socket.socketpair()
        with theirs:
            self._warden = subprocess.Popen(  # noqa: S603 - our own program
                [
                    *(sys.executable, "-I", "-S", warden.__file__),
                    *(str(theirs.fileno()), str(self.root)),
                ],
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._listener = threading.Thread(target=self._listen, name="warden", daemon=True)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def warden_pid(self) -> int:
        return self._warden.pid

    def start(self, machine: str, script: bytes, ended: Callable[[], None]) -> None:
        """Run the script as the machine; `ended` is called once, after its last process died."""
        home = self.root / machine
        home.mkdir(mode=0o700)
        start_up = home / warden.START_UP
        start_up.write_bytes(script)
        start_up.chmod(0o700)
        leader = shlex.quote(str(home / "leader"))
        (home / warden.END_SCRIPT).write_text(_END_SCRIPT.format(leader=leader))
        with self._lock:
            self._ends[machine] = ended
        self._say(f"start {machine}")

    def end(self, machine: str) -> None:
        """Begin to end every process of the machine; one that is over already is left alone."""
        self._say(f"end {machine}")

    def close(self) -> None:
        """End every machine, and return when nothing of them is left."""
        self._closing = True
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        self._listener.join(_CLOSING_S)
        self._warden.wait(_CLOSING_S)
        self._control.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def _say(self, line: str) -> None:
        # A warden that died is seen by the listener, which ends the machines in its place.
        with contextlib.suppress(OSError), self._lock:
            self._control.sendall(f"{line}\n".encode())

    def _listen(self) -> None:
        unread = b""
        while True:
            try:
                heard = self._control.recv(65536)
            except OSError:
                heard = b""
            *lines, unread = (unread + heard).split(b"\n")
            for line in lines:
                self._over(line.decode().removeprefix("ended "))
            if not heard:
                break
        with self._lock:
            left = list(self._ends)
        for machine in left:
            if not self._closing:
                warden.kill({p.pid for p in warden.processes() if warden.marked(p.pid, machine)})
            self._over(machine)

    def _over(self, machine: str) -> None:
        with self._lock:
            ended = self._ends.pop(machine, None)
        if ended is not None:
            ended()
            shutil.rmtree(self.root / machine, ignore_errors=True)

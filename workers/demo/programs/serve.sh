# A server that answers over a socket, and a client beside it that measures the answers.
exec python -ISu - <<'PY'
import os
import signal
import socket
import sys
import threading
import time

where = os.environ.get("BROKER_PROVIDER", "?") + " " + os.environ.get("BROKER_REGION", "?")
unit, run_s = os.environ.get("BROKER_UNIT", "0"), float(os.environ.get("RUN_S", "2"))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
server = socket.create_server(("127.0.0.1", 0))


def serve():
    while True:
        line, _ = server.accept()
        with line:
            prompt = line.recv(4096).decode()
            line.sendall(" ".join(reversed(prompt.split())).encode())


threading.Thread(target=serve, daemon=True).start()
print(f"replica {unit} serves on {where}, port {server.getsockname()[1]}")
until, took = time.monotonic() + run_s, []
while time.monotonic() < until:
    for _ in range(5):
        asked = time.perf_counter()
        with socket.create_connection(server.getsockname()) as line:
            line.sendall(b"who is asked first")
            line.recv(4096)
        took.append(1000 * (time.perf_counter() - asked))
    took.sort()
    print(f"replica {unit}: {len(took)} answers, p50 {took[len(took) // 2]:.2f} ms")
    time.sleep(min(1.0, run_s / 4))
PY

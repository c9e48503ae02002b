# Fits a line by gradient descent, one machine of a gang or alone, and says how it goes.
exec python -ISu - <<'PY'
import os
import random
import signal
import sys
import time

say = os.environ.get
rank, world = int(say("RANK", "0")), int(say("WORLD_SIZE", "1"))
where = say("BROKER_PROVIDER", "?") + " " + say("BROKER_REGION", "?")
meets = say("MASTER_ADDR", "") and ", meets at " + say("MASTER_ADDR") + ":" + say("MASTER_PORT", "")
run_s, code, steps = float(say("RUN_S", "2")), int(say("EXIT_CODE", "0")), 8
step = 0


def stop(*_):
    print(f"rank {rank}: told to stop, checkpoint of step {step} kept", flush=True)
    sys.exit(143)


signal.signal(signal.SIGTERM, stop)
print(f"rank {rank} of {world} on {where}{meets}")
chance = random.Random(rank)
data = [(x, 3.0 * x - 1.0 + chance.gauss(0, 0.05)) for x in (chance.random() for _ in range(64))]
slope = shift = 0.0
for step in range(1, steps + 1):
    for _ in range(20):
        off = [(slope * x + shift - y, x) for x, y in data]
        slope -= 0.5 * sum(d * x for d, x in off) / len(off)
        shift -= 0.5 * sum(d for d, _ in off) / len(off)
    loss = sum(d * d for d, _ in off) / len(off)
    print(f"rank {rank} step {step}/{steps} loss {loss:.5f}")
    if code and step == steps // 2:
        print(f"rank {rank}: loss is not finite after step {step}, giving up", file=sys.stderr)
        sys.exit(code)
    time.sleep(run_s / steps)
print(f"rank {rank}: y = {slope:.2f} x {shift:+.2f}")
PY

"""`python -m providers.emulators`: the local clouds as one process."""

from __future__ import annotations

import sys

from providers.emulators.host import run

sys.exit(run(sys.argv[1:]))

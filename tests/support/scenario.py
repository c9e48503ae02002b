"""A scenario of ten jobs whose figures can be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Final

POOLS: Final = """\
provider,region,sku,gpus_per_unit,max_units,price_usd_hour
azure,eastus,nc,1,2,3.00
aws,us-east-1,g5,1,3,2.00
oci,us-ashburn-1,vm,1,9,2.50
"""
CAPACITY: Final = """\
provider,region_or_zone,sku,start_s,end_s,available_units_or_flag
azure,eastus,nc,0,100,2
aws,us-east-1,g5,0,100,3
oci,us-ashburn-1,vm,0,100,9
"""
_HEAD: Final = "job_id,submit_s,duration_s,gpus,gpu_model,kind,tenant\n"
JOBS: Final = _HEAD + "".join(f"j{n},{n},3600,1,,inference,lab\n" for n in range(10))


def written(
    folder: Path, *, jobs: str = JOBS, pools: str = POOLS, capacity: str = CAPACITY
) -> Path:
    (folder / "jobs.csv").write_text(jobs)
    (folder / "pools.csv").write_text(pools)
    (folder / "capacity.csv").write_text(capacity)
    return folder

"""Traces of other clusters: small files of our own in their formats, and the real ones if there."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, Final

import pytest

from broker.replay.formats import foreign_rows
from broker.replay.formats.azure_llm import replicas
from broker.replay.traces import MalformedTraceError, read_scenario
from tests.support.replays import asked, by_name, refused, said
from tests.support.scenario import JOBS, written

DATA: Final = Path(__file__).parents[3] / "shared" / "data"

MURI: Final = """\
job_id,num_gpu,submit_time,iterations,model_name,batch_size,duration,interval,priority
0,1,0,5853,dqn,128,2868000,46122000,1
1,8,61500,8787,vgg16,16,1500,61500,0
"""
PHILLY: Final = """\
[
  {"status": "Pass", "vc": "ee9e8c", "jobid": "application_1", "user": "u1",
   "submitted_time": "2017-10-09 07:01:56",
   "attempts": [
     {"start_time": "2017-10-09 07:02:29", "end_time": "2017-10-09 07:02:59",
      "detail": [{"ip": "m1", "gpus": ["gpu0"]}]},
     {"start_time": "2017-10-09 07:10:00", "end_time": "2017-10-09 07:11:00",
      "detail": [{"ip": "m1", "gpus": ["gpu0", "gpu1"]}, {"ip": "m2", "gpus": ["gpu4"]}]}]},
  {"status": "Killed", "vc": "ee9e8c", "jobid": "never", "user": "u2",
   "submitted_time": "2017-10-09 07:02:00", "attempts": []},
  {"status": "Failed", "vc": "2869ce", "jobid": "application_2", "user": "u3",
   "submitted_time": "2017-10-09 07:01:26",
   "attempts": [{"start_time": "2017-10-09 07:01:30", "end_time": "2017-10-09 07:01:40",
      "detail": [{"ip": "m1", "gpus": ["gpu0"]}]}]}
]
"""
PODS: Final = """\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time
pod-0,12000,16384,1,460,,LS,Running,100,1100,110
pod-1,20000,65536,0,0,,LS,Running,120,220,120
pod-2,88000,327680,8,1000,G2,Burstable,Succeeded,160,460,160
pod-3,11908,47104,1,1000,,BE,Pending,170,180,
"""
TASKS: Final = """\
j1,tensorflow,1.0,Terminated,1000.0,1038.0,600.0,29.3,50.0,MISC
j1,ps,2.0,Terminated,1000.0,1038.0,600.0,29.3,,
j2,worker,3.0,Terminated,1010.0,1110.0,600.0,29.3,100.0,V100
j3,worker,1.0,Running,1010.0,,600.0,29.3,100.0,V100
"""
PUBLISHED_MURI: Final = """\
job_id,num_gpu,submit_time,iterations,model_name,batch_size,duration,interval,iteration_time,resource_time_0,resource_time_1,resource_time_2,priority
0,1,0,1218367,dqn,128,597000000,81000,490,446,8,0,1
1,32,81000,55,gpt2,4,28000,15000,514,0.7,414,216,0
2,8,81000,611,vgg19,16,138500,0,226,82,88,60,0
"""
"""The columns of its `simulator/trace-data` and `cluster_exp/trace-data`."""
PUBLISHED_PHILLY: Final = """\
[
    {
        "status": "Pass",
        "vc": "7f04ca",
        "jobid": "application_1506638472019_90001",
        "attempts": [
            {
                "start_time": "2017-10-07 01:12:09",
                "end_time": "2017-10-07 01:13:09",
                "detail": [
                    {
                        "ip": "m47",
                        "gpus": [
                            "gpu0",
                            "gpu1"
                        ]
                    }
                ]
            },
            {
                "start_time": "None",
                "end_time": "2017-10-07 02:00:00",
                "detail": []
            },
            {
                "start_time": "2017-10-07 02:13:30",
                "end_time": "2017-10-07 03:13:30",
                "detail": [
                    {
                        "ip": "m412",
                        "gpus": [
                            "gpu0",
                            "gpu1"
                        ]
                    }
                ]
            }
        ],
        "submitted_time": "2017-10-07 01:11:39",
        "user": "ce2f4c"
    },
    {
        "status": "Killed",
        "vc": "7f04ca",
        "jobid": "application_1506638472019_90002",
        "attempts": [
            {
                "start_time": "2017-10-07 01:13:00",
                "end_time": "2017-10-07 01:14:00",
                "detail": [{"ip": "m2", "gpus": ["gpu3"]}]
            },
            {
                "start_time": "2017-10-07 01:20:00",
                "end_time": null,
                "detail": [{"ip": "m2", "gpus": ["gpu3"]}]
            }
        ],
        "submitted_time": "2017-10-07 01:12:39",
        "user": null
    },
    {
        "status": "Killed",
        "vc": "23dbec",
        "jobid": "application_1506638472019_90003",
        "attempts": [],
        "submitted_time": "2017-10-07 01:12:40",
        "user": "ce2f4c"
    },
    {
        "status": "Failed",
        "vc": "23dbec",
        "jobid": "application_1506638472019_90004",
        "attempts": [
            {
                "start_time": "2017-10-07 01:13:00",
                "end_time": "2017-10-07 01:14:00",
                "detail": [{"ip": "m3", "gpus": ["gpu3"]}]
            }
        ],
        "submitted_time": "None",
        "user": "ce2f4c"
    },
    {
        "status": "Failed",
        "vc": "23dbec",
        "jobid": "application_1506638472019_90005",
        "attempts": [
            {
                "start_time": "2017-11-05 01:50:00",
                "end_time": "2017-11-05 01:10:00",
                "detail": [{"ip": "m3", "gpus": ["gpu3"]}]
            }
        ],
        "submitted_time": "2017-11-05 01:11:39",
        "user": "ce2f4c"
    }
]
"""
"""As its README shows a record, with what its notes say may be missing."""
PUBLISHED_PODS: Final = """\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time
openb-pod-0000,12000,16384,1,1000,,LS,Running,0,12537400,0
openb-pod-0005,20000,65536,0,0,,LS,Running,2759600,12902960,2759602
openb-pod-0017,88000,327680,8,1000,,Burstable,Succeeded,9437400,10769800,9437400
openb-pod-0061,11908,47104,1,1000,,BE,Pending,10001200,10001400,
openb-pod-0063,4152,10600,1,810,V100M16|V100M32,BE,Failed,10001800,10043000,10002700
openb-pod-0129,12000,24576,1,1000,A10|G2|T4,Guaranteed,Running,10035300,10036300,10035300
"""
PUBLISHED_TASKS: Final = """\
4f057009a5d481acec67b0aa,tensorflow,1.0,Terminated,1739100.0,1739138.0,600.0,29.296875,50.0,MISC
27c3a90bd9f04f7f95b1c3aa,ps,3.0,Terminated,1739104.0,1739400.0,600.0,29.296875,,
27c3a90bd9f04f7f95b1c3aa,worker,25.0,Terminated,1739104.0,1739404.0,600.0,29.296875,25.0,T4
a02f5ab0bd0d5f0dbd2d19aa,worker,1.0,Failed,0.0,1739500.0,600.0,29.296875,100.0,P100
b77f5ab0bd0d5f0dbd2d19aa,worker,1.0,Running,1739200.0,,600.0,29.296875,100.0,V100M32
c11f5ab0bd0d5f0dbd2d19aa,worker,,Waiting,,,,,,
"""
"""The rows of `pai_task_table.csv`; their header lies in a file beside it."""
REQUESTS: Final = """\
TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:17:03.9799600,8000,0
2023-11-16 18:17:04.0319569,0,25200
2023-11-16 18:18:30.1000000,4000,60
2023-11-16 18:20:05.0000000,8,1
"""
OWN_REQUESTS: Final = """\
arrival_s,context_tokens,generated_tokens
0,8000,0
0.052,0,25200
86.12,4000,60
181.02,8,1
"""


def read(folder: Path, text: str, name: str | None = None, file: str = "trace") -> list[Any]:
    """Of each job its start, length, GPUs and kind."""
    path = folder / file
    path.write_text(text)
    return [
        (float(row["submit_s"]), float(row["duration_s"]), int(row["gpus"]), row["kind"])
        for _, row in foreign_rows(path, name).rows()
    ]


def test_muri_counts_in_milliseconds(tmp_path: Path) -> None:
    assert read(tmp_path, MURI) == [(0, 2868, 1, "training"), (61.5, 1.5, 8, "training")]


def test_a_philly_job_runs_as_long_as_all_its_attempts(tmp_path: Path) -> None:
    assert read(tmp_path, PHILLY) == [(30, 90, 3, "training"), (0, 10, 1, "training")]


def test_the_published_form_of_muri_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, PUBLISHED_MURI) == [
        (0, 597000, 1, "training"),
        (81, 28, 32, "training"),
        (81, 138.5, 8, "training"),
    ]


def test_the_published_form_of_philly_is_read(tmp_path: Path) -> None:
    """Unknown times, jobs that still ran, and the hour that came twice refuse no file."""
    week = (29 * 24 - 1) * 3600 + 3600
    assert read(tmp_path, PUBLISHED_PHILLY) == [
        (0, 3660, 2, "training"),
        (week, 1200, 1, "training"),
    ]


def test_the_published_form_of_alibabas_pods_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, PUBLISHED_PODS) == [
        (0, 12537400, 1, "inference"),
        (9437400, 1332400, 8, "training"),
        (10001800, 40300, 1, "training"),
        (10035300, 1000, 1, "training"),
    ]


def test_the_published_form_of_alibabas_tasks_is_read(tmp_path: Path) -> None:
    """A time of 0 was not recorded, and would make the trace begin weeks before it does."""
    expected = [(0, 38, 1, "training"), (4, 300, 7, "training")]
    assert read(tmp_path, PUBLISHED_TASKS) == expected
    assert read(tmp_path, PUBLISHED_TASKS, "alibaba") == expected


def test_alibaba_pods_that_never_ran_or_have_no_gpu_are_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, PODS) == [(0, 990, 1, "inference"), (60, 300, 8, "training")]


def test_the_instances_of_an_alibaba_task_share_gpus(tmp_path: Path) -> None:
    expected = [(0, 38, 1, "training"), (10, 100, 3, "training")]
    assert read(tmp_path, TASKS, "alibaba") == expected
    head = "job_name,task_name,inst_num,status,start_time,end_time,plan_cpu,plan_mem,plan_gpu,"
    assert read(tmp_path, f"{head}gpu_type\n{TASKS}") == expected


@pytest.mark.parametrize("text", [REQUESTS, OWN_REQUESTS])
def test_requests_become_the_replicas_their_tokens_need(tmp_path: Path, text: str) -> None:
    """43 s of work in the first minute are more than one replica's 42; the third has none."""
    assert read(tmp_path, text) == [
        (0, 60, 1, "inference"),
        (0, 120, 1, "inference"),
        (180, 60, 1, "inference"),
    ]


def test_a_zone_in_an_instant_is_heeded(tmp_path: Path) -> None:
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 01:03:00+01:00,2399,6\n"
    )
    assert [job[0] for job in read(tmp_path, text)] == [0, 120]


def test_each_level_of_need_is_a_replica_for_as_long_as_it_lasts() -> None:
    assert replicas([1, 3, 2, 0, 1]) == [(0, 180), (60, 120), (60, 180), (240, 300)]
    assert replicas([]) == []


def test_our_own_format_may_lie_anywhere_and_be_packed(tmp_path: Path) -> None:
    folder = written(tmp_path)
    path = tmp_path / "elsewhere.csv.gz"
    path.write_bytes(gzip.compress(JOBS.encode()))
    rows = foreign_rows(path, None)
    assert rows.format == "own"
    assert read_scenario(folder, rows.rows) == read_scenario(folder)


def test_a_foreign_trace_is_replayed_on_the_pools_of_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "requests.csv"
    path.write_text(REQUESTS)
    found = said(capsys, asked(written(tmp_path), jobs=str(path)))
    assert "azure-llm" in found["replayed"]
    assert "assumed" in found["notes"][0]
    assert by_name(found)["first-refusal"]["placed"]["azure"] == 3


@pytest.mark.parametrize(
    ("text", "good", "bad", "line", "named"),
    [
        (MURI, "1,8,61500", "1,eight,61500", 3, "num_gpu 'eight'"),
        (MURI, "1,8,61500", "1,8,-1", 3, "submit_time '-1'"),
        (MURI, ",61500,0", "", 3, "columns"),
        (PHILLY, '"vc": "2869ce", ', "", 11, "'vc' is missing"),
        (PHILLY, '"2017-10-09 07:01:30"', '"then"', 11, "no Philly job"),
        (PHILLY, '"2017-10-09 07:01:40"', '"2017-10-09 07:00:40"', 11, "before it starts"),
        (PHILLY, "[]}", "[}", 10, "Expecting"),
        (PHILLY, "}]}\n]", "}]}\n", 16, "not closed"),
        (PODS, "160,460,160", "160,150,160", 4, "before it starts"),
        (PODS, "160,460,160", "160,460,soon", 4, "scheduled_time 'soon'"),
        (REQUESTS, "2023-11-16 18:18:30.1000000", "noon", 4, "TIMESTAMP 'noon'"),
        (REQUESTS, "18:18:30", "17:18:30", 4, "earlier"),
        (OWN_REQUESTS, "4000,60", "4000,nan", 4, "generated_tokens 'nan'"),
    ],
)
def test_a_malformed_line_is_named(
    tmp_path: Path, text: str, good: str, bad: str, line: int, named: str
) -> None:
    assert text.count(good) == 1
    with pytest.raises(MalformedTraceError) as wrong:
        read(tmp_path, text.replace(good, bad))
    assert f"trace line {line}:" in str(wrong.value)
    assert named in str(wrong.value)


def test_a_format_that_cannot_be_told_or_is_unknown_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("a,b\n1,2\n")
    folder = written(tmp_path)
    assert "--format" in refused(capsys, asked(folder, jobs=str(path)))
    assert "murri" in refused(capsys, asked(folder, jobs=str(path), format="murri"))
    assert "job_id" in refused(capsys, asked(folder, jobs=str(path), format="muri"))
    assert "missing.csv" in refused(capsys, asked(folder, jobs=str(tmp_path / "missing.csv")))


@pytest.mark.parametrize(
    ("file", "name", "count"),
    [
        ("jobs/philly_vc1_vc4_full.csv.gz", "own", 4132),
        ("jobs/philly_vc1_vc4_sample1k.csv", "own", 1000),
        ("inference/azure_llm_2023_conv.csv.gz", "azure-llm", 13),
        ("inference/azure_llm_2023_conv_sample2k.csv", "azure-llm", 5),
    ],
)
def test_the_recorded_traces_are_read(file: str, name: str, count: int) -> None:
    path = DATA / file
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    rows = foreign_rows(path, None)
    assert rows.format == name
    jobs = read_scenario(DATA / "scenario", rows.rows).jobs
    assert len(jobs) == count
    assert min(job.submit_s for job in jobs) == 0
    assert json.dumps([job.run_s for job in jobs])

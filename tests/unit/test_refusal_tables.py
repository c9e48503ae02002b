"""The four tables side by side: of one form, complete, each row with its source."""

from __future__ import annotations

from collections import Counter

import pytest

from broker.domain.place import Reach
from broker.domain.values import RefusalReason
from broker.ports import Fault, FaultKind, Refused
from providers.refusals.aws import AWS, read_aws
from providers.refusals.azure import AZURE, read_azure
from providers.refusals.gcp import GCP, read_gcp
from providers.refusals.oracle import ORACLE, read_oracle
from providers.refusals.reading import ANY, MalformedTable, Row, read_rows

TABLES = {"aws": AWS, "azure": AZURE, "gcp": GCP, "oracle": ORACLE}
READERS = {"aws": read_aws, "azure": read_azure, "gcp": read_gcp, "oracle": read_oracle}
OF_A_CODE = [
    pytest.param(cloud, row, id=f"{cloud}-{row.code}")
    for cloud, rows in TABLES.items()
    for row in rows
    if not row.when
]
A_CLOUD_S_OWN = {
    RefusalReason.NO_CAPACITY,
    RefusalReason.OVER_QUOTA,
    RefusalReason.NOT_STOCKED,
}
HEAD = "code,when,means,spot,reach,field,remedy,source"


@pytest.mark.parametrize(("cloud", "row"), OF_A_CODE)
@pytest.mark.parametrize("spot", [False, True])
def test_every_row_is_what_its_code_is_read_as(cloud: str, row: Row, *, spot: bool) -> None:
    said = READERS[cloud](row.code, "", None, 0, spot=spot, account="the account")
    meant = row.spot if spot else row.means
    assert meant == (said.reason if isinstance(said, Refused) else said.kind)
    assert said.reach is row.reach
    if isinstance(said, Fault):
        assert said.message.startswith("the account")
        assert row.remedy in said.message


@pytest.mark.parametrize("cloud", TABLES)
def test_every_row_has_a_source_and_stands_once(cloud: str) -> None:
    rows = TABLES[cloud]
    assert all(row.source for row in rows)
    twice = Counter((row.code, row.when) for row in rows)
    assert [row for row, times in twice.items() if times > 1] == []


@pytest.mark.parametrize("cloud", TABLES)
def test_no_row_of_a_text_is_hidden_behind_one_that_always_fits(cloud: str) -> None:
    """A row for any text of a code is asked last, so it may stand anywhere; `*` needs a text."""
    assert all(row.when for row in TABLES[cloud] if row.code == ANY)


@pytest.mark.parametrize("cloud", TABLES)
def test_a_table_gives_only_the_reasons_a_cloud_can_have(cloud: str) -> None:
    meant = {meaning for row in TABLES[cloud] for meaning in (row.means, row.spot)}
    assert {one for one in meant if isinstance(one, RefusalReason)} <= A_CLOUD_S_OWN


@pytest.mark.parametrize("cloud", TABLES)
def test_every_class_of_the_taxonomy_has_a_row_in_every_table(cloud: str) -> None:
    meant = {row.means for row in TABLES[cloud]}
    for one in (*A_CLOUD_S_OWN, FaultKind.THROTTLED, FaultKind.AUTH, FaultKind.INVALID):
        assert one in meant
    assert {FaultKind.TRANSIENT, FaultKind.CONFLICT} <= meant


@pytest.mark.parametrize("cloud", TABLES)
def test_what_a_person_must_mend_names_its_field(cloud: str) -> None:
    ours = (FaultKind.AUTH, FaultKind.INVALID, FaultKind.NO_QUOTA, FaultKind.BAD_WISH)
    assert [row.code for row in TABLES[cloud] if row.means in ours and not row.field] == []
    alerts = [row for row in TABLES[cloud] if row.means is FaultKind.AUTH]
    assert [row.code for row in alerts if not row.remedy] == []


@pytest.mark.parametrize("cloud", TABLES)
@pytest.mark.parametrize("code", ["", "NeverHeardOfIt"])
@pytest.mark.parametrize("spot", [False, True])
def test_a_code_that_stands_in_no_table_is_never_a_refusal(
    cloud: str, code: str, *, spot: bool
) -> None:
    told = READERS[cloud](code, "no machines, sorry", spot=spot)
    assert isinstance(told, Fault)
    assert told.kind is FaultKind.UNKNOWN_CODE


@pytest.mark.parametrize("cloud", TABLES)
@pytest.mark.parametrize(
    ("status", "kind", "reach"),
    [
        (401, FaultKind.AUTH, Reach.CLOUD),
        (429, FaultKind.THROTTLED, Reach.REGION),
        (503, FaultKind.TRANSIENT, Reach.PLACE),
        (400, FaultKind.UNKNOWN_CODE, Reach.PLACE),
    ],
)
def test_a_status_speaks_where_no_code_does(
    cloud: str, status: int, kind: FaultKind, reach: Reach
) -> None:
    told = READERS[cloud]("", "", None, status)
    assert isinstance(told, Fault)
    assert (told.kind, told.code, told.reach) == (kind, str(status), reach)


def test_spot_and_on_demand_differ_where_the_cloud_differs() -> None:
    differ = {
        (cloud, row.code): (row.means, row.spot)
        for cloud, rows in TABLES.items()
        for row in rows
        if row.means is not row.spot
    }
    assert differ["azure", "SkuNotAvailable"] == (
        RefusalReason.NOT_STOCKED,
        RefusalReason.NO_CAPACITY,
    )
    assert differ["gcp", "UNSUPPORTED_OPERATION"] == (
        FaultKind.INVALID,
        RefusalReason.NO_CAPACITY,
    )


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("Full,,nonsense,,place,,,a book", "nonsense"),
        ("Full,,no_capacity,,everywhere,,,a book", "everywhere"),
        ("Full,(,no_capacity,,place,,,a book", "line 2"),
        ("Full,,no_capacity", "line 2"),
    ],
)
def test_a_malformed_row_is_named(line: str, word: str) -> None:
    with pytest.raises(MalformedTable, match=word):
        list(read_rows("aws.csv", [HEAD, line]))

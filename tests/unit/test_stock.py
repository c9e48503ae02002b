"""What a pool holds over time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.domain.market import Place
from broker.domain.stock import MalformedCapacity, Series, Step, read_capacity
from broker.domain.values import ProviderName

HEAD = "provider,region_or_zone,sku,start_s,end_s,available_units_or_flag"
POOL = Place(ProviderName.AZURE, "eastus", "ND96")


def test_a_step_holds_from_its_start_up_to_but_not_at_its_end() -> None:
    series = Series.of([Step(10, 20, 4), Step(20, 30, 0), Step(30, 40, 2)])
    assert [series.available(at) for at in (10, 19.999, 20, 30)] == [4, 4, 0, 2]


def test_before_the_series_there_is_nothing_and_after_it_the_last_value_holds() -> None:
    series = Series.of([Step(10, 20, 4), Step(20, 30, 3)])
    assert [series.available(at) for at in (0, 9.999, 30, 1e9)] == [0, 0, 3, 3]


def test_only_real_changes_are_changes() -> None:
    series = Series.of([Step(0, 5, 0), Step(5, 9, 2), Step(9, 12, 2), Step(12, 20, 0)])
    assert list(series.changes()) == [5, 12]


@given(st.lists(st.integers(min_value=0, max_value=3), min_size=1, max_size=20))
def test_between_two_changes_nothing_changes(units: list[int]) -> None:
    steps = [Step(index, index + 1, value) for index, value in enumerate(units)]
    series = Series.of(steps)
    changes = list(series.changes())
    for index, value in enumerate(units):
        assert series.available(index) == value
        before = units[index - 1] if index else 0
        assert (float(index) in changes) == (value != before)


def test_a_file_is_read_by_place_and_oci_is_oracle() -> None:
    rows = [HEAD, "azure,eastus,ND96,0,60,6", "oci,AD-1,BM,0,60,1", "azure,eastus,ND96,60,90,0"]
    series = read_capacity(rows)
    assert series[POOL].available(59) == 6
    assert series[POOL].available(60) == 0
    assert series[Place(ProviderName.ORACLE, "AD-1", "BM")].available(0) == 1


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ("azure,eastus,ND96,60,x,6", "end_s is 'x'"),
        ("azure,eastus,ND96,-1,60,6", "start_s is '-1'"),
        ("azure,eastus,ND96,nan,60,6", "start_s is 'nan'"),
        ("azure,eastus,ND96,60,90,1.5", "available_units_or_flag is '1.5'"),
        ("azure,eastus,ND96,60,90,-2", "available_units_or_flag is '-2'"),
        ("azure,eastus,ND96,60,90", "there are 5 fields"),
        ("ibm,eastus,ND96,60,90,1", "provider is 'ibm'"),
        ("azure,,ND96,60,90,1", "region_or_zone is empty"),
        ("azure,eastus,ND96,61,90,1", "the step before ends at 60"),
        ("azure,eastus,ND96,59,90,1", "the step before ends at 60"),
        ("azure,eastus,ND96,60,60,1", "ends before it begins"),
    ],
)
def test_a_malformed_row_is_named_with_its_line_and_its_field(row: str, wrong: str) -> None:
    rows = [HEAD, "azure,eastus,ND96,0,60,6", row]
    with pytest.raises(MalformedCapacity, match=r"^my\.csv, line 3: ") as told:
        read_capacity(rows, "my.csv")
    assert wrong in str(told.value)


def test_other_columns_are_another_file() -> None:
    with pytest.raises(MalformedCapacity, match=r"^capacity\.csv, line 1: "):
        read_capacity(["a,b"])
    with pytest.raises(MalformedCapacity, match="the columns are missing"):
        read_capacity([])

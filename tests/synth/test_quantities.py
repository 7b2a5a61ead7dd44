"""Numbers with their units: another unit is another quantity, another way to write it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.quantities import wrong_units


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("It needs 780 GB.", "It needs 780 MB."),
        ("It runs for 5 weeks.", "It runs for 5 days."),
        ("需要 3 周。", "需要 3 天。"),
        ("大小为 １０ GB。", "大小为 10 MB。"),
        ("It holds 1000 bits.", "It holds 1,000 bytes."),
        ("保留 3 天。", "It is kept for 3 hours."),
    ],
)
def test_another_unit_beside_the_same_number_is_found(text: str, source: str) -> None:
    assert len(wrong_units(text, source)) == 1


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("It takes 5 minutes.", "It takes 5 min."),
        ("It weighs 1 g.", "It weighs 1 gram."),
        ("It draws 100 W.", "It draws 100 watts."),
        ("A page has 10 kB.", "A page has 10 KB."),
        ("保留 3 小时。", "It is kept for 3 hours."),
        ("It needs 780 MB.", "It needs 780 MB or 2 GB."),
        ("It needs 5 GB.", "It has 7 MB."),
        ("Chapter 5 is long.", "It takes 5 days."),
        ("", "5 days"),
        ("5 days", ""),
    ],
)
def test_the_same_quantity_and_unknown_numbers_are_not_found(text: str, source: str) -> None:
    assert wrong_units(text, source) == []


@given(st.text(alphabet="0123456789,. MBGkdayshmin天小时周%", max_size=60))
def test_a_text_never_differs_from_itself(text: str) -> None:
    assert wrong_units(text, text) == []

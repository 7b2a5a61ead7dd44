"""Personal data: what is masked, and the look-alikes of manuals that are not. Every number here is made up."""

from __future__ import annotations

import random
import traceback

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stages import pii_phone
from stages.contract import check_plan
from stages.pii import KINDS, MASKS, MaskingError, PiiConfig, pii, pii_stage
from stages.pii_numbers import find_cards, is_resident_id

ID = "11010519491231002X"  # the worked example of GB 11643
CARD = "4539 5787 6362 1486"
KEY_BLOCK = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEow" * 40 + "\n-----END RSA PRIVATE KEY-----"


def batch(*texts: str | None) -> pa.Table:
    return pa.table({"content": pa.array(texts, pa.string())})


def masked(text: str, **options: object) -> str:
    return pii(batch(text), PiiConfig(**options))["content"].to_pylist()[0]


@pytest.mark.parametrize(
    ("text", "kind", "wanted"),
    [
        ("write to jane.doe+x@mail.uni-heidelberg.de.", "email", "write to <EMAIL>."),
        ("邮箱：zhang_san@163.com，谢谢", "email", "邮箱：<EMAIL>，谢谢"),
        ("<bob@kernel.org>", "email", "<<EMAIL>>"),
        ("from 82.50.72.202:1024 today", "ip", "from <IP_ADDRESS>:1024 today"),
        ("地址213.244.11.247。", "ip", "地址<IP_ADDRESS>。"),
        ("at 2603:400a:ffff:bb8::801f:3e now", "ip", "at <IP_ADDRESS> now"),
        ("电话13812345678。", "phone", "电话<PHONE>。"),
        ("+86 138-1234-5678", "phone", "<PHONE>"),
        ("座机：010-82628888", "phone", "座机：<PHONE>"),
        ("(0571) 87654321 转", "phone", "<PHONE> 转"),
        ("call (212) 306-6794 now", "phone", "call <PHONE> now"),
        ("call 1-876-499-0169 now", "phone", "call <PHONE> now"),
        ("+44 20 7946 0958", "phone", "<PHONE>"),
        ("+49 (0)89 307742-12", "phone", "<PHONE>"),
        ("Tel.: 044 826 76 75\nnext", "phone", "Tel.: <PHONE>\nnext"),
        (f"身份证号{ID}", "id_number", "身份证号<ID_NUMBER>"),
        (f"card {CARD}, thanks", "card", "card <BANK_CARD>, thanks"),
        ("card 4539578763621486", "card", "card <BANK_CARD>"),
        ("3782 822463 10005", "card", "<BANK_CARD>"),
        ("卡号6222 0212 3456 7894 120", "card", "卡号<BANK_CARD>"),
        ("write to jane [at] posteo [dot] net", "email", "write to <EMAIL>"),
        ("信箱jane(at)posteo.net谢谢", "email", "信箱<EMAIL>谢谢"),
        ("john dot doe at posteo dot net", "email", "<EMAIL>"),
        ("info AT posteo.net", "email", "<EMAIL>"),
        ("li.wei @ 163.com", "email", "<EMAIL>"),
        ("邮箱lin＠qq.com", "email", "邮箱<EMAIL>"),
        ("rené.müller@posteo.net", "email", "<EMAIL>"),
        ("ip:82.50.72.202 down", "ip", "ip:<IP_ADDRESS> down"),
        ("DNS 8.8.8.8", "ip", "DNS <IP_ADDRESS>"),
        ("::ffff:82.50.72.202", "ip", "<IP_ADDRESS>"),
        ("[2603:400a::801f:3e]:443", "ip", "[<IP_ADDRESS>]:443"),
        ("我的手机１３８１２３４５６７８，微信同号", "phone", "我的手机<PHONE>，微信同号"),
        ("热线400-820-8820", "phone", "热线<PHONE>"),
        ("call 07911 123456 now", "phone", "call <PHONE> now"),
        ("Telefon 030 901820", "phone", "Telefon <PHONE>"),
        ("ring 01 42 68 53 00", "phone", "ring <PHONE>"),
        ("0044 20 7946 0958", "phone", "<PHONE>"),
        ("(+86)13812345678", "phone", "<PHONE>"),
        ("Phone: 4155552671", "phone", "Phone: <PHONE>"),
        ("110105 19491231 002X", "id_number", "<ID_NUMBER>"),
        ("card 4539-5787-6362-1486", "card", "card <BANK_CARD>"),
        ("DE89 3704 0044 0532 0130 00 BIC", "iban", "<IBAN> BIC"),
        ("汇款至GB29NWBK60161331926819。", "iban", "汇款至<IBAN>。"),
        ("AKIAQ3EGRZ7TW2NHB5CX", "key", "<SECRET>"),
        ("xoxb-" + "123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx", "key", "<SECRET>"),
        ("key=sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "key", "key=<SECRET>"),
        ("AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY", "key", "<SECRET>"),
        ("aws_secret_key = 'wJalrXUtnFEMIK7MDENGbPxRfiCYzzQWERTYUIOP'", "key", "aws_secret_key = '<SECRET>'"),
        ("token ghp_" + "a1B2" * 9, "key", "token <SECRET>"),
        (f"so:\n{KEY_BLOCK}\nend", "key", "so:\n<SECRET>\nend"),
    ],
)
def test_personal_data_is_masked_by_kind_and_counted(text: str, kind: str, wanted: str) -> None:
    row = pii(batch(text), PiiConfig()).to_pylist()[0]
    assert row["content"] == wanted
    assert (row["pii_masked"], row[f"pii.{kind}"]) == (1, 1)
    assert masked(text, kinds=tuple(other for other in KINDS if other != kind)) != wanted


@pytest.mark.parametrize(
    "text",
    [
        "user@example.com, admin@mail.example.org, root@localhost, a@b.test",
        "git clone git@github.com:torvalds/linux.git",
        "logo@2x.png user@1000.service npm install lodash@4.17.21 @decorator",
        "version 1.2.3.4 and v82.50.72.202, release 115.0.5790.170",
        "127.0.0.1 10.0.0.1 192.168.1.254 172.16.3.4 169.254.1.1 0.0.0.0 255.255.255.255 203.0.113.7",
        "OID 1.3.6.1.4.1.311.21, section 3.1.4.2, 43.7.4.1, 300.400.500.600, 8.8.8.8, 123.123.123.123",
        "std::vector a::b 12:34:56 fe80::1 ::1 2001:db8::1 00:1b:44:11:3a:b7",
        "2^34 = 17179869184, unix time 1609459200, ms 1609459200000, pi 3.14159265358979",
        "2024-01-15 12:30:45, 20240115123045, ISBN 978-3-16-148410-0, 0x4539578763621486",
        "/path/13812345678/x.html?id=13812345678 commit 13812345678abcdef",
        "@@ -123,4 +1234,5 @@ +0800 1,234,567,890 100-200-3000",
        "4539 5787 6362 1487 is one off, 0000 0000 0000 0000 is nothing",
        "110105194912310021 and 110105194913310028 check out nowhere",
        "AKIAIOSFODNN7EXAMPLE is the manual's own; -----BEGIN PRIVATE KEY----- ... -----END PRIVATE KEY-----",
        "meet me @ cafe.com, look (at) this dot com, see us at noon on the dot, A @ B.T, foo@bar.baz",
        "https://user:secret@db.host.org/x and 20220720205013.890942-1-broonie@kernel.org",
        "geometry 1280 800 1280 800 32 timings, 6.2.3.2.1.1.3. Description, 1872 - 1874, 00 46 63 00 03 37",
        "Order number 4539578763621486, 订单号：13812345678, DE88 3704 0044 0532 0130 00 is one off",
        "arXiv:1706.02582, DOI 10.1038/s41586-020-2649-2, CAS 7732-18-5, 123e4567-e89b-12d3-a456-426614174000",
        "39.9042, 116.4074; ¥13812345678; Population 1 411 778 724; 0.13812345678",
        "task-force risk-averse sk-learn, the mobile: phone of the future",
    ],
)
def test_look_alikes_of_manuals_stay(text: str) -> None:
    assert masked(text) == text


def test_counts_add_up_over_kinds_and_rows() -> None:
    texts = ["a@kernel.org b@kernel.org 82.50.72.202", None, "", "nothing here", f"{ID} {CARD}"]
    out = pii(batch(*texts), PiiConfig())
    assert out["pii_masked"].to_pylist() == [3, 0, 0, 0, 2]
    assert out["pii.email"].to_pylist() == [2, 0, 0, 0, 0]
    assert out["content"].to_pylist() == [
        "<EMAIL> <EMAIL> <IP_ADDRESS>",
        None,
        "",
        "nothing here",
        "<ID_NUMBER> <BANK_CARD>",
    ]


def test_kinds_left_out_are_not_masked() -> None:
    text = "a@kernel.org 82.50.72.202"
    assert masked(text, kinds=("ip",)) == "a@kernel.org <IP_ADDRESS>"
    assert masked(text, kinds=()) == text


def test_a_value_is_masked_wherever_its_row_repeats_it() -> None:
    assert masked("Phone: 4155552671\n\nA badge, 4155552671") == "Phone: <PHONE>\n\nA badge, <PHONE>"
    assert masked("A badge, 4155552671") == "A badge, 4155552671"


def test_an_iban_is_no_card_and_a_card_no_phone() -> None:
    for number, kind in (("DE94 4639 6973 9339 1704 84", "iban"), (CARD, "card")):
        row = pii(batch(f"Tel. or account: {number}"), PiiConfig()).to_pylist()[0]
        assert (row["pii_masked"], row[f"pii.{kind}"]) == (1, 1)


def test_every_kind_has_a_mask_and_a_column() -> None:
    assert set(MASKS) == set(KINDS)
    assert {f"pii.{kind}" for kind in KINDS} < set(pii_stage(PiiConfig()).adds)


@pytest.mark.parametrize("prefix", ["", "文", "x ", "第一行\n", "😀", "\u3000"])
def test_places_are_characters_whatever_stands_before(prefix: str) -> None:
    assert masked(f"{prefix}+44 20 7946 0958。尾") == f"{prefix}<PHONE>。尾"


def test_several_chunks_and_a_slice_are_read_right() -> None:
    texts = ["x", "a@kernel.org", None, "82.50.72.202"]
    table = pa.table({"content": pa.chunked_array([texts[:2], texts[2:]], pa.string())})
    assert pii(table, PiiConfig())["content"].to_pylist() == ["x", "<EMAIL>", None, "<IP_ADDRESS>"]
    assert pii(table.slice(1), PiiConfig())["content"].to_pylist() == ["<EMAIL>", None, "<IP_ADDRESS>"]


def test_what_fails_tells_nothing_of_the_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(number: str, country: str | None) -> bool:
        raise ValueError(f"cannot read {number}")

    monkeypatch.setattr(pii_phone, "_is_valid", fail)
    secret = "+44 20 " + "7946 0958"
    with pytest.raises(MaskingError, match="ValueError") as caught:
        pii(batch(f"Tel: {secret}"), PiiConfig())
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + "".join(capsys.readouterr())
    assert secret not in told and "cannot read" not in told
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_nothing_is_logged_or_printed(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    values = (
        f"a@kernel.org 82.50.72.202 +44 20 7946 0958 {ID} {CARD} DE89370400440532013000 AKIAQ3EGRZ7TW2NHB5CX +1 999"
    )
    with caplog.at_level("DEBUG"):
        assert masked(values).count("<") == 7
    assert caplog.text == "" and "".join(capsys.readouterr()) == ""


def test_empty_table_has_the_same_columns() -> None:
    check_plan([pii_stage(PiiConfig())], ["content"])
    assert pii(batch(), PiiConfig()).schema == pii(batch("x"), PiiConfig()).schema


def test_check_digits() -> None:
    assert is_resident_id(ID) and is_resident_id(ID.lower())
    assert not is_resident_id("110105194912310021") and not is_resident_id("91010519491231002X")
    assert not is_resident_id("110105194913310028"), "no such month"


@given(st.integers(10**10, 10**11 - 1))
def test_exactly_one_check_digit_makes_a_card(number: int) -> None:
    cards = [f"4539{number}{digit}" for digit in range(10)]
    assert sum(bool(list(find_cards(f"card {card}", 5, 21))) for card in cards) == 1


@given(st.dates().filter(lambda day: day.year >= 1900), st.integers(0, 999))
def test_exactly_one_check_character_passes_for_a_resident_id(day: object, serial: int) -> None:
    body = f"110105{day:%Y%m%d}{serial:03d}"
    if f"{day:%Y}" <= "2099":
        assert sum(is_resident_id(body + last) for last in "0123456789X") == 1


FRAGMENTS = (
    "a@kernel.org",
    "82.50.72.202",
    "13812345678",
    ID,
    CARD,
    "+44 20 7946 0958",
    "文",
    "x",
    " ",
    "\n",
    "-",
    "1",
)


@given(st.text(), st.sets(st.sampled_from(KINDS)))
def test_any_text_is_masked_without_fault_and_counted_by_kind(text: str, kinds: set[str]) -> None:
    row = pii(batch(text), PiiConfig(kinds=tuple(kinds))).to_pylist()[0]
    assert row["pii_masked"] == sum(row[f"pii.{kind}"] for kind in KINDS)
    assert all(not row[f"pii.{kind}"] for kind in set(KINDS) - kinds)
    assert row["pii_masked"] or row["content"] == text


def test_a_value_that_another_hid_is_masked_once_the_other_is() -> None:
    row = pii(batch("call 010-82628888 - 13812345678"), PiiConfig()).to_pylist()[0]
    assert row["content"] == "call <PHONE> - <PHONE>"
    assert row["pii_masked"] == row["pii.phone"] == 2


@settings(deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(" ".join))
@example("82.50.72.202 - 13812345678")
def test_masking_twice_changes_nothing_more(text: str) -> None:
    once = masked(text)
    assert masked(once) == once


def test_long_hostile_text_is_not_quadratic() -> None:
    rng = random.Random(1)
    for alphabet in (
        "1234567890 -",
        "a@.",
        "1.",
        "2001:",
        "eyJ.",
        "+1 (",
        "a at dot ",
        "DE12 ",
        "Tel: 1\n",
        "１２３＠：",
    ):
        text = "".join(rng.choices(alphabet, k=100_000))
        assert len(masked(text)) > 0
    assert masked("a" * 100_000 + "@" + "b" * 100_000)

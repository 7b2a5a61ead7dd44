"""A corpus with known answers for ``benchmarks.pii``: personal data and look-alikes in English and Chinese sentences.

Forms, sentences and look-alikes are dealt alternately to two halves, "dev" and "held": no form and no sentence of one
half occurs in the other, and rules are tuned on the first alone.
"""

# ruff: noqa: E501  (one form a line reads best)

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks import pii_values as values
from benchmarks.pii_values import Form

MASKS = {
    "key": "<SECRET>", "email": "<EMAIL>", "id_number": "<ID_NUMBER>", "card": "<BANK_CARD>", "iban": "<IBAN>",
    "ip": "<IP_ADDRESS>", "phone": "<PHONE>",
}  # fmt: skip
HALVES = ("dev", "held")

# {} takes the value. Sentences around a bare value say nothing about its kind.
_BARE = (
    "The line on the back of the envelope reads {} and nothing else.", "最后一行写着{}，其余都看不清了。",
    "{}", "清单如下：\n1、{}\n2、无",
    "Anna left this for you: {}. Please get in touch before Friday.", "请联系王老师（{}），谢谢配合。",
    "Contact\n{}\nOpen Monday to Friday, 9:00-17:00", "有问题找我{}哈哈",
    "She wrote {}, which turned out to be wrong.", "客服小李{}，上班时间9:00-18:00。",
    "• {}", "附件里提到的是{}。",
    "- Sales ({})\n- Support", "原帖内容：【{}】已删除",
)  # fmt: skip
_LABELLED = {
    "key": (
        "export TOKEN={}", "密钥是{}，请勿外传。", 'api_key = "{}"', "配置里写着 token: {}", "Authorization: Bearer {}",
        "他把{}提交到了仓库。", "I accidentally pasted {} into the chat.", "示例：\n{}\n结束",
    ),
    "email": (
        "Write to {} for a copy.", "请发邮件至{}索取。", "E-mail: {}", "邮箱：{}，欢迎来信", "Mail {} or come by.",
        "投稿请寄{}。", "Corresponding author: {}.", "联系我们({})即可",
    ),
    "ip": (
        "Failed login from {} port 22", "来自{}的请求被拒绝。", "The server at {} did not answer.", "服务器地址：{}",
        "{} - - [12/Mar/2024:06:25:24 +0000] \"GET / HTTP/1.1\" 200", "用户IP为{}，已封禁", "ping {}", "节点{}已下线。",
    ),
    "phone": (
        "Tel: {}", "电话：{}", "Call {} to book a table.", "联系电话{}，节假日除外。", "Phone number: {}",
        "手机号码：{}", "Telephone {} or visit the desk.", "咨询热线：{}", "Fax: {}", "传真：{}",
        "You can reach us by phone at {}.", "欢迎致电{}咨询", "Mobile {} (after 6 pm)", "请拨打{}预约。",
    ),
    "id_number": (
        "His Chinese ID number is {}.", "身份证号：{}", "ID card {} was reported lost.", "公民身份号码{}，汉族。",
    ),
    "card": (
        "Card number: {}", "银行卡号：{}", "Please charge my Visa {} today.", "请汇款至{}，户名张三。",
        "She paid with card {} yesterday.", "账号{}（建设银行）",
    ),
    "iban": ("IBAN: {}", "账户IBAN为{}。", "Please transfer the rent to {} by Monday.", "汇款账号：{}，收款人同上"),
}  # fmt: skip


def _n(rng: random.Random, low: int, high: int) -> int:
    return rng.randint(low, high)


def _digits(rng: random.Random, count: int) -> str:
    return str(_n(rng, 10 ** (count - 1), 10**count - 1))


def _hex(rng: random.Random, count: int) -> str:
    return f"{rng.getrandbits(4 * count):0{count}x}"


def _small_ip(rng: random.Random) -> str:
    return ".".join(str(_n(rng, 0, 30)) for _ in range(4))


def _isbn(shape: str) -> Form:
    """Thirteen digits with their check digit, in a publisher's groups."""

    def form(rng: random.Random) -> str:
        body = rng.choice(("9787", "9780", "9783")) + str(_n(rng, 10**7, 10**8 - 1))
        check = -sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(body)) % 10
        parts = (body[:3], body[3], body[4:7], body[7:], str(check))
        return shape.format(*parts)

    return form


# Sort to its forms and the sentences they stand in.
NEGATIVES: dict[str, tuple[tuple[Form, ...], tuple[str, ...]]] = {
    "version": (
        (
            lambda rng: f"{_n(rng, 60, 130)}.0.{_n(rng, 1000, 6999)}.{_n(rng, 20, 250)}", _small_ip,
            lambda rng: f"v{_n(rng, 1, 99)}.{_n(rng, 1, 99)}.{_n(rng, 1, 99)}.{_n(rng, 1, 99)}",
            lambda rng: f"{_n(rng, 1, 40)}.{_n(rng, 0, 99)}.{_n(rng, 0, 20)}-{_n(rng, 1000, 9999)}",
            lambda rng: f"10.0.{_n(rng, 10000, 29999)}.{_n(rng, 1, 4000)}", lambda rng: f"2023.{_n(rng, 1, 12)}.{_n(rng, 1, 30)}.1",
        ),
        ("Upgrade to version {} first.", "请升级到版本{}。", "Version {} fixes this bug.", "{}版修复了该问题。"),
    ),
    "section": (
        (
            lambda rng: f"{_n(rng, 1, 20)}.{_n(rng, 1, 20)}.{_n(rng, 1, 20)}.{_n(rng, 1, 20)}",
            lambda rng: f"{_n(rng, 1, 99)}.{_n(rng, 1, 12)}.{_n(rng, 1, 12)}.{_n(rng, 1, 12)}",
            lambda rng: f"1.3.6.1.4.1.{_n(rng, 100, 60000)}.{_n(rng, 1, 9)}", lambda rng: f"{_n(rng, 1, 9)}.2.1.10.{_n(rng, 1, 9)}",
        ),
        ("See section {} of the manual.", "详见第{}节。", "{} Limits of use", "见{}条之规定"),
    ),
    "isbn": (
        (_isbn("{}-{}-{}-{}-{}"), _isbn("{}{}{}{}{}"), _isbn("{}-{}{}{}{}"), _isbn("{} {} {} {} {}"), lambda rng: f"0-{_n(rng, 100, 999)}-{_n(rng, 10000, 99999)}-X"),
        ("ISBN {}", "书号：ISBN {}", "ISBN-13: {}", "国际标准书号 {}，定价 45.00 元"),
    ),
    "order": (
        (
            lambda rng: _digits(rng, 18), lambda rng: f"202{_n(rng, 0, 5)}{_n(rng, 1, 12):02}{_n(rng, 1, 28):02}{_digits(rng, 8)}",
            lambda rng: f"11{_n(rng, 1, 4)}-{_digits(rng, 7)}-{_digits(rng, 7)}", lambda rng: _digits(rng, 12), lambda rng: _digits(rng, 10),
            lambda rng: f"SF{_digits(rng, 13)}", lambda rng: _digits(rng, 16), lambda rng: f"INV-{_n(rng, 2015, 2025)}-{_digits(rng, 6)}",
        ),
        ("Order number {} has shipped.", "订单号：{}", "Your order {} is on its way.", "快递单号{}，请查收", "Invoice no. {}", "流水号 {}"),
    ),
    "date": (
        (
            lambda rng: f"{_n(rng, 1950, 2025)}-{_n(rng, 1, 12):02}-{_n(rng, 1, 28):02}", lambda rng: f"{_n(rng, 1, 28):02}.{_n(rng, 1, 12):02}.{_n(rng, 1950, 2025)}",
            lambda rng: f"{_n(rng, 1950, 2025)}{_n(rng, 1, 12):02}{_n(rng, 1, 28):02}", lambda rng: f"{_n(rng, 1, 12)}/{_n(rng, 1, 28)}/{_n(rng, 1950, 2025)} {_n(rng, 10, 23)}:{_n(rng, 10, 59)}",
            lambda rng: f"{_n(rng, 1900, 1960)}-{_n(rng, 1961, 2020)}", lambda rng: f"2023-{_n(rng, 1, 12):02}-10 - 2024-{_n(rng, 1, 12):02}-20",
            lambda rng: f"{_n(rng, 1950, 2025)}/{_n(rng, 1, 12):02}/{_n(rng, 1, 28):02} {_n(rng, 10, 23)}:{_n(rng, 10, 59)}:{_n(rng, 10, 59)}",
            lambda rng: f"{_n(rng, 1, 28):02}-{_n(rng, 1, 12):02}-{_n(rng, 1950, 2025)}",
        ),
        ("Posted on {} by admin", "发表于{}", "It was built {}.", "时间：{}", "{}", "本届会议于{}召开"),
    ),
    "price": (
        (
            lambda rng: f"${_n(rng, 1, 999)},{_n(rng, 100, 999)},{_n(rng, 100, 999)}.{_n(rng, 10, 99)}", lambda rng: f"{_n(rng, 1, 99)} {_n(rng, 100, 999)} {_n(rng, 100, 999)} EUR",
            lambda rng: f"¥{_digits(rng, 8)}", lambda rng: f"{_n(rng, 10, 999)},{_n(rng, 100, 999)},{_n(rng, 100, 999)}元",
            lambda rng: f"{_n(rng, 1, 999)}.{_n(rng, 100, 999)}.{_n(rng, 100, 999)},{_n(rng, 10, 99)} €", lambda rng: f"{_digits(rng, 11)} people",
        ),
        ("They spent {} on it.", "共计{}。", "Total: {}", "报价{}起"),
    ),
    "coordinates": (
        (
            lambda rng: f"{rng.uniform(-90, 90):.6f}, {rng.uniform(-180, 180):.6f}", lambda rng: f"{rng.uniform(0, 90):.7f} {rng.uniform(0, 180):.7f}",
            lambda rng: f"N{_n(rng, 10, 80)}°{_n(rng, 10, 59)}'{_n(rng, 10, 59)}.{_n(rng, 100, 999)}\"", lambda rng: f"{rng.uniform(73, 135):.8f}E,{rng.uniform(18, 53):.8f}N",
        ),
        ("The peak lies at {}.", "坐标：{}", "Location {}", "位于{}处"),
    ),
    "hash": (
        (
            lambda rng: _hex(rng, 32), lambda rng: _hex(rng, 40), lambda rng: _hex(rng, 64), lambda rng: _hex(rng, 12), lambda rng: _digits(rng, 8) + _hex(rng, 32),
            lambda rng: f"sha256:{_hex(rng, 64)}", lambda rng: str(uuid.UUID(int=rng.getrandbits(128))), lambda rng: str(uuid.UUID(int=rng.getrandbits(128))).upper(),
        ),
        ("Commit {} broke it.", "校验值：{}", "id={}", "任务{}已完成"),
    ),
    "timestamp": (
        (
            lambda rng: f"{_n(rng, 1_300_000_000, 1_800_000_000)}", lambda rng: f"{_n(rng, 1_300_000_000_000, 1_800_000_000_000)}",
            lambda rng: f"2024-05-{_n(rng, 10, 28)}T{_n(rng, 10, 23)}:{_n(rng, 10, 59)}:{_n(rng, 10, 59)}.{_n(rng, 100, 999)}Z",
            lambda rng: f"[{_n(rng, 1000, 9999)}.{_n(rng, 100000, 999999)}]", lambda rng: f"{_n(rng, 10, 23)}:{_n(rng, 10, 59)}:{_n(rng, 10, 59)},{_n(rng, 100, 999)}",
            lambda rng: f"202{_n(rng, 0, 5)}{_n(rng, 1, 12):02}{_n(rng, 1, 28):02}{_n(rng, 10, 23)}{_n(rng, 10, 59)}{_n(rng, 10, 59)}",
        ),
        ("{} INFO started worker 12", "日志时间{}", "mtime {} size 4096", "{} 服务启动"),
    ),
    "identifier": (
        (
            lambda rng: f"10.{_n(rng, 1000, 9999)}/s{_digits(rng, 5)}-0{_n(rng, 10, 25)}-{_digits(rng, 5)}-{_n(rng, 1, 9)}", lambda rng: f"10.1{_n(rng, 100, 999)}/j.cell.20{_n(rng, 10, 24)}.{_n(rng, 10, 12)}.{_n(rng, 100, 999)}",
            lambda rng: f"{_n(rng, 50, 9999999)}-{_n(rng, 10, 99)}-{_n(rng, 0, 9)}", lambda rng: f"CAS {_n(rng, 1000000, 9999999)}-{_n(rng, 10, 99)}-{_n(rng, 0, 9)}",
            lambda rng: f"arXiv:{_n(rng, 1001, 2412)}.{_n(rng, 10000, 29999)}", lambda rng: f"US {_n(rng, 5, 11)},{_n(rng, 100, 999)},{_n(rng, 100, 999)} B2",
            lambda rng: f"CN20{_n(rng, 10, 24)}1{_digits(rng, 7)}.{_n(rng, 1, 9)}", lambda rng: f"PMID {_digits(rng, 8)}", lambda rng: f"ISSN {_digits(rng, 4)}-{_digits(rng, 4)}",
            lambda rng: f"NCT0{_digits(rng, 7)}", lambda rng: f"{_n(rng, 10000, 99999)}-{_n(rng, 1000, 9999)}", lambda rng: f"(20{_n(rng, 10, 24)})京01民终{_digits(rng, 4)}号",
        ),
        ("Compare {} for details.", "参见{}。", "({})", "编号{}"),
    ),
    "part": (
        (
            lambda rng: f"{_n(rng, 100, 999)}-{_n(rng, 1000, 9999)}-{_n(rng, 10, 99)}", lambda rng: f"STM32F{_n(rng, 100, 499)}C{_n(rng, 1, 9)}T{_n(rng, 1, 9)}",
            lambda rng: f"P/N {_n(rng, 1000, 9999)}-{_n(rng, 100, 999)}-{_n(rng, 100, 999)}", lambda rng: f"B0{_n(rng, 1, 9)}{_hex(rng, 7).upper()}",
            lambda rng: f"{_n(rng, 10, 99)}A{_digits(rng, 6)}-{_n(rng, 1, 9)}", lambda rng: f"690{_digits(rng, 10)}", lambda rng: f"35{_digits(rng, 13)}", lambda rng: f"{_n(rng, 1, 9)}.{_digits(rng, 14)}",
        ),
        ("Part {} is out of stock.", "型号{}已停产", "SKU: {}", "条码 {}"),
    ),
    "network": (
        (
            lambda rng: f"192.168.{_n(rng, 0, 255)}.{_n(rng, 1, 254)}", lambda rng: f"10.{_n(rng, 0, 255)}.{_n(rng, 0, 255)}.{_n(rng, 1, 254)}",
            lambda rng: ":".join(_hex(rng, 2) for _ in range(6)), lambda rng: f"fe80::{_hex(rng, 4)}:{_hex(rng, 4)}", lambda rng: f"127.0.0.{_n(rng, 1, 254)}",
            lambda rng: f"172.{_n(rng, 16, 31)}.{_n(rng, 0, 255)}.{_n(rng, 1, 254)}", lambda rng: f"255.255.{rng.choice((0, 128, 192, 240))}.0", lambda rng: f"2001:db8::{_hex(rng, 4)}",
        ),
        ("The printer sits at {}.", "内网地址{}", "ip addr {} dev eth0", "主机{}在线"),
    ),
    "text": (
        (
            lambda rng: "user@example.com", lambda rng: f"@user_{_n(rng, 1, 999)}", lambda rng: f"logo@{_n(rng, 2, 4)}x.png", lambda rng: f"lodash@4.{_n(rng, 1, 30)}.{_n(rng, 1, 30)}",
            lambda rng: "git@github.com:torvalds/linux.git", lambda rng: "the meeting at noon on the dot", lambda rng: "@property.setter", lambda rng: "look (at) this dot com boom",
            lambda rng: f"task-{_n(rng, 1000, 9999)}-risk-management-in-large-organisations", lambda rng: "sk-learn-style estimators with many options", lambda rng: f"{_n(rng, 1, 9)} + {_digits(rng, 8)} = {_digits(rng, 9)}",
            lambda rng: f"{_n(rng, 10, 99)} {_n(rng, 10, 99)} {_n(rng, 10, 99)} {_n(rng, 10, 99)} {_n(rng, 10, 99)}", lambda rng: f"{_n(rng, 100, 999)} {_n(rng, 100, 999)} {_n(rng, 1000, 9999)} {_n(rng, 100, 999)}", lambda rng: f"+{_n(rng, 5, 95)}.{_n(rng, 10, 99)}% (+{_digits(rng, 5)})",
        ),
        ("He noted {} in the margin.", "页边写着{}。", "{}", "例如{}等"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A text and what a perfect detector makes of it. ``sort`` is a kind of personal data, or a sort of look-alike."""

    sort: str
    half: str
    text: str
    masked: str


def cases(seed: int, each: int) -> list[Case]:
    """``each`` texts for every kind, sort and half; the same seed gives the same texts."""
    made: list[Case] = []
    for number, half in enumerate(HALVES):
        rng = random.Random(f"{seed} {half}")
        for kind, mask in MASKS.items():
            made += [Case(kind, half, *filled(rng, *choice, mask)) for choice in _pairs(rng, kind, number, each)]
        for sort, (forms, sentences) in NEGATIVES.items():
            for _ in range(each):
                text, _masked = filled(rng, rng.choice(forms[number::2]), rng.choice(_half(sentences, number)), "")
                made.append(Case(sort, half, text, text))
    return made


def filled(rng: random.Random, form: Form, sentence: str, mask: str) -> tuple[str, str]:
    """The sentence with a value of the form, and with the mask in its place."""
    return sentence.replace("{}", form(rng)), sentence.replace("{}", mask)


def _pairs(rng: random.Random, kind: str, half: int, count: int) -> Iterator[tuple[Form, str]]:
    """Forms with sentences. A phone number that only its country reads as one stands beside a word that says so."""
    bare, labelled = _half(_BARE, half), _half(_LABELLED[kind], half)
    forms: dict[str, Sequence[Form]] = {kind: ()} if kind == "phone" else {kind: getattr(values, kind.upper())}
    for number in range(count):
        if kind != "phone":
            yield rng.choice(forms[kind][half::2]), rng.choice((bare, labelled)[number % 2])
        elif number % 4 == 0:
            yield rng.choice(values.LABELLED[half::2]), rng.choice(labelled)
        else:
            yield rng.choice((values.INTERNATIONAL, values.BARE)[number % 2][half::2]), rng.choice((*bare, *labelled))


def _half(sentences: Sequence[str], half: int) -> list[str]:
    """Every second pair of sentences: they stand in pairs of an English and a Chinese one."""
    return [sentence for place, sentence in enumerate(sentences) if place // 2 % 2 == half]

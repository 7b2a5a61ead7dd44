"""Chinese rules: articles and documentation pass, menus and listings fail, every reason and option counts."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from stages.c4 import C4, C4Rules, c4
from stages.figures import figures, figures_of
from stages.fineweb import FineWeb, FineWebRules, fineweb
from stages.gopher import (
    GopherQuality,
    GopherQualityRules,
    GopherRepetition,
    GopherRepetitionRules,
    gopher_quality,
    gopher_repetition,
)

STAGES = {
    "gopher_quality": (gopher_quality, GopherQuality),
    "gopher_repetition": (gopher_repetition, GopherRepetition),
    "c4": (c4, C4),
    "fineweb": (fineweb, FineWeb),
}
RULES = {
    "gopher_quality": GopherQualityRules,
    "gopher_repetition": GopherRepetitionRules,
    "c4": C4Rules,
    "fineweb": FineWebRules,
}
ARTICLE = """春天的山谷里，溪水从雪峰上流下来，绕过古老的村庄和成片的梯田。
每年三月，村民们都会在清晨上山采茶，直到太阳落到西边的山脊后面才回家。
老人说，这里的茶树已经生长了四百多年，是祖先从很远的地方一棵一棵背来的。
现在年轻人大多去了城里工作，但是逢年过节，他们仍然愿意坐一整天的车回到这里。
二零一八年修通了公路，游客渐渐多了起来，有人开起客栈，也有人在网上卖起了新茶。
不过村里最热闹的日子，还是秋收之后的那场庙会：锣鼓、舞龙、皮影戏，一样都不能少。
“只要茶树还在，我们就不会忘记自己是谁。”主持祭祀的长者这样告诉记者。"""
_MENU_LINE = (
    "首页 新闻 体育 财经 科技 娱乐 汽车 房产 教育 军事 旅游 健康 时尚 游戏 视频 直播 图片 论坛 博客 微博 邮箱 搜索 "
    "地图 导航 登录 注册 帮助 客服 招聘 广告 合作 版权 北京 上海 广州 深圳 杭州 南京 成都 武汉 西安 重庆 天津 苏州 "
    "青岛 大连 厦门 宁波 长沙 郑州 手机 电脑 相机 家电 服装 鞋包 美妆 母婴 食品 图书 家具 珠宝 手表 运动 户外 玩具"
)
MENU = _MENU_LINE.replace(" ", "\n")
LISTING = "\n".join(f"【促销】{name} 型号X{k}00 现价{k}99元 库存{k}件" for k, name in enumerate(MENU.split("\n"), 1))


def chinese(*texts: str | None) -> pa.Table:
    return pa.table({"content": pa.array(texts, pa.string()), "lang": pa.array(["zh"] * len(texts), pa.string())})


def judged(stage: str, batch: pa.Table, **rules: object) -> pa.Table:
    """The figures of a batch and one family's verdict on them."""
    settings = {name: config() for name, (_, config) in STAGES.items()}
    zh = RULES[stage](**(dict(settings[stage].zh) | rules))
    settings[stage] = settings[stage].model_copy(update={"zh": zh})
    measures = figures_of(
        settings["gopher_quality"], settings["gopher_repetition"], settings["c4"], settings["fineweb"]
    )
    return STAGES[stage][0](figures(batch, measures), settings[stage])


def drops(stage: str, *texts: str | None, **rules: object) -> list[str | None]:
    return judged(stage, chinese(*texts), **rules)[f"{stage}.drop"].to_pylist()


def kept(text: str) -> bool:
    return all(drops(stage, text) == [None] for stage in STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_an_article_passes_every_rule(stage: str) -> None:
    assert drops(stage, ARTICLE) == [None]


def test_the_same_article_in_traditional_characters_passes() -> None:
    traditional = ARTICLE.translate(
        str.maketrans("这里们会个从树对时为来车开场样丰记网热闹还", "這裡們會個從樹對時為來車開場樣豐記網熱鬧還")
    )
    assert traditional != ARTICLE
    assert kept(traditional)


@pytest.mark.parametrize("text", [MENU, MENU.replace("\n", " | "), LISTING, " ".join(MENU.split()) * 3])
def test_menus_and_listings_fail(text: str) -> None:
    assert not kept(text)


@pytest.mark.parametrize(
    ("stage", "reason", "text"),
    [
        ("gopher_quality", "gopher_short_doc", ARTICLE[:60]),
        ("gopher_quality", "gopher_above_avg_threshold", "是的 internationalization 在 characterization 和 " * 30),
        ("gopher_quality", "gopher_too_many_hashes", ARTICLE.replace("的", "#的###").replace("，", "##########")),
        ("gopher_quality", "gopher_too_many_ellipsis", ARTICLE.replace("，", "………………")),
        ("gopher_quality", "gopher_too_many_bullets", "\n".join("· " + line for line in ARTICLE.split("\n"))),
        ("gopher_quality", "gopher_too_many_end_ellipsis", ARTICLE.replace("。\n", "……\n")),
        ("gopher_quality", "gopher_below_alpha_threshold", ARTICLE + "12 34 56 78 90\n" * 60),
        ("gopher_quality", "gopher_enough_stop_words", MENU),
        ("gopher_quality", "gopher_low_stop_ratio", MENU * 3 + "的在"),
        ("gopher_repetition", "empty", ""),
        ("gopher_repetition", "dup_para_frac", ARTICLE.replace("\n", "\n\n分享\n\n")),
        ("gopher_repetition", "dup_line_frac", ARTICLE.replace("\n", "\n分享\n")),
        ("gopher_repetition", "dup_line_char_frac", "\n".join([ARTICLE, *ARTICLE.split("\n")[:2]])),
        ("gopher_repetition", "top_3_gram", "买茶叶，" * 40 + ARTICLE),
        ("gopher_repetition", "duplicated_8_n_grams", ARTICLE.replace("\n", "") + ARTICLE[:90].replace("\n", "")),
        ("c4", "too_few_sentences", "只有一句话的短页面。"),
        ("c4", "too_many_boilerplate_lines", ARTICLE + "\n首页 | 新闻 | 体育 | 财经 | 科技" * 9),
        ("c4", "too_many_boilerplate_lines", ARTICLE + "\n加微信领取优惠，机会难得！" * 9),
        ("c4", "lorem_ipsum", ARTICLE + "\n这里是占位文字 lorem ipsum。"),
        ("fineweb", "empty", " \n"),
        ("fineweb", "line_punct_ratio", ARTICLE.replace("。\n", "\n").replace("。", "")[:-1]),
        ("fineweb", "short_line_ratio", ARTICLE + "\n" + "".join(f"第{k}条新闻。\n" for k in range(20))),
        ("fineweb", "char_dup_ratio", "\n".join([ARTICLE, ARTICLE.split("\n")[1]])),
        ("fineweb", "list_ratio", ARTICLE + "\n" + "".join(f"documentation{k}。\n" for k in range(60))),
    ],
)
def test_each_reason_is_given(stage: str, reason: str, text: str) -> None:
    assert drops(stage, text) == [reason]


@pytest.mark.parametrize(
    ("stage", "option", "value", "reason"),
    [
        ("gopher_quality", "min_words", 1000, "gopher_short_doc"),
        ("gopher_quality", "max_words", 100, "gopher_long_doc"),
        ("gopher_quality", "min_mean_word_length", 2.0, "gopher_below_avg_threshold"),
        ("gopher_quality", "max_mean_word_length", 0.5, "gopher_above_avg_threshold"),
        ("gopher_quality", "max_symbol_ratio", -1.0, "gopher_too_many_hashes"),
        ("gopher_quality", "max_bullet_lines_ratio", -1.0, "gopher_too_many_bullets"),
        ("gopher_quality", "max_ellipsis_lines_ratio", -1.0, "gopher_too_many_end_ellipsis"),
        ("gopher_quality", "min_alpha_words_ratio", 1.0, "gopher_below_alpha_threshold"),
        ("gopher_quality", "stop_words", ("龘",), "gopher_enough_stop_words"),
        ("gopher_quality", "min_stop_words", 30, "gopher_enough_stop_words"),
        ("gopher_quality", "min_stop_ratio", 0.5, "gopher_low_stop_ratio"),
        ("gopher_repetition", "top_n_grams", ((4, 0.0),), "top_4_gram"),
        ("gopher_repetition", "dup_n_grams", ((9, -1.0),), "duplicated_9_n_grams"),
        ("gopher_repetition", "max_dup_line_frac", -1.0, "dup_line_frac"),
        ("c4", "min_sentences", 100, "too_few_sentences"),
        ("c4", "min_words_per_line", 100, "too_few_sentences"),
        ("c4", "policy_phrases", ("茶", "的"), "too_few_sentences"),
        ("c4", "max_boilerplate_lines_ratio", -1.0, "too_many_boilerplate_lines"),
        ("fineweb", "min_line_punct_ratio", 1.1, "line_punct_ratio"),
        ("fineweb", "short_line_length", 100, "short_line_ratio"),
        ("fineweb", "max_list_ratio", 0.0, "list_ratio"),
    ],
)
def test_each_option_changes_the_outcome(stage: str, option: str, value: object, reason: str) -> None:
    assert drops(stage, ARTICLE, **{option: value}) == [reason]


def test_c4_for_chinese_may_ask_for_terminal_punctuation_and_refuse_code() -> None:
    headings = ARTICLE.replace("。\n", "\n").replace("。”", "”")
    assert drops("c4", headings.replace("。", "")) == [None]
    assert drops("c4", headings.replace("。", ""), require_terminal_punctuation=True) == ["too_few_sentences"]
    code = ARTICLE + "\n函数体写作 { return }。"
    assert drops("c4", code) == [None]
    assert drops("c4", code, drop_curly_bracket=True) == ["curly_bracket"]


@pytest.mark.parametrize(
    ("line", "navigation", "advert"),
    [
        ("首页 > 新闻 > 国内 > 正文", 1, 0),
        ("首頁｜新聞｜體育｜財經｜娛樂", 1, 0),
        ("新闻 体育 财经 科技 娱乐 汽车", 1, 0),
        ("上一篇：春天的茶山", 1, 0),
        ("京ＩＣＰ备12345678号", 1, 0),
        ("他回到首页，读完了这一篇文章，然后才去休息。", 0, 0),
        ("请扫描二维码关注我们", 0, 1),
        ("加 V 信，或拨打全国热线：400-000-0000！", 0, 1),
        ("他说扫一扫就能付款，" + "可是村里的老人大多不会用手机，也不愿意学，" * 8 + "只好作罢。", 0, 0),
        ("int i = 0 ; j = 1 ; k = 2 ;", 0, 0),
        ("春天的山谷里，溪水从雪峰上流下来。", 0, 0),
    ],
)
def test_navigation_and_advertisement_lines_are_told_apart_from_prose(line: str, navigation: int, advert: int) -> None:
    row = judged("c4", chinese(f"{ARTICLE}\n{line}")).to_pylist()[0]
    assert (row["c4.navigation_lines"], row["c4.advert_lines"]) == (navigation, advert)
    assert row["c4.drop"] is None


@pytest.mark.parametrize(
    ("line", "rules", "off", "on"),
    [
        ("回到茶山", {"navigation_phrases": ("茶山",)}, 0, 1),
        ("上一篇：春天的茶山", {"max_navigation_chars": 5}, 1, 0),
        ("新闻 体育 财经 科技 娱乐", {"min_navigation_items": 0}, 1, 0),
        ("新闻 体育 财经 科技 娱乐", {"max_item_chars": 1}, 1, 0),
    ],
)
def test_each_option_of_navigation_lines_counts(line: str, rules: dict, off: int, on: int) -> None:
    text = chinese(f"{ARTICLE}\n{line}")
    assert judged("c4", text)["c4.navigation_lines"].to_pylist() == [off]
    assert judged("c4", text, **rules)["c4.navigation_lines"].to_pylist() == [on]


@pytest.mark.parametrize(("rules", "on"), [({"advert_phrases": ()}, 0), ({"max_advert_chars": 5}, 0), ({}, 1)])
def test_each_option_of_advertisement_lines_counts(rules: dict, on: int) -> None:
    table = judged("c4", chinese(f"{ARTICLE}\n请扫描二维码关注我们"), **rules)
    assert table["c4.advert_lines"].to_pylist() == [on]


def test_full_width_forms_read_as_what_they_are_forms_of() -> None:
    wide = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)} | {" ": "\u3000"})
    text = ARTICLE + "\n# 用 Python 3 写的 java[1]script 程序...\n- 阅读 cookie 的说明 { 1 + 1 }"
    for stage in STAGES:
        narrow, broad = judged(stage, chinese(text)), judged(stage, chinese(text.translate(wide)))
        assert narrow.drop_columns(["content"]).equals(broad.drop_columns(["content"])), stage
    assert drops("gopher_quality", text, stop_words=("＃",), min_stop_words=1, min_stop_ratio=0.0) == [None]


def test_a_closing_quote_may_follow_the_full_stop() -> None:
    quoted = "\n".join(f"“{line}”" for line in ARTICLE.split("\n"))
    assert drops("fineweb", quoted) == [None]


def test_lines_of_white_space_are_not_repeated_lines() -> None:
    assert drops("gopher_repetition", ARTICLE.replace("\n", "\n \n")) == [None]
    assert drops("fineweb", ARTICLE.replace("\n", "\n\n\n\n")) == [None]


def test_num_words_counts_han_characters() -> None:
    table = judged("gopher_quality", chinese("我用Python，很快！", "", None))
    assert table["num_words"].to_pylist() == [4, 0, None]


def test_both_languages_are_judged_by_their_own_rules_in_one_batch() -> None:
    table = pa.table({"content": [ARTICLE, ARTICLE, ARTICLE], "lang": ["zh", "en", "fr"]})
    result = judged("gopher_quality", table)["gopher_quality.drop"].to_pylist()
    assert result[0] is None
    assert result[1] is not None
    assert result[2] is None


def _share_kept(texts: list[str]) -> float:
    fates = zip(*(drops(stage, *texts) for stage in STAGES), strict=True)
    return sum(not any(fate) for fate in fates) / len(texts)


def test_hand_cleaned_articles_pass(shared_data: Path) -> None:
    lines = (shared_data / "web-pages" / "gold.jsonl").read_text("utf-8").splitlines()
    articles = [row["text"] for row in map(json.loads, lines) if row.get("lang") == "zh" and "text" in row]
    assert len(articles) >= 30
    assert _share_kept(articles) >= 0.9


def test_ordinary_documentation_passes(shared_data: Path) -> None:
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text

    pages = []
    with (shared_data / "docs-pages" / "zh.warc.gz").open("rb") as stream:
        for number, record in enumerate(ArchiveIterator(stream, record_types=WarcRecordType.response)):
            if number % 8 == 0:
                html = record.reader.read().decode("utf-8", "replace")
                pages.append(extract_plain_text(html, main_content=True))
    assert _share_kept([page for page in pages if len(page) >= 200]) >= 0.8

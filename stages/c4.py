"""C4's rules (Raffel et al. 2020, JMLR 21/140, section 2.2), English and Chinese.

English decides as datatrove 0.10.1's C4QualityFilter (without the bad-word list, as there). That filter also rewrites
the page to the lines it kept; here the page stays as it is and only the decision is taken, because later tiers trace
and quote whole passages. ``c4.kept_lines`` and ``c4.kept_chars`` tell what the rewriting would have left.
Sentences are cut as spaCy's sentencizer cuts them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from stages.contract import Config, Stage
from stages.rules import CHINESE, ENGLISH, append_verdict, first_broken, read_figures

_FIGURES = (
    "lines",
    "kept_lines",
    "sentences",
    "kept_chars",
    "lorem_ipsum_lines",
    "curly_bracket_lines",
    "navigation_lines",
    "advert_lines",
)
_POLICY_EN = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies")
_POLICY_ZH = ("隐私政策", "隱私政策", "隐私权", "隱私權", "使用条款", "使用條款", "服务条款", "服務條款", "cookie")
# What menus, footers and sharing bars say, in both scripts.
_NAVIGATION_ZH = """
    首页 首頁 上一篇 下一篇 上一页 下一页 上一頁 下一頁 上一章 下一章 返回顶部 返回頂部 返回列表 返回目录 返回目錄
    回到顶部 网站地图 網站地圖 网站导航 網站導航 免费注册 联系我们 聯繫我們 聯絡我們
    关于我们 關於我們 加入我们 加入收藏 设为首页 設為首頁 友情链接 友情連結 版权所有 版權所有 版权声明 免责声明
    免責聲明 icp备 icp备案 公网安备 当前位置 您的位置 您现在的位置 目前位置 您所在的位置 分享到 分享至 相关阅读
    相關閱讀 相关文章 相關文章 相关推荐 推荐阅读 猜你喜欢 猜你喜歡 热门推荐 热门标签 热门文章 最新文章 最新评论
    发表评论 發表評論 发表回复 查看更多 查看全部 阅读全文 閱讀全文 展开全文 更多>> 点击排行 点击次数 阅读次数
    浏览次数 瀏覽次數 责任编辑 責任編輯 打印本页 关闭窗口 在线客服 購物車 购物车 我的订单 会员中心 會員中心
"""
# What advertisements ask of the reader; none is a plain noun that an article on the matter would need.
_ADVERT_ZH = """
    加微信 加我微信 添加微信 微信号: 微信咨询 微信扫码 微信掃碼 扫码关注 扫码添加 扫码领取 扫码下载 扫描二维码
    掃描二維碼 扫一扫 掃一掃 长按识别 长按二维码 关注公众号 关注我们的公众号 点击关注 加qq qq群: 客服qq 点击购买
    立即购买 立即購買 立即抢购 立即下单 马上抢购 马上购买 点击下单 限时抢购 限时优惠 限時優惠 限时特价
    领取优惠券 领优惠券 全场包邮 免费领取 免費領取 点击领取 立即领取 免费试用 立即下载 立即下載 点击下载 下载app
    下载客户端 打开app 立即咨询 免费咨询 免費諮詢 在线咨询 电话咨询 咨询热线 諮詢熱線 咨询电话 服务热线 全国热线
    订购热线 加盟热线 招商热线 招商加盟 火爆招商 诚招代理 代理加盟 厂家直销 低价出售 欢迎来电
    欢迎致电 来电咨询 代开发票 日赚 月入过万 澳门赌场 在线娱乐城 真人娱乐 注册送
"""


class C4Lines(Config):
    """What each line must be to count. Words of a line are cut at white space; in Chinese, a Han character or a run of
    other letters is one."""

    remove_citations: bool = True  # "[12]", "[edit]", "[citation needed]" are taken out before a line is judged
    require_terminal_punctuation: bool = True  # lines must end in . ? ! " ' but not in "..."
    min_words_per_line: int = 3
    max_word_length: int = 1000  # characters; -1 is off
    drop_lorem_ipsum: bool = True  # the page
    drop_javascript: bool = True  # the line
    drop_curly_bracket: bool = True  # the page
    drop_policy: bool = True  # the line
    policy_phrases: tuple[str, ...] = _POLICY_EN  # lower case
    navigation_phrases: tuple[str, ...] = ()  # of short lines that end no sentence; lower case
    max_navigation_chars: int = Field(default=40, ge=0)  # of such a line
    min_navigation_items: int = Field(default=0, ge=0)  # short items in a row that make a line a menu; 0 is off
    max_item_chars: int = Field(default=8, ge=1)  # of such an item
    advert_phrases: tuple[str, ...] = ()  # lower case
    max_advert_chars: int = Field(default=120, ge=0)  # of a line that one makes an advertisement

    @field_validator("policy_phrases", "navigation_phrases", "advert_phrases")
    @classmethod
    def _phrases_can_match(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        for phrase in phrases:
            if not phrase or phrase != phrase.lower().strip():
                raise ValueError(
                    "policy_phrases, navigation_phrases and advert_phrases are compared in lower case, and may not be "
                    f"empty or begin or end with white space, got {phrase!r}"
                )
        return phrases

    def packed(self, read: Callable[[str], str] = str) -> tuple[Any, Any]:
        """The rules and phrases as the kernels take them. read: what reading does to the text of pages."""
        from stages import mark_kernels as marks
        from stages.c4_kernels import LineRules

        rules = LineRules(
            self.max_word_length,
            int(self.require_terminal_punctuation),
            self.min_words_per_line,
            int(self.remove_citations),
            self.min_navigation_items,
            self.max_item_chars,
            self.max_navigation_chars,
            self.max_advert_chars,
        )
        phrases = [("[", marks.BRACKET)] if self.remove_citations else []
        phrases += [("lorem ipsum", marks.LOREM_IPSUM)] if self.drop_lorem_ipsum else []
        phrases += [("javascript", marks.JAVASCRIPT)] if self.drop_javascript else []
        phrases += [("{", marks.CURLY)] if self.drop_curly_bracket else []
        phrases += [(phrase, marks.POLICY) for phrase in self.policy_phrases if self.drop_policy]
        phrases += [(phrase, marks.NAVIGATION) for phrase in self.navigation_phrases]
        phrases += [(phrase, marks.ADVERT) for phrase in self.advert_phrases]
        return rules, marks.pack_phrases((read(phrase), mark) for phrase, mark in phrases)


class C4Rules(C4Lines):
    """Limits of one language. A line that breaks a line rule is set aside; the rest must hold enough sentences."""

    min_sentences: int = 5
    # Navigation and advertisement lines / lines.
    max_boilerplate_lines_ratio: float = 1.0

    def measures(self) -> C4Lines:
        """The settings that decide on lines."""
        return C4Lines(**{name: getattr(self, name) for name in C4Lines.model_fields})


class C4(Config):
    """C4 rules of both languages."""

    en: C4Rules = C4Rules()
    zh: C4Rules = C4Rules(
        # FineWeb2 dropped the C4 rules outside English: headings and items stand without a full stop, and a curly
        # bracket rejects documentation with code. What is left asks for a few sentences, and sets policy, navigation
        # and advertisement lines aside.
        require_terminal_punctuation=False,
        drop_curly_bracket=False,
        min_words_per_line=5,
        min_sentences=3,
        policy_phrases=_POLICY_ZH,
        navigation_phrases=tuple(_NAVIGATION_ZH.split()),
        min_navigation_items=5,
        advert_phrases=tuple(_ADVERT_ZH.split()),
        max_boilerplate_lines_ratio=0.5,
    )


def _rules(figures: dict[str, np.ndarray], rules: C4Rules) -> list[tuple[str, np.ndarray]]:
    """datatrove's rules on pages, then the one it lacks."""
    boilerplate = (figures["navigation_lines"] + figures["advert_lines"]) / np.maximum(figures["lines"], 1)
    return [
        ("lorem_ipsum", figures["lorem_ipsum_lines"] > 0),
        ("curly_bracket", figures["curly_bracket_lines"] > 0),
        ("too_few_sentences", figures["sentences"] < rules.min_sentences),
        ("too_many_boilerplate_lines", boilerplate > rules.max_boilerplate_lines_ratio),
    ]


def c4(batch: pa.Table, cfg: C4) -> pa.Table:
    """Mark pages with placeholder text, code, too few sentences in proper lines, or mostly menus and advertisements.

    In:  lang string, "c4.<figure>" float64 of the stage ``figures``, counts:
         lines                  lines as str.splitlines cuts them
         kept_lines, kept_chars, sentences   lines that break no line rule, their characters, their sentences
         lorem_ipsum_lines, curly_bracket_lines   lines set aside for these
         navigation_lines       lines of at most max_navigation_chars with a navigation phrase that end no sentence, and
                                rows of at least min_navigation_items items of at most max_item_chars; off in English
         advert_lines           lines of at most max_advert_chars with an advertisement's phrase; off in English
    Out: "c4.drop" string: the first broken rule in datatrove's order, null = keep.
    Source: JMLR 21/140, section 2.2; decides as datatrove 0.10.1's C4QualityFilter. The text is not rewritten.
    """
    figures, codes = read_figures(batch, "c4", _FIGURES)
    reasons = first_broken(_rules(figures, cfg.en), codes == ENGLISH)
    reasons += first_broken(_rules(figures, cfg.zh), codes == CHINESE)
    return append_verdict(batch, "c4", reasons)


def c4_stage(cfg: C4) -> Stage:
    """The stage ``c4``."""
    return Stage(
        name="c4",
        fn=c4,
        config=cfg,
        needs=("lang", *(f"c4.{name}" for name in _FIGURES)),
        adds=("c4.drop",),
        reject_on="c4.drop",
    )

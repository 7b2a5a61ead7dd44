"""What turns a sentence into another claim: denials, degrees, obligations, comparisons, orders; and their opposites.

A group holds the words that make one kind of claim. What an output claims by a word of a group, its source must claim
by some word of the same group, near the same content; a word whose opposite stands there instead contradicts it.
"""

from __future__ import annotations

import re
from functools import cache

# Cues of denial. The wide ones deny too, in their way: a paraphrase may say "lacks" where its source says "has no".
DENIAL = {
    "en": re.compile(
        r"(?<![-\w])(?:not(?! only)|cannot|never|no(?! matter| doubt)|nor|neither|none|nothing|nobody|without)(?![-\w])"
        r"|n['’]t\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        # "是不是" asks.
        r"(?<!是(?=不是))(?<!会(?=不会))(?<!能(?=不能))(?<!要(?=不要))(?<!有(?=没有))(?<!可(?=不可))(?:"
        r"不(?:能够?|会|可以?|必|用|需要?|要|再|应当?|是|存在|得(?!不))|(?<!派)不(?!像|同|一样|断|仅|但|过|论|管|久|少|妨|只|光|错|足|得不)"
        r"|没有?|无(?:法|需|须|从)|无(?!论|疑|数|障碍)|未(?!来|必)|并?非(?!常|洲|线性|空)|勿|绝非|(?<![是能可会])否(?!则)|显示不了"
        r"|(?<![特区分级类个性差])别(?![的人处名]))"
    ),
}
WIDE_DENIAL = {
    "en": re.compile(
        r"\b(?:lack\w*|fail(?:s|ed|ure)?|refus\w*|unable|instead|rather than|stop(?:s|ped)?|ceas\w+"
        r"|except\w*|unless|avoid\w*|prevent\w*"
        r"|forb\w+"
        r"|prohibit\w*|exclud\w*|spare[ds]?|missing|absen\w+|ignor\w+|impossible|un(?:necess|desir"
        r"|support|like|avail|able|trust"
        r"|safe|need|want)\w*|in(?:activ|valid|visib|compat|complete)\w*|dis(?:abl|allow|courag)\w*"
        r"|hardly|barely|rarely|seldom"
        r"|reject\w*|den(?:y|ies|ied)|banned|illegal)\b",
        re.IGNORECASE,
    ),
    "zh": re.compile(
        r"禁止|避免|除非|除了|以外|之外|阻止|防止|而不是|缺少|缺乏|失去|拒绝|取消|废弃|难以|很少|代替|取代|派不上|省去|解除|不了"
    ),
}
# Words that claim a degree, an order or an obligation, by kind. What is claimed must be claimed by the source.
GROUPS: dict[str, dict[str, str]] = {
    "en": {
        "all": (
            r"all|every|everyone|everything|everywhere|each|any|anyone|whole|entire\w*|both|complete\w*"
            r"|full\w*|always|any(?:time|thing)|throughout|no|none|never|only|up to"
        ),
        "only": (
            r"only|sole\w*|just|mere\w*|exclusive\w*|alone|single|unique\w*|nothing but|no other|one"
            r"|restricted|limited|except\w*|but|unless|not|never"
        ),
        "must": (
            r"must|ha(?:s|ve|d) to|needs?|needed|requir\w*|mandatory|necessar\w*|essential|oblig\w*|should"
            r"|shall|ought|want\w*|cannot|can't|not permit|forbidden|not allow\w*|only|proper|demand\w*|has\b"
            r"|is to|are to|due"
            r"|do not|don['’]t|make sure|ensure"
        ),
        "always": (
            r"always|every|all|ever|constant\w*|permanent\w*|automatic\w*|never|by default|whenever|invariably"
            r"|each|whatever|any"
        ),
        "most": (
            r"most\w*|main\w*|primar\w*|major\w*|usual\w*|typical\w*|general\w*|common\w*|large\w*|chief\w*"
            r"|principal\w*|often|significant\w*|normal\w*|many|notabl\w*|popular\w*|particular\w*|extreme\w*"
            r"|greatest|broad\w*|widely|rule"
        ),
        "best": (
            r"best|ideal\w*|optimal\w*|excellent|perfect\w*|better|prefer\w*|recommend\w*|superior|right|good"
            r"|nice|well|proper\w*"
        ),
        "worst": r"worst|worse|poor\w*|bad\w*|terribl\w*",
        "first": (
            r"first\w*|initial\w*|begin\w*|start\w*|original\w*|earl\w+|before\w*|previous\w*|prior|new|then"
            r"|advance|once|step|already"
        ),
        "last": (
            r"last\w*|final\w*|end\w*|latest|ultimate\w*|then|finish\w*|terminat\w*|later|recent\w*|current\w*"
            r"|newest|after\w*|eventually|old\w*|most"
        ),
        "least": r"least|minim\w*|fewest|smallest|lowest|only|low\w*|few\w*|small\w*|little",
        "impossible": r"impossible|cannot|can't|unable|not|never|no",
        "free": r"free\w*|libre|open|without|no (?:cost|charge)",
        "secure": r"secur\w*|safe\w*|protect\w*|trust\w*|encrypt\w*",
        "fast": r"fast\w*|quick\w*|rapid\w*|speed\w*|performan\w*|efficien\w*|instant\w*|immediate\w*",
        "double": r"twice|double\w*|two|half|halv\w*|triple\w*|three|times",
    },
    "zh": {
        "all": r"所有|全部|每|各|任何|一切|都|整个|完整|皆|总|完全|全|凡|均|一律|永远|无论|到处|全体|统统",
        "only": r"只|仅|唯一|单独|才|除|独|专|单|就|不|限",
        "must": r"必须|必需|须|需要|务必|一定|应|得|要|不得|不能|必要|强制|才能|值得|请|勿|别|只有",
        "always": r"总是|始终|永远|一直|从来|每|都|总|不断|绝|会|从不|任何",
        "most": r"最|主要|大多|多数|通常|一般|常|往往|首要|大部分|多|非常|尤其|特别|更",
        "best": r"最好|最佳|更好|理想|推荐|优|建议|适合|好",
        "first": r"第一|首|最初|开始|先|起初|前|初|原",
        "last": r"最后|最终|末|最新|终|后|结束|新",
    },
}
# A word is claimed by one of these, looked for in the output.
CLAIMS: dict[str, dict[str, str]] = {
    "en": {
        "all": r"all|every|everyone|everything|everywhere|always",
        "only": r"only|solely|exclusively|nothing but",
        "must": r"must|has to|have to|required|mandatory|obligatory|obliged",
        "always": r"always|constantly|permanently",
        "most": r"most|mostly|mainly|usually|typically|popular|majority",
        "best": r"best|ideal|optimal|perfect",
        "worst": r"worst",
        "first": r"first|earliest|oldest",
        "last": r"last|latest|newest",
        "least": r"least|fewest|smallest|lowest|minimum",
        "impossible": r"impossible|never",
        "free": r"free of charge|for free",
        "secure": r"secure|securely|unsafe",
        "fast": r"fastest|rapidly|instantly|immediately",
        "double": r"twice|double|doubles|half|triple",
    },
    "zh": {
        "all": r"所有|全部|(?<![不没无未][有受需会得])(?<![不没无未])任何|一切|全体|一律|每个|每一",
        "only": r"唯一|仅|只能|只有",
        "must": r"必须|务必|强制|一定要",
        "always": r"总是|始终|永远|从来|一直",
        "most": r"最(?!新|后|初|终|近|低|好|佳)|大多数|多数|绝大",
        "best": r"最佳|最好",
        "first": r"第一个|首次|首个|最早",
        "last": r"最后|最新",
    },
}
_OPPOSITES = {
    "en": """
        before/after earlier/later first/last start/stop start/end begin/end increase/decrease
        increases/decreases raise/lower
        more/less more/fewer most/least larger/smaller bigger/smaller greater/less higher/lower high/low
        large/small big/small
        faster/slower fast/slow quickly/slowly easy/hard easier/harder easy/difficult easier/difficult simple/complex
        enable/disable enabled/disabled enables/disables allow/forbid allowed/forbidden allows/forbids permit/prohibit
        permitted/forbidden accept/reject accepts/rejects include/exclude includes/excludes included/excluded
        add/remove
        adds/removes added/removed install/uninstall installed/uninstalled open/closed opens/closes read/write
        reads/writes
        input/output send/receive sends/receives local/remote upload/download import/export always/never
        always/sometimes
        all/some all/few everyone/nobody many/few often/rarely usually/rarely must/may required/optional
        mandatory/optional
        possible/impossible legal/illegal safe/unsafe public/private internal/external inside/outside
        above/below over/under
        up/down left/right top/bottom upper/lower front/back true/false yes/no same/different similar/different
        success/failure
        succeed/fail succeeds/fails supported/unsupported available/unavailable necessary/unnecessary old/new
        older/newer
        oldest/newest minimum/maximum minimal/maximal best/worst better/worse strong/weak long/short
        longer/shorter deep/shallow
        active/inactive automatic/manual automatically/manually static/dynamic temporary/permanent
        free/proprietary free/paid
        positive/negative gain/loss win/lose rise/fall rises/falls grow/shrink cause/result parent/child master/slave
        primary/secondary client/server sender/recipient buyer/seller teacher/student employer/employee even/odd
        full/empty
        heavy/light hot/cold warm/cool dry/wet early/late ancient/modern north/south east/west morning/evening
        day/night
        increased/decreased expensive/cheap rich/poor near/far visible/hidden ahead/behind encrypt/decrypt
        ascending/descending advantage/disadvantage advantages/disadvantages prior/subsequent preceding/following
        compress/decompress lock/unlock mount/unmount load/unload connected/disconnected online/offline
        sequential/parallel
        """,
    "zh": """
        之前/之后 以前/以后 增加/减少 提高/降低 升高/降低 上升/下降 启用/禁用 允许/禁止 接受/拒绝 包括/排除
        添加/删除 安装/卸载
        打开/关闭 读取/写入 输入/输出 发送/接收 本地/远程 上传/下载 导入/导出 总是/从不 所有/部分 全部/部分
        必须/可以 必需/可选 可能/不可能
        合法/非法 安全/危险 公开/私有 内部/外部 里面/外面 上面/下面 相同/不同 成功/失败 最大/最小 最多/最少
        最高/最低 最好/最坏
        更快/更慢 更大/更小 更多/更少 更高/更低 较大/较小 较高/较低 较多/较少 优点/缺点 自动/手动 静态/动态
        暂时/永久 客户端/服务器 父/子 加密/解密
        压缩/解压 锁定/解锁 挂载/卸载 连接/断开 在线/离线 首先/最后 开始/结束 简单/复杂 容易/困难 快速/缓慢
        变快/变慢 长/短 新版本/旧版本
        旧/新 独立/共享 支持/反对 买/卖 南/北 东/西 早/晚 白天/夜间 宽/窄 强/弱 真/假 正/负 主要/次要 经常/很少
        常见/罕见 直接/间接
        """,
}


@cache
def opposites(language: str) -> dict[str, frozenset[str]]:
    """Word -> the words that say the opposite."""
    found: dict[str, set[str]] = {}
    for pair in _OPPOSITES[language].split():
        first, second = pair.split("/")
        found.setdefault(first, set()).add(second)
        found.setdefault(second, set()).add(first)
    return {word: frozenset(others) for word, others in found.items()}


@cache
def group_pattern(language: str, group: str, claimed: bool) -> re.Pattern[str]:
    """The words of a group: those that claim it, or all that support the claim."""
    words = (CLAIMS if claimed else GROUPS)[language][group]
    return re.compile(words if language == "zh" else rf"\b(?:{words})\b", re.IGNORECASE)


def claimed_groups(text: str, language: str) -> list[tuple[str, str]]:
    """(group, word) of every claim of degree, order or obligation of a text."""
    found = [(group, group_pattern(language, group, True).search(text)) for group in CLAIMS[language]]
    return [(group, match.group()) for group, match in found if match]


def supports_group(text: str, language: str, group: str) -> bool:
    """Whether a text makes a claim of the group, by any of its words."""
    return group_pattern(language, group, False).search(text) is not None


_FORWARD = {
    "en": re.compile(r"instead|rather than|except|unless", re.IGNORECASE),
    "zh": re.compile(r"而不是|除|代替|取代"),
}
# "Nothing but", "not ... unless", 不 ... 以外: what such a denial says is affirmed.
_DOUBLED = {
    "en": re.compile(r"^.{0,80}\b(?:other than|except|but|unless|without|until)\b", re.IGNORECASE | re.DOTALL),
    "zh": re.compile(r"^.{0,30}(?:以外|之外|除非|除了)", re.DOTALL),
}


# How an answer to a question of yes or no opens.
REPLY = {
    "en": re.compile(r"^\W*(?:no|yes)\b[,.;:]?\s*", re.IGNORECASE),
    "zh": re.compile(r"^\s*(?:不是的?|不会|不能|不可以|不需要|没有|不必|不用|不|否|是的?|会|能|可以|需要)[，。；,]\s*"),
}
_SUPPOSES = {
    "en": re.compile(r"\b(?:if|when|whenever|unless|while|once|after|before|until|without)\b(?!.*\?.)", re.IGNORECASE),
    "zh": re.compile(r"如果|若|要是|假如|时|的话|之前|以前"),
}


def supposes(clause: str, language: str) -> bool:
    """Whether a clause tells a condition or a time rather than what is so."""
    return _SUPPOSES[language].search(clause) is not None


def denies_what_follows(cue: str, language: str) -> bool:
    """Whether a weak cue denies nothing that stands before it: "instead of", 除了."""
    return _FORWARD[language].match(cue) is not None


def denies_verb(cue: str, language: str) -> bool:
    """Whether a strong cue stands between the verb that it denies and its object: "contains no code"."""
    return language == "en" and cue.lower() in ("no", "none", "nothing", "nobody", "neither")


def is_doubled(clause: str, language: str) -> bool:
    """Whether a clause, from a cue of denial on, takes its denial back: "not ... except", 不 ... 以外."""
    return _DOUBLED[language].match(clause) is not None


def denies(text: str, language: str) -> bool:
    """Whether a text denies something."""
    return DENIAL[language].search(text) is not None


def denies_widely(text: str, language: str) -> bool:
    """Whether a text denies something, be it by a verb or a preposition only."""
    return denies(text, language) or WIDE_DENIAL[language].search(text) is not None

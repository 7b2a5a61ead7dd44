"""How plain sentences about a named thing go on: what states a relation, what hedges, where objects end."""

from __future__ import annotations

import re


def _any(text: str) -> str:
    """Alternatives that a text parts by bars, over several lines."""
    return "(?:" + "".join(line.strip() for line in text.splitlines()) + ")"


# What a name may be followed by and still be what the sentence is about: "The createuser command is ...".
_KIND = _any(
    """command|utility|program|function|method|module|package|library|class|daemon|directive|protocol|language|project
    |operator|statement"""
)
APPOSITION = rf"(?: {_KIND})?"
_ADVERB = r"(?:(?:also|now|currently|natively|fully|officially|originally|first|directly|automatically|internally) )?"
# As they follow "does not".
BASE = _any(
    """provide|support|use|require|replace|implement|include|contain|extend|return|create|define|generate|enable|manage
    |store|display|convert|control|handle|maintain|depend on|belong to|consist of|run on|rely on|refer to|apply to|add
    |remove"""
)
_ACTIVE = _any(
    """provides?|supports?|uses?|requires?|replaces?|implements?|includes?|contains?|extends?|returns?|creates?|defines?
    |generates?|enables?|describes?|specifies|specify|manages?|stores?|displays?|converts?|controls?|handles?
    |maintains?|develops?|publish(?:es)?|produces?|represents?|adds?|removes?|executes?|introduced|replaced|released
    |founded|created|developed|depends? on|belongs? to|consists? of|runs? on|relies on|rely on|refers? to|stands for
    |inherits from|works with|comes with|derives? from|corresponds to|conforms to|complies with|applies to"""
)
_PARTICIPLE = _any(
    """maintained|developed|created|written|designed|released|published|founded|introduced|implemented|based|licensed
    |distributed|located|named|used|built|supported|provided|replaced|derived|included|defined|deprecated|removed|added
    |available|intended|stored|called|known|made|managed|generated|enabled|disabled|required|returned|composed
    |described"""
)
_PREPOSITION = "(?:by|in|on|from|under|for|with|as|of|into|at|upon|since)"
_BE = "(?:is|are|was|were|isn't|aren't|wasn't)"
# The object of a copula is a thing: "is available" states a property, which is none.
ENGLISH = re.compile(
    rf"(?P<not>(?:does not|doesn't|do not|did not|didn't|never|no longer) )?{_ADVERB}"
    rf"(?:(?P<copula>(?:{_BE}|became)(?P<is_not> not| no longer| never)?(?: (?:also|now|currently|actually))?"
    r" (?=(?:an?|the|one of|part of) |[A-Z]))"
    rf"|(?P<passive>(?:{_BE}|has been|have been)(?P<passive_not> not| no longer| never)? {_ADVERB}"
    rf"{_PARTICIPLE} {_PREPOSITION})\b"
    rf"|(?P<active>{_ACTIVE}|{BASE})\b(?! ?[-/(]))"
)
# Whatever a sentence says under a condition, or not quite, is no plain relation.
HEDGED = re.compile(
    _any(
        r"""\b(?:may|might|can|could|should|would|shall|must|will|if|unless|when|whenever|while|until|except|only
        |usually|often|typically|sometimes|generally|partially|mostly|normally|probably|likely|almost|nearly|rarely
        |either|neither|nor|not necessarily|by default|at least|at most|instead|as if|rather than|such that
        |hypothetical\w*|assum\w+|suppose\w*)\b|\?"""
    ),
    re.IGNORECASE,
)
# Where the object of an English sentence ends.
CLAUSE = re.compile(
    r"[,;]|(?<!:):(?!:)|\. | ?\((?=[^()]*\)(?:[^\w ]|$))|(?P<narrows> (?:which|that|who|whose|where)\b)|(?:,? )"
    + _any(
        r"""because|since|although|though|but|so that|so|in order to|as well as|by (?=\w+ing\b)|without (?=\w+ing\b)
        |using|allowing|making|providing|containing
        |and (?:is|are|was|were|has|have|it|they|then|also|provides?|supports?|uses?|allows?|can|returns?)"""
    )
    + r"\b"
)
# What may follow a comma that ends an object: after any other word it parts a list, or adjectives.
COMMA_ENDS = re.compile(
    ", "
    + _any(
        r"""including|such as|like|which|who|whose|where|but|so|with|while|because|since|although|for example|e\.g\.
        |and (?:is|are|was|were|has|have|it|they|can|provides)|(?:an?|the) (?!.*\b(?:and|or) (?:an?|the) )|\w+ed by
        |\w+ing"""
    )
    + " "
)
# An object that is none: a bracket that does not close, a dash, a second sentence, or what points elsewhere.
BROKEN = re.compile(
    rf"\([^()]*$| [—–-] |\band (?:\S+ ){{1,5}}(?:is|are|was|were|has|have|{_ACTIVE})\b|\b(?:this|these|those)\b"
)
# Objects that say nothing without what came before.
LEANS = re.compile(
    r"(?:the |an? )?"
    + _any(
        """it|its|them|they|that|same|following|above|other|former|latter|such|one|ones|way|case|result|here|there|as
        |how|what|whether|too|more|less|most|very|no|to|also|then|default|name|value|another|favou?r|response|order
        |addition|part|top"""
    )
    + r"\b|\W",
    re.IGNORECASE,
)

_HAN_ADVERB = "(?:也|还|還|同时|目前|现在|已经|已|最初|原生|完全|直接|本身)?"
_HAN_VERBS = _any(
    """提供|支持|使用|需要|取代|替代|代替|包含|包括|采用|采納|实现|實現|基于|基於|属于|屬於|依赖于|依赖|运行于|运行在|位于|定义|定義
    |遵循|继承自|表示|存储|儲存|返回|支援|採用|负责|負責|发布于|成立于|诞生于|源于|源自|用于|用於|适用于"""
)
FOR = ("用于", "用於", "适用于")  # with 的 behind them they often belong to a noun: "X用于Y的Z"
_HAN_BY = _any(
    """维护|維護|开发|開發|编写|編寫|发布|發布|提供|创建|創建|创立|设计|設計|管理|组成|組成|实现|實現|构成|发起|发明|出版|制定
    |赞助"""
)
CHINESE = re.compile(
    rf"{_HAN_ADVERB}(?:(?P<by>由(?P<agent>[^，。；：、,;]{{2,40}}?)(?:所)?(?P<done>{_HAN_BY}))(?=[的，。；,;]|$)"
    r"|(?P<not>不再|并不|並不|不|没有|沒有|未|从不)?"
    r"(?:(?P<copula>是)(?!否|不是|因为|为了|由|在|指|如何|什么|怎|谁|哪)"
    rf"|(?P<active>{_HAN_VERBS})了?))"
)
HAN_HEDGED = re.compile(
    _any(
        r"""可以|可能|也许|或许|大概|应该|應該|应当|應當|必须|必須|能够|能夠|可用|将会|將會|如果|若|假如|假设|除非|当.*时|當.*時
        |只有|只要|通常|一般|往往|有时|大多|几乎|默认|预设|預設|吗|呢|？|\?|最好|建议|建議|不仅|不但|之前|以前|除了|而不是|而非
        |不是.*而是|是不是|是否|(?<=[^功智])能(?!力|源|量|耗|效)|会(?!议|话|员|计)"""
    )
)
HAN_CLAUSE = re.compile(
    r"[，。；：,;！]| ?[（(](?=[^（()）]*[）)] ?(?:[，。；,;]|$))|—|－|…|(?<![起后以])来(?![自源回])"
)
MEASURE = re.compile(r"^(?:一|两|几|這|这)?(?:个|種|种|款|项|套|类|門|门|份|位|家|個|項|類)(?=.{2})|^一(?=[^一-鿿])")
HAN_LEANS = re.compile(
    _any(
        r"""^(?:这|那|它|上|下|以|同|如|什么|一样|相同|另|前|后|的|了|在|否|从|從|对|對|将|將|把|被|向|给|让|讓|按|到|嵌|通过|多|少
        |\W)|^(?:可|必|很|非常|比较|更|最)(?![一-鿿]{0,2}的)|的一[个個種种]|[（(][^（()）]*$|[该該此]|(?<![尤极])其"""
    )
)

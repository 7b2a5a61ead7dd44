"""Statements of L4, found in the documents of L2 and in what L3 wrote from them, each with the exact span that says it.

A statement is a sentence that can be read by itself. One way to it is a sentence of a document as it stands; another a
question that L3 checked, with its answer, made one sentence; another a point of knowledge that the model wrote. Nothing
is made up here: a pair that makes no sentence by rule is rejected, and the word says why.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import Field

from stages import alone_chinese, alone_english
from stages.addresses import canonical_host
from stages.contract import Config
from stages.sentences_of_pairs import sentence_of_pair
from synth.passages import LEANING, LETTER, Span, is_prose, paragraphs, sentences
from synth.rarity import weight
from synth.source import content

VERSION = 4  # bump if statements, or what is said of them, change for the same settings
SENTENCE, QA, CLAIM = "sentence", "qa", "claim"
# Of a statement as it was found; what is added to it by checks comes beside.
CANDIDATES = pa.schema(
    {name: pa.string() for name in ("uid", "statement", "lang", "method", "question", "parent_uid")}
    | {"evidence_uid": pa.string(), "start": pa.int64(), "end": pa.int64(), "text": pa.string()}
    | {name: pa.string() for name in ("context", "url", "host", "title", "date", "licence", "source", "cluster_id")}
    | {name: pa.string() for name in ("prompt_id", "prompt_sha256", "model", "second_reading", "key", "fate")}
)
SENTENCES = pa.schema(
    {"evidence_uid": pa.string(), "start": pa.int64(), "end": pa.int64(), "text": pa.string(), "lang": pa.string()}
)
# What else leans on its place: it points at its page, or at whoever wrote or reads it.
_POINTING = re.compile(
    r"\b(?:this (?:section|chapter|page|document|article|manual|guide|book|example|tutorial|release|case|option"
    r"|function|command|program|file|method|class|module|value|field|parameter|means|one)|(?:see|shown?|described"
    r"|listed|mentioned"
    r"|given|discussed) (?:above|below|here|in (?:the )?(?:section|chapter|table|figure))|the (?:following|above|below"
    r"|previous|next|preceding)|as follows|above|below|herein|we|our|us|i|my|i'm|we'll|let's)\b"
    r"|本(?:节|章|页|文|书|例|手册|指南)|上(?:述|面|文|例|图|表|一)|下(?:述|面|文|例|图|表|一|列)|以(?:上|下)|如(?:上|下|图|表)"
    r"|前(?:面|述|文)|后(?:面|文)|见(?:第|附)|我们?|咱们|这(?:个|些|里|样|种|是)|那(?:个|些|里|样|种)|此(?:处|外|时|选项|命令|函数)|该(?:选项|命令|函数|值|文件)",
    re.IGNORECASE,
)
# What opens so continues a thought, or has its subject in the sentence before it.
_CONTINUING = re.compile(
    r"(?:again|still|yet|besides|too|if (?:not|so)|otherwise|is|are|was|were|has|have|can|fully|which|whose|except|only"
    r"|(?:if|when|while|because|since|as|after|before|once|unless|until|although|though|where|whenever)"
    r" (?:it|they|he|she|this|that|these|those|not)|(?:if|when) (?:you|one) (?:do|want|need) (?:not )?(?:it|so))\b"
    r"|(?:you|one|users?|they)\b[^,;]*\b(?:it|them|they|those|these)\b"
    r"|[^,;，]{0,40}[,，] ?(?:it|they|它们?|他们?|她)\b"
    r"|(?:请(?:参见|参阅|参考|查看|查阅|阅读|注意)|参见|参考|更多|关于|有关|为此|问题在于|一个|另一)"
    r"|(?:on the (?:other|contrary)|notably|(?:un)?fortunately|in (?:particular|fact|addition|general|short"
    r"|practice)|of course"
    r"|that said|apart from|if you wish|for more|more information|beware|in simple terms|in the other direction)\b"
    r"|\d+(?:[.)] |、)|[一二三四五六七八九十]{1,3}、"
    r"|(?:再|没有|详情|或者|特别是|您也|你也|设置的|结果|一旦|同时|其中|也|并)",
    re.IGNORECASE,
)
HAN = re.compile(r"[\u3400-\u9fff]")
_BROKEN = re.compile(r"\*{3,}|[\ufffd\x00-\x08\x0b-\x1f|{}<>]|\.\.\.|…|https?://|\$ |^[-*•#>=]|={3,}|_{3,}")
_FOREIGN = re.compile(r"[\u0370-\u1fff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}")
_PAIRS = (("(（", ")）"), ("「", "」"), ("《", "》"), ("[", "]"))
_QUOTES = '"“”„'
# Before a sentence, what is none's end: "Richard M. Stallman" was taken for two.
_INITIAL = re.compile(r"(?<![A-Za-z])(?:[A-Z]|Dr|Mr|Mrs|Ms|Prof|St|vs|No|Fig)\.\s*$")
_ITEM = re.compile(r"[-*•·–] +(?=\S)")
_RARE = 1.4  # weight of a word that English hardly knows
_TERM = 1.25  # weight of a word that only who knows the field uses often
# In the middle of a word, what makes it a name or a piece of code: pg_dump, /etc/nologin, PostgreSQL, RAID10.
_CODE = re.compile(r"\w[_/.]\w|^/\w|[a-z][A-Z]|[A-Za-z]\d|^[A-Z]{2,}")
_QUOTED_TERM = re.compile(
    r"(?:An? |The (?:(?:term|word|name) )?)?[“\"][^”\"]{2,30}[”\"] (?:is|are|means?|refers? to|denotes?|stands for) "
)
_ZH_NAME = re.compile(r"[A-Za-z][\w./+-]+|[《「“][^》」”]{2,20}[》」”]")
_FOLDED = re.compile(r"[\W_]+")


class OrganizeConfig(Config):
    """What becomes a statement, and which passages of other pages it is compared with."""

    methods: tuple[str, ...] = (SENTENCE, QA, CLAIM)  # where statements come from
    min_words: int = Field(default=5, ge=2)  # of a sentence that stands as a statement, Han characters halved
    max_words: int = Field(default=45, ge=5)
    context_chars: int = Field(default=600, ge=0)  # of the document around the evidence, to read it with
    max_sentences_a_key: int = Field(default=40, ge=2)  # what more sentences than these share says nothing of them
    topics: int | None = Field(default=None, ge=2)  # of each language; none: by the number of statements
    topic_seed: int = Field(default=0, ge=0)
    max_passages: int = Field(default=16, ge=1)  # of other pages that a statement is compared with


class _Place(NamedTuple):
    """A document with the sentences of its prose."""

    row: Mapping[str, Any]
    spans: list[Span]

    def text(self, span: Span) -> str:
        return self.row["content"][slice(*span)]


def prose_sentences(text: str) -> list[Span]:
    """The sentences of the running text of a document, without the mark of a list before them."""
    spans = [one for line in paragraphs(text) if is_prose(text, line, 20) for one in sentences(text, line)]
    return [(mark.end() if (mark := _ITEM.match(text, *span)) else span[0], span[1]) for span in spans]


def candidates_of(documents: pa.Table, written: pa.Table, cfg: OrganizeConfig) -> pa.Table:
    """Statements of documents, with the word that says why one is none.

    Args: documents, rows of L2; written, what L3 kept of them: parent_uid, row_uid, task, text, question, answer,
        passage_start, passage_end, edited, prompt_id, prompt_sha256, model, read_again.
    Returns: CANDIDATES, in the order of the documents.
    """
    by_parent: dict[str, list[dict[str, Any]]] = {}
    for one in written.to_pylist():
        by_parent.setdefault(one["parent_uid"], []).append(one)
    rows: list[dict[str, Any]] = []
    for row in documents.to_pylist():
        place = _Place(row, prose_sentences(row["content"]))
        if SENTENCE in cfg.methods:
            rows += _of_sentences(place, cfg)
        for output in by_parent.get(row["uid"], ()):
            rows += _of_output(place, output, cfg)
    return pa.Table.from_pylist(rows, schema=CANDIDATES)


def leans(text: str) -> bool:
    """Whether a sentence needs its page to be understood, as far as words tell."""
    return any((LEANING.match(text), _CONTINUING.match(text), _POINTING.search(text)))


def why_no_statement(text: str, language: str, cfg: OrganizeConfig, may_open_small: bool = False) -> str | None:
    """Why a sentence is not a statement, None if it is one; ``may_open_small``: its first word may be any name."""
    if "?" in text or "？" in text:
        return "asks"
    if _BROKEN.search(text) or not text.endswith((".", "。")):
        return "no_sentence"
    letters = len(LETTER.findall(text))
    words = letters / 2 if language == "zh" else len(text.split())
    if words < cfg.min_words or len(content(text, language)) < 3:
        return "too_short"
    if words > cfg.max_words:
        return "too_long"
    signs = letters + (sum(map(str.isdigit, text)) if language == "zh" else 0)  # dates hold many digits
    if signs < 0.7 * len(re.sub(r"\s", "", text)) or not (text[0].isalnum() or text[0] in "\"'“《「`"):
        return "no_sentence"
    if any(sum(map(text.count, opening)) != sum(map(text.count, closing)) for opening, closing in _PAIRS):
        return "no_sentence"
    if sum(map(text.count, _QUOTES)) % 2:  # half of what somebody said; which mark opens differs from land to land
        return "no_sentence"
    if language == "en" and (
        _FOREIGN.search(text) or alone_english.is_foreign(text) or 2 * sum(map(str.isupper, text)) > letters
    ):
        return "no_sentence"
    if language != "zh" and not (may_open_small or text[0].isupper() or text[0].isdigit() or _is_name(text)):
        return "no_sentence"
    if leans(text):
        return "leans"
    if not names_something(text, language):
        return "names_nothing"
    if language == "zh":
        return alone_chinese.why_not_alone(text)
    return alone_english.why_not_alone(text) if language == "en" else None  # no words of other languages are known


def names_something(text: str, language: str) -> bool:
    """Whether a sentence says what it is about in words that mean the same elsewhere: a name, a term, a piece of code.

    "There is no need to run a special command." is understood by nobody who does not see its page.
    """
    if language == "zh":
        return _ZH_NAME.search(text) is not None or alone_chinese.speaks_of_a_term(text)
    words = text.split()
    if _QUOTED_TERM.match(text):
        return True
    if any(_CODE.search(word) or (at and word[:1].isupper()) for at, word in enumerate(words)):
        return True
    return any(word.weight >= _TERM for word in content(text, language)) or alone_english.speaks_of_a_term(text)


def _is_name(text: str) -> bool:
    """Whether the first word, in lower case, may open a sentence, as that of a command does: apt-get, createuser."""
    word = text.split()[0].rstrip(".,:;")
    return re.search(r"[\d_\-.:()/]", word) is not None or weight(word) >= _RARE


def folded(statement: str, language: str) -> str:
    """What is the same in statements that say the same in the same words: language, letters and digits."""
    text = unicodedata.normalize("NFKC", statement).casefold()
    # A minus or a point between digits is part of a number; all else that is no letter parts words.
    text = re.sub(r"(?<=\d)[.,:](?=\d)|(?<!\w)-(?=\d)|[+*/<>=%]", lambda sign: f"x{ord(sign[0]):x}x", text)
    return f"{language} {_FOLDED.sub(' ', text).strip()}"


def statement_digits(key: str) -> str:
    """The last 24 hex digits of the uid of a statement, of its folded text."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:24]


def _of_sentences(place: _Place, cfg: OrganizeConfig) -> Iterator[dict[str, Any]]:
    for span in place.spans:
        text = place.text(span)
        fate = why_no_statement(text, language_of(text, place.row["lang"]), cfg)
        if fate is None and _INITIAL.search(place.row["content"], max(0, span[0] - 8), span[0]):
            fate = "no_sentence"
        yield _candidate(place, span, text, SENTENCE, fate, place.row["uid"], cfg)


def _of_output(place: _Place, output: Mapping[str, Any], cfg: OrganizeConfig) -> Iterator[dict[str, Any]]:
    """What one output of L3 says: a pair one statement, a list of points one each; other rewrites sentence by sentence
    say what the sentences of their document say, so nothing is taken from them."""
    language = place.row["lang"]
    if output["question"] is not None:
        method, texts = QA, [sentence_of_pair(output["question"], output["answer"], language)]
    elif output["task"] == "knowledge":
        method, texts = CLAIM, [re.sub(r"^\s*\d+[.)]\s*", "", line) for line in output["text"].splitlines() if line]
    else:
        return
    if method not in cfg.methods:
        return
    for text in texts:
        said = text if text is not None else f"{output['question']} {output['answer']}"
        span = evidence_for(place, said, output)
        fate = "no_sentence" if text is None else why_no_statement(text, language, cfg, method == QA)
        if span is None:
            fate = "no_evidence"
        yield _candidate(place, span or (0, 0), said, method, fate, output["row_uid"], cfg, output)


def evidence_for(place: _Place, said: str, output: Mapping[str, Any]) -> Span | None:
    """The sentence of an output's passage that shares most with what it says, or that and its neighbour where it takes
    both; None where nothing is shared."""
    language = place.row["lang"]
    within = (0, len(place.row["content"])) if output["edited"] else (output["passage_start"], output["passage_end"])
    spans = [span for span in place.spans if span[0] >= within[0] and span[1] <= within[1]] or place.spans
    wanted = {word.unit for word in content(said, language)}
    held = [wanted & {word.unit for word in content(place.text(span), language)} for span in spans]
    if not wanted or not held:
        return None
    best = max(range(len(spans)), key=lambda at: (len(held[at]), -spans[at][0]))
    if 2 * len(held[best]) < len(wanted):
        two = [(len(held[at] | held[at + 1]), at) for at in (best - 1, best) if at >= 0 and at + 1 < len(spans)]
        more, at = max(two, default=(0, 0))
        if 2 * more < len(wanted) or more < len(held[best]) + 2:
            return spans[best] if held[best] else None
        return spans[at][0], spans[at + 1][1]
    return spans[best]


def context_of(text: str, span: Span, chars: int) -> str:
    """A span with what stands around it in its document, half of it on either side, whole words as far as they go."""
    start, end = max(0, span[0] - chars // 2), min(len(text), span[1] + chars // 2)
    return text[start:end]


def language_of(statement: str, language: str) -> str:
    """The language of a statement: in a Chinese document one without a Han character is English, in an English one, one
    that is Han by a third is Chinese."""
    han = len(HAN.findall(statement))
    if language == "zh":
        return "zh" if han else "en"
    return "zh" if language == "en" and 3 * han > len(statement) else language


def _candidate(
    place: _Place, span: Span, statement: str, method: str, fate: str | None, parent_uid: str, cfg: OrganizeConfig,
    output: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    row, output = place.row, output or {}
    language = language_of(statement, row["lang"])
    key = folded(statement, language)
    told = f"{method} {parent_uid} {row['uid']} {span[0]} {span[1]} {key} {output.get('question')}"
    return {
        "uid": row["uid"][:8] + statement_digits(told),
        "statement": statement,
        "lang": language,
        "method": method,
        "question": output.get("question"),
        "parent_uid": parent_uid,
        "evidence_uid": row["uid"],
        "start": span[0],
        "end": span[1],
        "text": place.text(span),
        "context": context_of(row["content"], span, cfg.context_chars),
        "url": row["url"],
        "host": host_of(row["url"]),
        "title": row["title"],
        "date": day_of(row),
        "licence": row["licence"],
        "source": row["source"],
        "cluster_id": row["cluster_id"],
        "prompt_id": output.get("prompt_id"),
        "prompt_sha256": output.get("prompt_sha256"),
        "model": output.get("model"),
        "second_reading": "agrees" if output.get("read_again") else None,
        "key": key,
        "fate": fate,
    }


def host_of(url: str | None) -> str | None:
    """The host of an address, None where it names none."""
    try:
        return canonical_host(urlsplit(url or "").netloc.rpartition("@")[2])
    except ValueError:
        return None


def day_of(row: Mapping[str, Any]) -> str | None:
    """The day that a document is of: of its publication, else of its capture; ISO 8601."""
    found = re.match(r"\d{4}-\d\d-\d\d", row["published"] or row["date"] or "")
    return found[0] if found else None


def sentence_table(documents: pa.Table) -> pa.Table:
    """Every sentence of the prose of documents: evidence_uid, start, end, text, lang."""
    rows = [
        (row["uid"], start, end, text, language_of(text, row["lang"]))
        for row in documents.select(["uid", "content", "lang"]).to_pylist()
        for start, end in prose_sentences(row["content"])
        for text in (row["content"][start:end],)
    ]
    return pa.table(list(zip(*rows, strict=True)) or [[]] * len(SENTENCES), schema=SENTENCES)

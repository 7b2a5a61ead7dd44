"""Questions for `governance evaluate --rag`: from documents that the index holds, and from documents it does not hold.

Made by rule, so that no model is the judge of itself: a statement that says what something is gives "What is it?", and
a question that L3 checked is asked as it stands.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from governance.job import data_parts
from governance.parts import read_visible
from governance.status import dumps
from manifests.records import read_records
from manifests.store import Store
from stages.organize import OrganizeConfig, prose_sentences, why_no_statement

_WHAT = {
    "en": re.compile(r"^((?:The |An? )?[\w.:/()'+-]+(?: [\w.:/()'+-]+){0,3}) (is|are) ((?:an? |the )\w.{15,})\.$"),
    "zh": re.compile(r"^([^，。：；、的]{2,20}?)(是)((?:一|用|由|指)[^。]{6,})。$"),
}
# A subject that is none: what it is cannot be asked.
_NO_SUBJECT = re.compile(
    r"\b(?:it|there|this|that|one|which|what|who|here|way|thing|reason|if|when|and|or|of|in|for|to|not|you|advantage"
    r"|problem|example|result|default|solution|purpose|goal|difference|effort)\b|^\w{3,}ing\b|可能|正$|如果|这|那|其|就|不|也|都|您|你|我|原因|问题|方法",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Question:
    """A question, the right answer, and the L2 document that gives it; held: whether the index holds that document."""

    text: str
    answer: str
    lang: str
    document: str
    held: bool


def questions_of(store: Store, limit: int) -> list[Question]:
    """Up to ``limit`` questions that the index can answer and as many that it cannot, drawn by the hash of their text.

    The second come from documents of L1 that L2 did not select, and are about things that no statement names; where
    rows entered at L2 there are none.
    """
    held: dict[str, Question] = {}
    said: list[str] = []
    for row in _rows(store, "L4", ("statement", "lang", "status", "question", "evidence_uid")):
        said.append(row["statement"].casefold())
        if row["status"] in ("supported", "corroborated"):
            text = row["question"] or what_is(row["statement"], row["lang"])
            if text:
                held.setdefault(text, Question(text, row["statement"], row["lang"], row["evidence_uid"], True))
    everything = "\n".join(said)
    selected = {row["uid"] for row in _rows(store, "L2", ("uid",))}
    unheld: dict[str, Question] = {}
    for row in _rows(store, "L1", ("uid", "content", "lang")):
        if row["uid"] not in selected:
            for question in _asked_of(row["uid"], row["content"], row["lang"]):
                subject = _WHAT[row["lang"]].match(question.answer)
                if subject and subject[1].casefold() not in everything:
                    unheld.setdefault(question.text, question)
    return [*_drawn(held, limit), *_drawn(unheld, limit)]


def what_is(statement: str, lang: str) -> str | None:
    """The question that a statement answers which says what something is; None for others."""
    match = _WHAT[lang].match(statement) if lang in _WHAT else None
    if not match or _NO_SUBJECT.search(match[1]):
        return None
    subject = match[1]
    if lang == "zh":
        return f"{subject}是什么？"
    first = subject.split(" ", 1)[0]
    return f"What {match[2]} {subject[0].lower() + subject[1:] if first in ('The', 'A', 'An') else subject}?"


def _asked_of(uid: str, text: str, lang: str) -> Iterator[Question]:
    cfg = OrganizeConfig()
    for start, end in prose_sentences(text):
        sentence = text[start:end]
        # A sentence of this form says itself what it is about, be its words known to the rules as terms or not.
        if lang in _WHAT and why_no_statement(sentence, lang, cfg) in (None, "names_nothing", "unnamed"):
            asked = what_is(sentence, lang)
            if asked:
                yield Question(asked, sentence, lang, uid, False)


def _drawn(questions: dict[str, Question], limit: int) -> list[Question]:
    order = sorted(questions, key=lambda text: hashlib.sha256(text.encode(errors="surrogatepass")).digest())
    return [questions[text] for text in order[:limit]]


def _rows(store: Store, tier: str, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    for of, dump in dumps(store):
        if of == tier:
            for record in read_records(store, f"{tier}/{dump}", "data"):
                for table in read_visible(store, data_parts(record), columns):
                    yield from table.to_pylist()

"""A question and its answer made one sentence, by rule: where no rule fits, there is none."""

from __future__ import annotations

import re

_PRONOUN = re.compile(r"^(?:it|this|that|they|these|those|he|she)\b\s*", re.IGNORECASE)
_POLAR = re.compile(r"^(?:yes|no|是的?|不是|不|对)\s*[,.，。:：]\s*", re.IGNORECASE)
_PREPOSITION = re.compile(
    r"^(?:in|on|at|by|from|to|with|after|before|during|since|under|below|inside|within)\b", re.IGNORECASE
)
_FINITE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|could|may|might|must|will|would|should|do|does|did|cannot|[a-z]{3,}(?:s|ed))\b"
)
# "What is S?": S and its verb. The verb must be the question's only one, so S is short and holds none.
_WHAT_IS = re.compile(r"^what(?:'s| (is|are|was|were)) ((?:the |an? )?[^?]{1,80})\?$", re.IGNORECASE)
_WHAT_DOES = re.compile(
    r"^(?:what|how|why|when|where) (?:does|do|did) ((?:the |an? )?[\w.:/()'-]+(?: [\w.:/()'-]+){0,4}?) \w+\b[^?]*\?$",
    re.IGNORECASE,
)
_SUBJECT_ASKED = re.compile(
    r"^(?:who|which [\w-]+(?: [\w-]+)?|what (?!is |are |was |were |do |does |did |if |about )[\w-]+)"
    r" ((?:is|are|was|were|can|must|has|have|[a-z]{2,}(?:s|ed)) [^?]+)\?$",
    re.IGNORECASE,
)
_PLACE_OR_TIME = re.compile(
    r"^(?:when|where) (is|are|was|were) (.{2,60}?) (\w+(?:ed|en|wn|ne|lt|de|nd|id|ut|t))\?$", re.IGNORECASE
)
_ZH_WHAT_IS = re.compile(
    r"^(?:什么是(?P<after>[^？]{1,40})|(?P<before>[^？]{1,40}?)(?:是什么|指的?是什么|是指什么|指什么))？$"
)
_ZH_SUBJECT = re.compile(
    r"^(?:谁|哪(?:个|种|些|款|项|位|家)[^？，]{0,6}?|什么(?:命令|函数|工具|程序|选项|协议|语言|文件))(?P<rest>(?:可以|能够|能|用于|负责|会|提供|支持|开发|发明|创建|控制|表示|决定)[^？]+)？$"
)
_ZH_PRONOUN = re.compile(r"^(?:它们?|这|其|该\w{1,3}?)(?=是|可以|用于|能|会|由|有|在|提供|支持)")


def sentence_of_pair(question: str, answer: str, language: str) -> str | None:
    """One sentence that says what a question and its answer say together.

    An answer that is a sentence stands by itself; one that opens with a pronoun gets the question's subject in its
    place; a fragment is put where the question asks. None where that cannot be told by rule.
    """
    question, answer = " ".join(question.split()), _POLAR.sub("", " ".join(answer.split()))
    if not answer:
        return None
    return _chinese(question.replace("?", "？"), answer) if language == "zh" else _english(question, answer)


def _english(question: str, answer: str) -> str | None:
    if _is_sentence(answer):
        pronoun = _PRONOUN.match(answer)
        if not pronoun:
            return _closed(answer)
        subject = _subject(question)
        return _closed(f"{subject} {answer[pronoun.end() :]}") if subject else None
    fragment = answer.rstrip(". ")
    if len(re.findall(r"[.!?] ", fragment)) or not fragment:
        return None
    if match := _WHAT_IS.match(question):
        verb, subject = match[1] or "is", match[2].strip()
        return None if _FINITE.search(subject) else _closed(f"{subject} {verb} {_lowered(fragment)}")
    if match := _PLACE_OR_TIME.match(question):
        return (
            _closed(f"{match[2]} {match[1]} {match[3]} {_lowered(fragment)}") if _PREPOSITION.match(fragment) else None
        )
    if match := _SUBJECT_ASKED.match(question):
        return _closed(f"{fragment} {match[1]}")
    return None


def _is_sentence(answer: str) -> bool:
    return answer.endswith(".") and len(answer.split()) >= 3 and _FINITE.search(answer) is not None


def _subject(question: str) -> str | None:
    """What a question is about, where it says so plainly."""
    match = _WHAT_IS.match(question)
    if match and not _FINITE.search(match[2]):
        return match[2].strip()
    match = _WHAT_DOES.match(question)
    return match[1].strip() if match else None


def _chinese(question: str, answer: str) -> str | None:
    match = _ZH_WHAT_IS.match(question)
    subject = (match["after"] or match["before"]).strip() if match else None
    if answer.endswith("。") and len(answer) >= 8:
        pronoun = _ZH_PRONOUN.match(answer)
        if not pronoun:
            return _closed(answer, "。") if subject is None or subject in answer or "是" in answer else None
        return _closed(subject + answer[pronoun.end() :], "。") if subject else None
    fragment = answer.rstrip("。 ")
    if "。" in fragment or not fragment:
        return None
    if subject:
        return _closed(f"{subject}是{fragment.removeprefix('是')}", "。")
    if match := _ZH_SUBJECT.match(question):
        return _closed(f"{fragment}{match['rest']}", "。")
    return None


def _lowered(text: str) -> str:
    """A fragment as the middle of a sentence: without its capital, where that is not part of a name."""
    first = text.split(" ", 1)[0]
    return (
        text[0].lower() + text[1:] if first in ("A", "An", "The", "In", "On", "At", "By", "From", "To", "For") else text
    )


def _closed(text: str, stop: str = ".") -> str:
    if re.match(r"(?:the|an?|in|on|at)\b", text):  # another word in lower case may be the name of a command
        text = text[0].upper() + text[1:]
    return text.rstrip(" .。") + stop

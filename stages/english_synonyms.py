"""Common English words and phrases that say the same, so that a statement is found in other words: what embeddings of
single words do not tell, since they put "uses" far from "employs".

Only what plain prose exchanges freely: no technical terms, no degrees, nothing that another word denies.
"""

from __future__ import annotations

import re

# Verbs, a group a line: the first stands for all of them, in any of their forms; irregular forms are told.
_VERBS = """
use employ utilize utilise
show display
contain hold held comprise
provide supply offer
modify change alter
require need
permit allow let
delete remove erase
run execute
select choose chose chosen pick
determine decide
obtain get got gotten gets getting
buy bought purchase
help assist aid
happen occur
own possess
explain clarify
gather collect
repair fix
reply answer respond
discard drop
verify check
generate produce
"""
# Phrases and other words: what is exchanged, and what for.
_PHRASES = (
    (r"a number of", "several"), (r"at present|at the moment|presently", "currently"), (r"in order to|so as to", "to"),
    (r"ha(?:s|ve) to|need(?:s)? to|(?:is|are) required to", "must"),
    (r"(?:is|are) able to|(?:is|are) capable of", "can"),
    (r"for (?:example|instance)|e\.g\.", "such as"), (r"concerning|regarding", "about"),
    (r"gives? back|given back", "return"), (r"(?:switch|turn)(?:e[sd]|s)? on|activates?", "enable"),
    (r"(?:switch|turn)(?:e[sd]|s)? off|deactivates?", "disable"), (r"serves? to|(?:is|are) used to", "to"),
    (r"owing to|because of|on account of", "due to"), (r"entire", "whole"), (r"large", "big"), (r"identical", "same"),
    (r"though", "although"), (r"normally|typically|generally", "usually"), (r"nearly", "almost"),
    (r"also known as|also called", "called"), (r"consists? of|(?:is|are) made up of", "contain"),
    (r"as well as|along with|together with", "and"),
    (r"immediately", "at once"), (r"start(?:s|ed|ing)? up", "start"),
    (r"takes? place", "happen"), (r"carr(?:y|ies|ied) out", "perform"), (r"(?:is|are) going to", "will"),
)  # fmt: skip


def _forms(verb: str) -> list[str]:
    """A verb with its regular forms."""
    if verb.endswith("e"):
        return [verb, f"{verb}s", f"{verb}d", f"{verb[:-1]}ing"]
    if verb.endswith("y") and verb[-2] not in "aeou":
        return [verb, f"{verb[:-1]}ies", f"{verb[:-1]}ied", f"{verb}ing"]
    return [verb, f"{verb}es" if verb.endswith(("s", "x", "ch", "sh")) else f"{verb}s", f"{verb}ed", f"{verb}ing"]


_STANDS_FOR = {
    form: line.split()[0] for line in _VERBS.strip().split("\n") for verb in line.split()[1:] for form in _forms(verb)
}
_WORDS = re.compile(rf"\b(?:{'|'.join(sorted(_STANDS_FOR, key=len, reverse=True))})\b")
_SAID = tuple((re.compile(rf"\b(?:{told})\b"), put) for told, put in _PHRASES)


def one_wording(text: str) -> str:
    """A text with each word and phrase that stands for another exchanged for that; what opens with a capital stays."""
    for told, put in _SAID:
        text = told.sub(put, text)
    return _WORDS.sub(lambda match: _STANDS_FOR[match.group()], text)

"""The checks of L3's outputs for people: what each means, the figure it looks at, its limit, and what it names."""

from __future__ import annotations

# reason -> meaning, column of the annotations, how the figure stands to the limit, setting in the checks' settings
OUTPUT_RULES: dict[str, tuple[str, str, str, str]] = {
    "truncated": ("the answer hit its limit of tokens", "format.finish", "", ""),
    "unfinished": ("the answer ended for another reason than its own", "format.finish", "", ""),
    "cut_short": ("the text breaks off", "", "", ""),
    "no_question_mark": ("a question without a question mark", "", "", ""),
    "only_asks": ("sentences that only ask", "format.question_ratio", ">", "max_question_ratio"),
    "refusal": ("the model refuses", "", "", ""),
    "meta_talk": ("talks about the task or the passage", "", "", ""),
    "question_dangling": ("a question that points at what a reader cannot see", "", "", ""),
    "language": ("another language than asked for", "language.ratio", "<", "min_language_ratio"),
    "repetition": ("repeated runs of four words", "repetition.ratio", ">", "max_repetition_ratio"),
    "stutter": ("says the same again and again", "", "", ""),
    "question_too_short": ("a question of too few words", "length.question_units", "<", "min_question_units"),
    "question_too_long": ("a question of too many words", "length.question_units", ">", "max_question_units"),
    "answer_too_short": ("an answer of too few words", "length.answer_units", "<", "min_answer_units"),
    "answer_too_long": ("an answer of too many words", "length.answer_units", ">", "max_answer_units"),
    "too_short": ("too short beside its passage", "length.ratio", "<", ""),
    "too_long": ("too long beside its passage", "length.ratio", ">", ""),
    "question_vague": ("a question that asks about nothing", "support.question_content", "<", "min_question_content"),
    "answer_of_other_kind": ("the answer is of another kind than the question asks for", "", "", ""),
    "answer_says_nothing": ("the answer only repeats its question", "support.answer_news", "<", "min_answer_news"),
    "answer_off_subject": (
        "the answer stands elsewhere than what is asked about", "support.answer_subject", "<", "min_answer_subject"
    ),
    "pair_apart": ("question and answer do not stand together", "support.pair", "<", "min_pair_support"),
    "copied": ("copied from the passage", "copied.ratio", ">", "max_copied_ratio"),
    "left_the_passage": ("shares too little with its passage", "copied.ratio", "<", "min_copied_ratio"),
    "unsupported_number": ("a number that the passage lacks", "numbers.unsupported", ">", "max_unsupported_numbers"),
    "unsupported_name": ("a name that the passage lacks", "names.unsupported", ">", "max_unsupported_names"),
    "turned_round": ("says the opposite or the reverse of the passage", "claims.turned", ">", "max_unsupported_claims"),
    "stranger_in_list": ("a listed member that the passage lacks", "claims.strangers", ">", "max_unsupported_claims"),
    "unsupported_claim": ("a claim that the passage lacks", "claims.unsupported", ">", "max_unsupported_claims"),
    "negation_flipped": ("denies what the passage says, or the reverse", "negation.flips", ">", "max_negation_flips"),
    "unsupported_sentence": ("the worst sentence has too little support", "support.min", "<", "min_support"),
    "unsupported_answer": ("the answer has too little support", "support.answer", "<", "min_answer_support"),
    "unsupported_text": ("the text has too little support", "support.mean", "<", "min_mean_support"),
    "misplaced_name": ("names or numbers that changed places", "support.misplaced", ">", "max_misplaced"),
    "unsupported_words": ("too many words of its own", "support.novel", ">", "max_novel_words"),
    "unsupported_relation": ("joins what the passage holds apart", "support.together", "<", "min_together"),
    "question_apart": ("a question far from the passage's words", "closeness.question", "<", "min_close_question"),
    "left_its_sentence": ("says more than the nearest sentence does", "closeness.ratio", "<", "min_close_ratio"),
    "joined_apart": ("joins what stands apart in the sentence", "closeness.order", "<", "min_close_order"),
    "joined_otherwise": ("joins by words that the sentence lacks", "closeness.joins", ">", "max_close_joins"),
    "little_told": ("tells too little of the sentence", "closeness.cover", "<", "min_close_cover"),
    "answers_differ": ("asked again, the model answers otherwise", "round_trip.with", "", ""),
    "passage_not_needed": ("answered as well without the passage", "round_trip.without", "", ""),
    "not_entailed": ("the inference model does not find it in the passage", "entailment.min", "<", ""),
    "contaminated": ("holds an item of a question set", "decontaminate.share", "≥", ""),
    "failed": ("a second reading failed", "", "", ""),
}  # fmt: skip

# Where the annotations hold the very words that a check objects to.
NAMED_IN = {
    "meta_talk": "phrases.meta",
    "refusal": "phrases.refusal",
    "question_dangling": "phrases.dangling",
    "stutter": "repetition.stutter",
    **dict.fromkeys(
        ("unsupported_number", "unsupported_name", "turned_round", "stranger_in_list", "unsupported_claim"),
        "unsupported.which",
    ),
}

"""Words and patterns by which an English sentence shows that it cannot be read by itself."""

from __future__ import annotations

import re


def any_of(text: str) -> str:
    """Alternatives that white space parts; an underscore is a space within one."""
    return "(?:" + "|".join(word.replace("_", " ") for word in text.split()) + ")"


VERB = any_of(
    """install remove create configure ensure choose select remember consider avoid insert specify generate verify
    delete follow go do don't be let make keep wait imagine learn obtain determine provide enter press click try add
    give take get put find save send replace append assign convert enable disable execute edit download unpack extract
    tell ask bring become begin decide define describe discover feel_free fill include know leave look pass pay prepare
    prevent reboot recall refer restart see show skip submit switch_to understand upload visit beware notice suppose
    assume say raise retrieve perform rely respond contact unplug plug double-click right-click calculate compute
    translate initialize initialise allocate attach detach bind destroy refresh render serialize validate assemble
    attempt cancel clean combine construct decode encode decrypt encrypt establish evaluate examine expand extend fetch
    gather identify implement invoke iterate locate modify navigate normalize omit override paste preserve rebuild
    recreate redirect reduce reload rename resolve restore resume reuse rewrite simulate solve substitute subtract
    summarize synchronize tear throw toggle transform trim truncate descend unlock unset wrap"""
)
# Nouns too, so what follows decides: "Use the", but not "Use of" or "Access rights".
_NOUN_VERB = any_of(
    """use set run type check change access start stop test name mark note place view build copy call load cast sort
    filter query print read write open return import export apply register move turn compare list mount match exit close
    store control handle format parse join split search record request report log update upgrade plan help work point
    limit lock trace watch walk split force push study share fix reset repeat review rotate align clear launch scan
    schedule touch trigger release bind send"""
)
_DETERMINER = any_of(
    """the a an your any all each every this that these those it its them one some no only either both whether if how up
    off out with by into at on in"""
)
_OBJECT = rf"(?:{_DETERMINER}\b|[A-Z\"'“‘`/$-]|\w+[_./(]\w?)"
_ORDER = (
    r"(?:(?:then|first|next|now|just|always|also|never|again|instead|[a-z]+ly) )*"
    rf"(?:{VERB}\b(?! (?:of|is|are|was)\b)|{_NOUN_VERB} (?={_OBJECT}))"
)
_SHALL = r"(?:'ll|’ll|'re|’re| will| are| may| might| can| should| would)?(?: now| then| also| first| next)*"
_INSTRUCTS = re.compile(
    # What could be done, without what for.
    r"^The (?:easiest|simplest|best|only|usual|quickest|easy|right|recommended) (?:thing|way|solution|method"
    r"|approach|means|option)s?\b|"
    r"(?:^You|, you) can (?:also )?(?:use|try|run|install) (?!.*\b(?:to|for|as|if|when|instead|by)\b)"
    r"|^(?!(?:After|All|Along|Among|And|Any|As|At|Before|Behind|Beneath|Beside|Between|Both|But|By|Even|For|From"
    r"|Half|If|In|Into"
    r"|Like|Near|Not|Of|Off|On|Once|Only|Or|Out|Over|Than|That|Then|Through|To|Under|Until|Up|Upon|Via|What|When"
    r"|Where|While"
    r"|With|Within|Without|Although|Though|Because|Since|Unless|Unlike|Quite|Such|Whether|Whereas|Whenever|Which"
    r"|Who|About|Above"
    r"|Aside|Alone|Toward|Around)\b)[A-Z][a-z]+(?<!ing)(?<!ed)(?<!ly)(?<!s) (?:the|your|an?|all|any)\b"
    # An order, at the start or behind a clause of condition or purpose.
    rf"|^(?i:{_ORDER})"
    r"|^(?:If|When|To|For|In|On|After|Before|Once|Unless|While|As|Using|With|At|By|From|Otherwise|Since|So)\b"
    rf"[^:;]*?[,:] {_ORDER}|[;:—–] (?:so |and )?{_ORDER}|, (?:and|so|or|but) (?:please )?{VERB} {_OBJECT}"
    # What a dialogue or a lesson does with its reader.
    rf"|\byou{_SHALL} be (?:asked|prompted|presented|returned|taken|shown|offered|told|redirected|guided|notified)"
    rf"|\byou{_SHALL} be able to (?:choose|select|see|make|enter|set|pick|use|do)\b|\b[Ii]nevitably you\b"
    rf"|\byou{_SHALL} (?:see|find out|have code|notice|find (?:yourself|that|the)|learn|remember)\b"
    r"|(?:^|, |: )[Yy]ou (?:\w+ly )?(?:can read|have to|should|must|need|ought|might want|may want|might wish|had"
    r"|want|would|will|could"
    r"|do|don't|are|were|'ll|'re)\b|^(?:In|On|For|With|At) your\b|^You (?!can\b|may (?!need|want|have|also))"
    r"|^(?:When|If) (?:prompted"
    r"|asked)\b|^You (?:can|could|may|might) (?:also )?(?:decide"
    r"|choose|want|wish|find|prefer)\b"
    r"|\byou(?:'ve|’ve| have)? (?:now|then|just|already|still)\b"
    r"|\b(?:is|are) now (?:complete|ready|done|finished|installed)"
    r"|\b(?:[Cc]lick|[Pp]ress|[Ss]elect|[Cc]hoose|[Tt]ick) (?:on |the |an? |Enter|F\d|[A-Z“\"])"
    r"|\b(?:first|next|last|previous|main|initial|welcome) (?:screen|dialog|step|page|menu|thing)\b"
    r"|\b(?:menu|dialog|button|check ?box|toolbar|drop-?down|(?:tab|enter|escape|arrow) keys?|(?:Tab|Enter|Esc"
    r"|Escape) keys?|progress bar|wizard)s?\b"
)
THIRD = any_of(
    """adds allows applies asks calls causes changes checks clears closes computes configures contains controls converts
    copies creates decides defines deletes describes determines disables displays does enables ensures executes expects
    finds forces formats gets gives handles has holds identifies implements includes indicates initializes inserts
    installs keeps lets lists loads looks makes marks means moves needs opens parses performs prevents prints produces
    provides puts raises reads receives refers registers removes replaces reports represents requires resets returns
    runs saves searches selects sends sets shows specifies starts stops stores supports takes tells tests tries turns
    updates uses waits writes depends comes goes becomes remains begins occurs happens exists seems appears consists
    belongs relies refers relates fits serves follows leads results acts behaves fails succeeds suggests offers covers
    matters differs corresponds expires arrives stays lives spends costs grows rises falls says tells knows thinks
    believes brings plays wins loses deserves invites warns ignores accepts expects assumes"""
)
BE = any_of(
    """is are was were be been has have had can could may might must will would shall should do does did cannot can't
    won't isn't aren't doesn't don't didn't wasn't"""
)
_FRAGMENT = re.compile(
    # A verb without its subject, as a list or a table says of its entry; an abbreviation that was taken for the end.
    rf"^(?i:{THIRD}) (?:{_OBJECT}|not\b|to\b)|^(?!(?:As|Is|Was|Does|Has|This|Its|Always"
    rf"|Perhaps)\b)[A-Z][a-z]+s (?:the|an?|all|any|your|whether|if|how|that)\b"
    r"|^[A-Z][\w -]{3,60}: [A-Z]"
    # Who took the pictures. A label with what it labels; what would have the rest of the sentence before it.
    r"|^(?:Photo|Photograph|Image|Picture|Illustration|Video|Graphic|Artwork)s?(?: by| via| from| courtesy|:)"
    r"|^[^\s:]{1,40}(?: [\w()-]+)? ?(?:: | [-–—] )|^(?:Part of|Better|Best|Zero|True|False|None|Null|One of|Why|How"
    r"|What|Where|When to|Whether)\b(?![^,]*, )"
    rf"|^(?i:{THIRD}) (?!(?:{BE}|of|to|in|for|from|on|and|or|that|by|with|at|as|which|under|between)\b)[a-z]+\b"
    r"|[a-z]\. [a-z]|^(?:Same|Based on|Given|Called|Named)\b[^,]*\.$|^(?:Used|Required|Needed|Set to|Useful"
    r"|Available|Works|Note|Analogous|Similar|Equivalent|Identical|Likewise)\b"
    r"| [ABD-Z]\.$|\b[A-Z]\.[A-Z]\.$|\b(?:Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec|Gen|Sen|Rep|Gov|Rev|Lt|Col|Sgt"
    r"|Capt)\.$|^(?:[a-z]+ )?and\b|\b(?:Dr|Mr|Mrs|Ms|Prof|St|vs|Fig|Inc|Ltd|Co|approx|i\.e|e\.g|cf)\.$"
    r""
)
_REFERS = re.compile(
    r"(?:^|[(;:,.—–] ?|please |also )[Ss]ee (?!whether|if|how)|\b(?:Chapter|Section|Appendix|Figure|Fig\.|Table"
    r"|Listing|Equation"
    r"|Step|Page|Rule|Part|Item|Footnote|Note|Annex) (?:\d|[A-Z]\b)|§|\[\d+\]|\b(?:sidebar|NOTE|TIP|VOCABULARY"
    r"|COMMUNITY"
    r"|BACK TO BASICS)\b|¶|\bmore details?\b"
    r"|\b(?:sub)?sections? (?:above|below|on|about|called|titled)\b|\b(?:described|explained|discussed|detailed|covered"
    r"|documented|defined|given|shown|listed|outlined|reviewed|discussed) (?:in|under) (?:the|[A-Z]|section|chapter"
    r"|[A-Z]?\d)"
    r"|\bfor (?:more |further |additional |full |complete )?(?:details|information|explanations?|discussion)\b"
    r"|\b(?:mentioned|previously|earlier|aforementioned|foregoing)\b"
    r"|\b(?:this|next|previous|following|last) (?:section|chapter|part|paragraph|sub-?section)\b|\bmore on\b"
    r"|\b[Cc]lick here\b|\bread more\b|\bcopyright\b|©|\ball rights reserved\b|\bcookies? policy\b"
)
_SPEAKS = re.compile(
    r"\b(?:please|thank|thanks|thankful|grateful|gratitude|welcome to|sorry|hope|hopefully|congratulations|enjoy|glad"
    r"|happy to|feel free|hesitate|cheers|hello|greetings|of course|needless to say|arguably|frankly|honestly"
    r"|interesting(?:ly)?|(?:un)?fortunately|luckily|sadly|admittedly|perhaps|maybe|obviously|surprisingly"
    r"|worth (?:noting|pointing|mentioning)"
    r"|must acknowledge|mine|myself|ours|me|guess|let us|stay tuned|sign up|subscribe|buy now|for free today"
    r"|don't worry|ahh+|ugh|hmm+|alas"
    r"|imho|btw|lol|yeah|ok|okay|wow|keep in mind|bear in mind|remember that|be aware|take care|beg|(?:good|bad"
    r"|great) idea|omen|be (?:nice|great|better)|coincidental)\b|!",
    re.IGNORECASE,
)
_VAGUE_END = re.compile(
    r"\b(?:is|are) (?:very |quite )?(?:an? )?(?:important|good|useful|interesting|simple|easy|great|nice|difficult"
    r"|essential|powerful)(?: [a-z]+)?\.$|"
    r"\b(?:a (?:specific|particular|certain|different|special)|certain|many|various|several|some|other|different"
    r"|numerous|lots of|a lot of)"
    r" (?:[a-z]+ )?(?:approach|parameter|feature|thing|way|option|problem|aspect|function|detail|advantage|reason"
    r"|code|purpose|situation"
    r"|circumstance|task|change|improvement|benefit|issue|tool|service)(?:e?s)?\b[^,;:(]{0,40}\.$|\btoo (?:complex"
    r"|complicated"
    r"|difficult|hard)\b"
)
_DEMONSTRATIVE = (
    r"\b(?:[Tt]his|[Tt]hese)\b|\b[Tt]hose\b(?! (?:who|that|of|which|whose|in|with|for|from|used|found|on|made"
    r"|listed|defined)\b)"
    r"|(?<!except )(?<!provided )(?<!given )\b(?:in|of|for|with|by|to|at|from|on|after|before|than|like|as|into"
    r"|under|about"
    r"|using|do|does|did) that\b(?! (?:is|are|can|have|has|were|was|may|do|does)\b)"
    r"|\bthat(?:'s|’s|[,;])|\b(?:prevent|avoid|know|fix|change|like|want|achieve|that|do|did) that (?:from|is|are"
    r"|can|you|in|to)?\b"
    r"|\bthat(?:'s|’s)\b|[,;:(] ?that (?:is|was|means)\b(?!,)|\bthat (?:way|case|point|time|reason|one|part|kind"
    r"|sort|place)\b"
)
_ELSEWHERE = re.compile(
    _DEMONSTRATIVE + r"|\b(?:[Ee]ither|[Bb]oth|[Ee]ach) (?:way|case|cases|of them|of which|one)\b"
    r"|\bthe (?:others?|rest|two|three|four|five|opposite|reverse|latter|former|second|third|other (?:one|hand|way"
    r"|side|end))\b"
    r"|\bthe same (?:way|reasons?|things?|problem|manner|fashion|applies|goes|is|holds|effect|rules?|result|spirit"
    r"|behaviou?r|syntax)\b(?! (?:\w+ ){0,3}as\b)"
    r"|\b[Ss]uch\b(?! (?:as|that|a way)\b)|\b(?:this|that|another|which|the) one\b|\bones\b|\b(?:of|to|in|as|with"
    r"|create|add|make|use|need|have|want) one\b(?! (?:of|or|\w+)\b)"
    r"|\b[Ss]imilar(?:ly)?\b(?! (?:to|in)\b)|\bhere\b|\b(?:too|as well|either|though|instead|anyway|again|otherwise"
    r"|likewise|respectively)\.$"
    r"|\balready (?:been|mentioned|seen|discussed|described)\b|\bin (?:both|either|all|most|many|some|other|certain"
    r"|rare) cases\b|\bat (?:this|that) point\b"
    r"|\bas (?:mentioned|noted|explained|described|discussed|stated|shown|seen)\b|\bthe (?:example|question|answer"
    r"|trick|point|idea|catch|rationale|bottom line)s?\b"
    r"|\b(?:accordingly|thereby|thereof|therein|hereby|afterwards|later on|vice versa|and so on|and so forth"
    r"|to do so|do so|doing so)\b"
    r"|^(?:An?|One|The only|The main|The (?:first|last|next)) (?:\w+ )?(?:alternative|example|exception|advantage"
    r"|disadvantage|option|solution|drawback|benefit"
    r"|reason|way|case|difference|point|problem|thing|question|consequence|result|caveat|approach|possibility"
    r"|method|step)s? (?:is|are|was|would|may|might|here|to)\b"
    r"|^(?:All|Any|The|Most|Some|Many|These|Two|Three|Several|No)? ?[Oo]thers?\b|\b(?:however|moreover|furthermore"
    r"|nevertheless|nonetheless)\b"
    r"|^(?:In|On|For|With|At|By|To|From|Of) (?:[\w-]+ ){1,3}(?:it|they|he|she)\b"
    r"|^(?:To|For|In|On|With|By|As|From|At|Without|Despite)\b[^,;:]*, (?:it|they|he|she)\b|^At the same time\b"
    r"|^One (?:is|was|can be)\b|^From (?:there|then|now)\b|^In the (?:\w+ )?case\b|^Anyway\b|^[^,]{1,20}, you can\b"
    r"|\balso be considered\b|\bmakes sense\b|\b(?:is|are) other\b|\bis all (?:that|you)\b|^In \w+ (?:terms"
    r"|words)\b|^(?:Aside"
    r"|Apart) from\b[^,]*, it\b"
    r"|, then (?:it|they)\b|^If [^,]* (?:is|are) (?:required|needed|not|set|used|found|available"
    r"|present)\b[^,]*, (?:it|they)\b"
    r"|\bthat (?:option|feature|file|command|package|program|method|tool|function|value|name|user|system|server"
    r"|directory"
    r"|version|problem|issue|information|data|page|document|period|year|day|week|decision|process|rule|area|group"
    r"|company)\b"
    rf"(?! (?:{BE}|\w+s)\b)|\bthere[.,;)]|\balso (?:be |been )?(?:needed|required|necessary|possible|enabled"
    rf"|available)\b"
    r"|^[A-Z][a-z]+(?: [a-z]+){0,2} exists?\b"
    r"|^The (?:last|next|previous|final|remaining)\b|^(?:When|If|While|As) [^,]* (?:it|they) (?:is|are|will"
    r"|can)\b[^,]*$"
    r"|, other\b|\bboth (?:versions|systems|methods|options|packages|programs|modes|ways|approaches|files|commands"
    r"|tools)\b|\b(?:is|are) (?:needed|required|necessary)[,.]"
    r"|\b(?:must|should|will) also be\b|^Contrary to\b|\b(?:can|will|is|are|could|may|must|has|\w+s) then\b"
    r"|\bthen [a-z]+s\b|\bas (?:you"
    r"|one) (?:could|would|might) (?:wish|like|expect)\b"
    r"|\bthe relevant\b|\(that (?:would|is|was)\b|\bno longer (?:required|needed|necessary)\b"
    r"|\banother (?:implementation|option|solution"
    r"|way|method|alternative|tool)\b|\b(?:[Yy]ou can still|again)\b"
    r"|\bthe same (?:function\w*|features?|purpose|services?)\b|^Existing\b|^You can,? for (?:instance"
    r"|example)\b|^One (?:could|might|can) (?:say|argue)\b|\bnow\b"
    # A comparison without its other side.
    r"|\b(?:is|are) (?:small|larg|bigg|bett|wors|fast|slow|simpl|easi|hard|high|low|old|new|cheap|short|long|safe"
    r"|strong|wid)er\b(?![^.]*\bthan\b)"
    r"|\b(?:an?|some) idea of\b"
    r"|\b(?:is|are|was|were) (?:a bit |slightly |somewhat |much |even |far |often |usually |generally )?(?:more"
    r"|less) [a-z]+\b(?! or less)(?![^.]*\bthan\b)"
    r"|\bbut that\b|\bthe (?:appropriate|above|relevant) (?:logic|\w+)\.$|^(?:If|When|Unless) (?:\w+ )?(?:equal|set"
    r"|true|false|not|given|specified|enabled|present|omitted|used|any|only)\b"
    r"|^[\d,.]+ [a-z-]+ (?:is|are|was|were|have|has)\b"
    r"|^(?:\S+ ){1,5}(?:it|them)\.$"
    # A day that only who reads it on the day knows.
    r"|\b(?:tonight|today|yesterday|tomorrow|(?:next|last|earlier) (?:week|month|year|night|spring|summer|autumn"
    r"|fall|winter))\b"
    r"|\b(?!(?:each|every|an?|any|per|the|most|from|to|through|between|and|or|is|are|was)\b)[a-z]+"
    r" (?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b(?!,? (?:[A-Z]|the \d))"
    r"|^On (?:success|error|failure|return|exit)\b|\b[Tt]he (?:current|selected)\b|^(?:\w+ly|Optionally"
    r"|By default),? (?:it|they)\b"
    r"|^(?:Nobody|Somebody|Someone|Everyone|Everybody|No one|Examples?|Interactions?|Exceptions?|Possibilit\w+"
    r"|Alternatives?|Reasons?)\b"
    r"|^(?:In|As a|By) (?:summary|short|general|particular|practice|contrast|comparison|fact|essence|turn|return"
    r"|consequence|rule|conclusion)\b"
    r"|^(?:Others?|Various|Another|Other|First|Second|Secondly|Third|Lastly|Last|Alternatively|Conversely"
    r"|Consequently|Accordingly"
    r"|Meanwhile|Later|Subsequently|Eventually|Nevertheless|Nonetheless|Indeed|Rather|Overall|Elsewhere|Together|Alone"
    r"|Yes|No|Not|None|Nor|Neither|Neither|Well|Sure|Actually|Basically|Really|Sometimes|Often|Usually|Typically"
    r"|Generally|Normally"
    r"|Only|Even|Just|More|Most of|Much|Less|Further|Everything|Something|Nothing|Anything|Whatever|Whichever|Half)\b"
    r"|^(?:\w+ ){1,3}(?:then|therefore|thus|however|hence|instead|too)\b"
    r"|^\W*(?:(?:After|Before|During|Since|Until|By|At|From|In|For|With|Without|To|Of|On|Under|Depending on"
    r"|Because of|Due to)"
    r" (?:doing|being|having|its|their|his|her|them|it|which|so|all|both|each|other|some|many|most|more|short|fact"
    r"|addition|any case|contrast|turn)\b)"
)
RULES = (
    ("asks", re.compile("[?？]")),
    ("refers", _REFERS),
    ("speaks", _SPEAKS),
    ("leans", _ELSEWHERE),
    ("vague", _VAGUE_END),
    ("instructs", _INSTRUCTS),
    ("fragment", _FRAGMENT),
)

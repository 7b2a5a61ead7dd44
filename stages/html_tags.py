"""What the tokenizer knows of HTML: how each element nests and shows, and what class names tell of a block's role.

Names are looked up by hash in open tables, because compiled code has no strings.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# How an element is treated (bit flags).
BLOCK = 1 << 0  # starts a new line; kept on the stack of open elements
VOID = 1 << 1  # has no content
RAW = 1 << 2  # its content is not markup
SKIP = 1 << 3  # its text is not part of the page as read
PRE = 1 << 4  # white space counts
CLOSES_P = 1 << 5  # its start ends an open paragraph
BREAK = 1 << 6  # a line break inside a block
SCOPE = 1 << 7  # an end tag of something outside does not reach through it
NOTED = 1 << 8  # its start tag is kept for the metadata
HEADING = 1 << 9

_GROUPS: tuple[tuple[int, str], ...] = (
    (BLOCK | CLOSES_P, "address article aside blockquote center details dialog dd dir div dl dt fieldset figcaption"),
    (BLOCK | CLOSES_P, "figure footer form header hgroup li main menu nav ol p section summary ul search"),
    (BLOCK, "body html head tbody thead tfoot tr caption optgroup frameset slot legend"),
    (BLOCK | CLOSES_P | HEADING, "h1 h2 h3 h4 h5 h6"),
    (BLOCK | SCOPE, "td th"),
    (BLOCK | SCOPE | CLOSES_P, "table"),
    (BLOCK | CLOSES_P | PRE, "pre listing"),
    (VOID, "area base basefont bgsound col embed frame img input link meta param source track wbr keygen"),
    (VOID | BREAK, "br"),
    (VOID | BLOCK | CLOSES_P, "hr"),
    (RAW, "script style textarea title noscript iframe noembed noframes xmp plaintext"),
    (BLOCK | SKIP, "svg select object video audio canvas template applet map datalist math"),
    (0, "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q rp rt ruby s samp"),
    (0, "mjx-math small span strike strong sub sup time tt u var output meter progress picture blink"),
    (BLOCK, "button"),
)
NAMES = ("", *" ".join(names for _, names in _GROUPS).split())
_NOTED = frozenset(("meta", "link", "base", "time", "h1"))


def _flags() -> np.ndarray:
    flags = np.zeros(len(NAMES) + 1, np.int32)
    for group, names in _GROUPS:
        for name in names.split():
            flags[NAMES.index(name)] = group | (NOTED if name in _NOTED else 0)
    flags[len(NAMES)] = BLOCK  # a custom element, <my-article>: mostly a container
    return flags


FLAGS = _flags()
CUSTOM = len(NAMES)


def tag(name: str) -> int:
    """The number of an element's name."""
    return NAMES.index(name)


# What classes, ids, roles and elements say of a block (bits of a cue mask).
_CUES: tuple[tuple[str, str], ...] = (
    (
        "comment",
        "comment comments commentlist kommentar kommentare commentaire commentaires comentarios disqus "
        "trackback pingback respond guestbook pinglun plun commento reacties reactie komentarze",
    ),
    (
        "nav",
        "nav navi navigation navbar navbox subnav menu menue submenu menubar breadcrumb breadcrumbs crumb "
        "crumbs topbar toolbar tabs tab pager pagination paging paginate prev previous next skip jump sitemap "
        "daohang caidan mianbao",
    ),
    (
        "footer",
        "footer foot bottom colophon copyright imprint impressum legal disclaimer contentinfo credits banquan",
    ),
    (
        "sidebar",
        "sidebar aside rail widget widgets gadget secondary panel complementary sidecol marginal infobox portlet",
    ),
    ("column", "column col left right leftcol rightcol rightcolumn leftcolumn side"),
    (
        "share",
        "share sharing shares sharedaddy social socials facebook twitter addthis addtoany follow bookmark "
        "bookmarks print email whatsapp pinterest like likes fenxiang tools actions shariff sociable "
        "recommendthis",
    ),
    (
        "related",
        "related recommend recommended recommendation recommendations similar popular trending latest recent "
        "more mostread moreon teaser teasers outbrain taboola also further readmore readnext upnext "
        "suggestions verwandt weitere xiangguan tuijian yarpp",
    ),
    (
        "advert",
        "ad ads adv advert adverts advertisement advertising banner banners sponsor sponsored promo promos "
        "promotion werbung anzeige anzeigen adsense adslot adbox commercial affiliate dfp guanggao marketing",
    ),
    (
        "meta",
        "meta byline author authors date time published publish info timestamp datetime posted submitted dateline "
        "pubdate datum autor fecha postmeta entrymeta",
    ),
    ("tags", "tags tag tagged category categories cat kategorie credit metadata stats views source"),
    (
        "content",
        "content contents articlebody bodytext maincontent hentry inhalt artikel articletext articlecontent "
        "storybody storycontent postcontent postbody entrycontent contenttext zhengwen neirong cont txt "
        "artibody",
    ),
    (
        "article",
        "article articles post posts entry story blogpost blogposting newsarticle beitrag single blog news",
    ),
    ("body", "body text main wrapper page primary center middle detail details copy"),
    ("header", "header head masthead logo top brand site topline hero"),
    (
        "form",
        "login signin signup register form search searchform subscribe subscription newsletter abo abonnement "
        "account user password suche input contact kontakt poll vote rating ratings",
    ),
    (
        "cookie",
        "cookie cookies consent gdpr privacy datenschutz overlay modal popup popover lightbox dialog paywall "
        "notice alert",
    ),
    (
        "hidden",
        "hidden hide sr screenreader screen visuallyhidden offscreen invisible noprint printonly collapsed "
        "hiddenlabel noscript",
    ),
    (
        "caption",
        "caption figcaption gallery image images img photo photos picture pictures slideshow carousel slider "
        "thumb thumbnail thumbnails bild bildunterschrift media video player",
    ),
    (
        "forum",
        "thread forum topic message messages question answer qa discussion posting board tiezi huifu louzhu",
    ),
    ("list", "list listing archive archives index grid cards card feed results items item loop"),
    (
        "lead",
        "lead summary excerpt intro subtitle headline subheadline dek abstract standfirst description "
        "vorspann teasertext",
    ),
    ("person", "bio biography about authorbox vcard profile avatar team staff"),
    ("title", "title heading pagetitle entrytitle"),
    ("toc", "toc tableofcontents inhaltsverzeichnis outline"),
    ("event", "event events calendar kalender termine product products price shop cart warenkorb"),
)
_OF_ELEMENT = (
    "nav", "header", "footer", "aside", "article", "main", "section", "form", "table", "list", "quote", "figure",
    "button",
)  # fmt: skip
CUE_NAMES = (*(name for name, _ in _CUES), *(f"<{name}>" for name in _OF_ELEMENT), "hides")
NUM_CUES = len(CUE_NAMES)
HIDES = np.int64(1) << (NUM_CUES - 1)  # display:none, hidden, aria-hidden

_LIKE = {"ul": "list", "ol": "list", "dl": "list", "blockquote": "quote", "menu": "list"}


def _element_cues() -> np.ndarray:
    cues = np.zeros(len(NAMES) + 1, np.int64)
    for number, name in enumerate(NAMES):
        mark = f"<{_LIKE.get(name, name)}>"
        if mark in CUE_NAMES:
            cues[number] = 1 << CUE_NAMES.index(mark)
    return cues


ELEMENT_CUES = _element_cues()

_FNV_BASIS, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


def name_hash(name: bytes) -> int:
    """64-bit FNV-1a."""
    value = _FNV_BASIS
    for byte in name:
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return value


def table_of(values: Mapping[bytes, int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """An open hash table: (size,) uint64 hashes, 0 where free, and (size,) int64 values; size a power of two."""
    keys, kept = np.zeros(size, np.uint64), np.zeros(size, np.int64)
    for name, value in values.items():
        digest = name_hash(name)
        place = digest & (size - 1)
        while keys[place]:
            place = (place + 1) & (size - 1)
        keys[place], kept[place] = digest, value
    return keys, kept


def _cue_words() -> dict[bytes, int]:
    """Cue mask of each word of a class name."""
    masks: dict[bytes, int] = {}
    for number, (_, words) in enumerate(_CUES):
        for word in words.split():
            masks[word.encode()] = masks.get(word.encode(), 0) | 1 << number
    return masks


TAG_KEYS, TAG_VALUES = table_of({name.encode(): number for number, name in enumerate(NAMES) if name}, 512)
CUE_KEYS, CUE_VALUES = table_of(_cue_words(), 1024)
# Compounds, "articleheader" or "mainnav", are recognised by how they start and end; reversed for the latter.
END_KEYS, END_VALUES = table_of({word[::-1]: mask for word, mask in _cue_words().items() if len(word) > 3}, 1024)

# Attributes that are read.
ATTRIBUTES = ("class", "id", "role", "itemprop", "itemtype", "style", "hidden", "aria-hidden", "rel", "start", "type")
ATTRIBUTE_KEYS, ATTRIBUTE_VALUES = table_of({name.encode(): number + 1 for number, name in enumerate(ATTRIBUTES)}, 64)

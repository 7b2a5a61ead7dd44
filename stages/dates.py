"""The day a page was published, from whatever strings give it: htmldate's rules, made independent of the clock."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta

EARLIEST = "1995-01-01"  # the web's first pages with dates
LATEST = "2099-12-31"  # where no crawl date says better
_MAX_CHARS = 200
_ISO = re.compile(r"\s*(\d{4})-(\d\d)-(\d\d)(?!\d)")
_DIGITS = re.compile(r"(?<!\d)((?:19|20)\d\d)([01]\d)([0-3]\d)(?:[T ]?\d{4}(?:\d\d)?)?(?!\d)")
_EAST_ASIAN = re.compile(r"((?:19|20)\d\d)\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日号일]?")
_DAY = re.compile(r"\d")
# htmldate keeps only the day of a valid date in a window; whole years, so that no time zone moves its edges.
_WINDOW = (datetime(1994, 1, 1), datetime(2101, 1, 1))


def published_of(candidates: Iterable[str], crawled: str | None = None) -> str | None:
    """First candidate that is a day (ISO), neither before 1995 nor after the crawl.

    Args: candidates, strings with a date, the most believed first; crawled, ISO time of the crawl. A day of grace
    covers publishers east of the crawler.
    """
    latest = _day_after(crawled) or LATEST
    for candidate in candidates:
        day = day_in(candidate)
        if day is not None and EARLIEST <= day <= latest:
            return day
    return None


def day_in(text: str) -> str | None:
    """The day that a short text names, as YYYY-MM-DD, as written there (no time zone is applied).

    Source: htmldate's custom_parse for all but ISO 8601, YYYYMMDD and East Asian dates. Its dateutil step is passed
    by, because dateutil completes a date without a day by today's.
    """
    text = text[:_MAX_CHARS]
    for pattern in (_ISO, _DIGITS, _EAST_ASIAN):
        found = pattern.match(text) if pattern is _ISO else pattern.search(text)
        if found is not None:
            try:
                return date(*map(int, found.groups())).isoformat()
            except ValueError:  # month 13, or 30 February
                return None
    if _DAY.search(text) is None:
        return None
    from htmldate.extractors import custom_parse

    # The space keeps it from its first step: dateutil and text that starts with four digits.
    return custom_parse(" " + text, "%Y-%m-%d", *_WINDOW)


def day_in_url(url: str) -> str | None:
    """The day in an address such as /2019/12/26/title."""
    from htmldate.extractors import COMPLETE_URL

    found = COMPLETE_URL.search(url[:2000])
    return day_in("-".join(part.zfill(2) for part in found.groups())) if found else None


def thorough_date(html: str, url: str | None = None, crawled: str | None = None) -> str | None:
    """The day that htmldate finds anywhere in a page, null where it finds none. Tens of milliseconds a page.

    A date without a day, such as "2019-05" in a tag, is completed by today's day (dateutil): not repeatable.
    """
    from htmldate import find_date

    try:
        found = find_date(html, url=url, original_date=True, min_date=EARLIEST, max_date=_day_after(crawled) or LATEST)
    except ValueError:  # markup that libxml2 refuses
        return None
    return found


def _day_after(crawled: str | None) -> str | None:
    if not crawled:
        return None
    try:
        return (date.fromisoformat(crawled[:10]) + timedelta(days=1)).isoformat()
    except ValueError:
        return None

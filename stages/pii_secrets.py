"""Keys and tokens: detect-secrets' patterns of vendors' formats, those it lacks, and whole private key blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

Span = tuple[int, int]

# What every pattern below begins with or holds, for one fast look at a column: Rust regex, literals only in front.
HINT = (
    r"AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9]|gh[pousr]_|github_pat_|xox[abeoprs]-|xapp-|hooks\.slack\.com|AIza|GOCSPX-|ya29\.|sk-|[rs]k_live_|whsec_|eyJ"
    r"|SG\.|gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent)-|GR1348941|npm_|pypi-AgE|hf_|dop_v1_|shp(?:at|ss|ca|pa)_|sq0(?:csp|atp)-|AccountKey="
    r"|[0-9]:AA|SK[0-9a-f]{8}|AC[0-9a-f]{8}|-us[0-9]|AGE-SECRET-KEY-|PRIVATE KEY"
    r"|(?:aws|AWS|Aws)[_. -]?(?:[Ss]ec|[Aa]cc|SEC|ACC)"
)
# Formats that vendors document and detect-secrets 1.5 has no pattern for, or a narrower one.
_MORE = (
    r"github_pat_[A-Za-z0-9_]{60,90}",
    r"gh[pousr]_[A-Za-z0-9_]{36,251}",
    r"xox[abeoprs]-[A-Za-z0-9-]{20,250}",
    r"xapp-[0-9]-[A-Za-z0-9-]{20,200}",
    r"AIza[A-Za-z0-9_-]{35}",
    r"GOCSPX-[A-Za-z0-9_-]{28}",
    r"ya29\.[A-Za-z0-9_-]{40,500}",
    r"sk-(?:[a-z0-9]{2,12}-){0,3}[A-Za-z0-9_-]{32,250}",
    r"[rs]k_live_[A-Za-z0-9]{20,250}",
    r"whsec_[A-Za-z0-9+/=]{32,80}",
    r"npm_[A-Za-z0-9]{36}",
    r"hf_[A-Za-z0-9]{34}",
    r"dop_v1_[0-9a-f]{64}",
    r"shp(?:at|ss|ca|pa)_[0-9A-Fa-f]{32}",
    r"sq0atp-[A-Za-z0-9_-]{22}",
    r"AGE-SECRET-KEY-1[0-9A-Z]{58}",
    r"eyJ[A-Za-z0-9_-]{10,4000}\.eyJ[A-Za-z0-9_-]{10,8000}\.[A-Za-z0-9_-]{16,2000}",
)
_SORT = r"(?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----"
_BLOCK = rf"-----BEGIN {_SORT}[A-Za-z0-9+/=\s:.,()\\-]{{100,12000}}?-----END {_SORT}"
_PLACEHOLDER = re.compile(r"example|your|xxxx|placeholder|redacted|1234567890abcdef|\.\.\.|dummy|change", re.I)


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """One pattern of all tokens, which stand alone, and those whose value stands behind a name."""
    from detect_secrets.plugins import (
        aws,
        azure_storage_key,
        discord,
        gitlab_token,
        mailchimp,
        openai,
        pypi_token,
        sendgrid,
        slack,
        square_oauth,
        stripe,
        telegram_token,
        twilio,
    )

    detectors = (
        gitlab_token.GitLabTokenDetector,
        mailchimp.MailchimpDetector,
        openai.OpenAIDetector,
        pypi_token.PypiTokenDetector,
        sendgrid.SendGridDetector,
        slack.SlackDetector,
        square_oauth.SquareOAuthDetector,
        stripe.StripeDetector,
        azure_storage_key.AzureStorageKeyDetector,
        discord.DiscordBotTokenDetector,
        telegram_token.TelegramBotTokenDetector,
        twilio.TwilioKeyDetector,
    )
    key_id, labelled = aws.AWSKeyDetector.denylist
    theirs = [pattern.pattern for detector in detectors for pattern in detector.denylist]
    # The longest first where two patterns share a head, so that no end of a token stays.
    tokens = "|".join(f"(?:{pattern})" for pattern in (_BLOCK, *_MORE, key_id.pattern, *theirs))
    return re.compile(rf"(?<![A-Za-z0-9])(?:{tokens})(?![A-Za-z0-9])", re.A), re.compile(labelled.pattern, re.A | re.I)


def find_keys(text: str) -> Iterator[Span]:
    """The keys and tokens of a text. The manuals' own samples and placeholders are left."""
    tokens, labelled = _patterns()
    for found in tokens.finditer(text):
        if _is_real(found.group()):
            yield found.span()
    for found in labelled.finditer(text):
        if _is_real(found.group(1)):
            yield found.span(1)


def _is_real(token: str) -> bool:
    """Whether a token is as random as a key: many different signs, no word that says placeholder, no mere words."""
    words = token.startswith("sk-") and (token.islower() or not any(map(str.isdigit, token)))  # sk-learn-style-...
    return not words and len(set(token[:200])) >= 8 and not _PLACEHOLDER.search(token[:200])

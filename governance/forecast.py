"""What L3 would cost: requests, tokens, engine hours and money, from a sample of documents. Pure: it reads nothing.

What documents there are and what would be asked about them is counted. How long the answers are, how many of them are
read a second time and how fast engines write is taken from the last run in the same output where there is one, else
assumed, and every assumption is said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_Z = 1.96  # standard errors of a 95 % interval
# Output tokens a second of one H100 80 GB by model, with its parameters in billions: Hugging Face's throughput sweep
# for "The Synthetic Data Playbook" (FinePhrase, March 2026; vLLM 0.15, pages of FineWeb-Edu rewritten as tutorials, up
# to 4,096 tokens each, the best configuration of each model).
PUBLISHED = {
    "smollm2-135m": (0.135, 45_540),
    "smollm2-360m": (0.36, 23_996),
    "qwen3-0.6b": (0.6, 14_069),
    "gemma-3-1b": (1.0, 16_762),
    "smollm2-1.7b": (1.7, 9_220),
    "qwen3-1.7b": (1.7, 12_313),
    "gemma-3-4b": (4.0, 9_253),
    "qwen3-4b": (4.0, 8_086),
    "qwen3-8b": (8.0, 6_443),
    "gemma-3-12b": (12.0, 3_046),
    "qwen3-14b": (14.0, 4_549),
    "gemma-3-27b": (27.0, 1_724),
    "qwen3-32b": (32.0, 2_078),
    # Mixtures of experts: by name only, since what they do with a token is not told by their size.
    "gpt-oss-20b": (None, 14_671),
    "qwen3-30b-a3b": (None, 5_310),
    "qwen3-next-80b": (None, 2_678),
    "gpt-oss-120b": (None, 6_117),
}
# FinePhrase wrote 486 billion tokens on 100 H100 in about two weeks: about 4,000 a second each, 44 % of what the sweep
# promised. Between the two lies what a run is likely to reach.
SUSTAINED = 0.44
# SmolLM2-135M on two cores of a server, in bfloat16 where the CPU computes in it (AVX-512 BF16 or AMX), else float32.
CPU_RATES = (543.0, 199.0)
# Of a prompt's max_tokens, the length of an answer: value, low and high. The small bundled models took 0.20 to 0.54 of
# it, by task and language.
ANSWER_SHARES = (0.4, 0.2, 1.0)
READ_AGAIN_SHARES = (0.5, 0.0, 1.0)  # of the outputs, those good enough for a second reading
_SIZE = re.compile(r"(\d+(?:\.\d+)?)b(?![a-z0-9])")


@dataclass(frozen=True)
class Estimate:
    """A number with what it may lie between; the three are equal where nothing is uncertain."""

    value: float
    low: float
    high: float

    def times(self, factor: float, low: float | None = None, high: float | None = None) -> Estimate:
        """The estimate times a factor, which may be as low and as high as this."""
        least, most = (factor if end is None else end for end in (low, high))
        return Estimate(self.value * factor, self.low * least, self.high * most)

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(self.value + other.value, self.low + other.low, self.high + other.high)

    def to_json(self) -> dict[str, float]:
        """Three numbers of three digits or more."""
        return {"value": _digits(self.value), "low": _digits(self.low), "high": _digits(self.high)}


@dataclass(frozen=True)
class Asked:
    """What would be asked about one document: requests that write, and second readings if every output got one."""

    requests: int
    prompt_tokens: int
    max_tokens: int  # of all answers together, at most
    readings: int = 0
    reading_prompt_tokens: int = 0
    reading_max_tokens: int = 0


@dataclass(frozen=True)
class Measured:
    """What a run did: of its requests, and of its engines."""

    where: str  # which run, in words
    answer_share: float  # output tokens over max_tokens of the requests that were answered
    read_again: float | None = None  # second readings over requests that write; None: the run made none
    tokens_per_s: float | None = None  # output tokens of one engine; None: the run did not tell


@dataclass(frozen=True)
class Rate:
    """Output tokens a second of one engine, from ``low`` to ``value``, and where that is known from."""

    value: float
    low: float
    source: str


@dataclass(frozen=True)
class Forecast:
    """The forecast and what it stands on. ``hours`` are of one engine; None where no rate is known."""

    documents: int
    requests: Estimate
    prompt_tokens: Estimate
    output_tokens: Estimate
    engine_hours: Estimate | None
    engines: int
    cost: Estimate | None
    assumptions: tuple[str, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As JSON values; what is not known is null, and a cost that nobody asked for is left out."""
        hours = self.engine_hours
        body: dict[str, Any] = {
            "documents": self.documents,
            "requests": self.requests.to_json(),
            "prompt_tokens": self.prompt_tokens.to_json(),
            "output_tokens": self.output_tokens.to_json(),
            "engine_hours": hours.to_json() if hours else None,
            "engines": self.engines,
            "hours": hours.times(1 / self.engines).to_json() if hours else None,
        }
        return body | ({"cost": self.cost.to_json()} if self.cost else {}) | {"assumptions": list(self.assumptions)}


def total(values: Sequence[float], population: int) -> Estimate:
    """The sum over a population, from a sample of it drawn without putting back; exact where it is the whole.

    The interval is the normal one of 95 %, with the correction for a finite population.
    """
    count = len(values)
    if count == 0:
        return Estimate(0, 0, 0)
    mean = sum(values) / count
    if count >= population:
        return Estimate(sum(values), sum(values), sum(values))
    spread = sum((value - mean) ** 2 for value in values) / max(1, count - 1)
    error = _Z * population * math.sqrt(spread / count * (1 - count / population))
    return Estimate(mean * population, max(sum(values), mean * population - error), mean * population + error)


def published_rate(model: str, gpus: int = 1) -> Rate | None:
    """The published rate of a model by its name, else of the dense model nearest in size; None without a size.

    Args: model, an id or whatever a server calls it; gpus of one engine, whose rates are added up.
    """
    name = model.rstrip("/").rpartition("/")[2].lower().replace("_", "-")
    listed = max((one for one in PUBLISHED if re.search(rf"{re.escape(one)}(?![a-z0-9])", name)), key=len, default=None)
    said = f"the published rate of {listed}"
    if listed is None:
        size = _SIZE.search(name)
        if size is None or float(size[1]) <= 0:
            return None
        wanted = math.log(float(size[1]))
        dense = {one: billions for one, (billions, _) in PUBLISHED.items() if billions}
        listed = min(dense, key=lambda one: (abs(math.log(dense[one]) - wanted), one))
        said = f"the published rate of {listed}, the listed model nearest in size to {size[0]}"
    rate = PUBLISHED[listed][1] * gpus
    gpu = "an H100" if gpus == 1 else f"{gpus} H100"
    source = (
        f"at best an engine writes {rate:,} tokens/s, {said} on {gpu} (Hugging Face's sweep for FinePhrase, vLLM 0.15);"
        f" at worst {SUSTAINED:.0%} of that, which FinePhrase kept up for two weeks"
    )
    return Rate(float(rate), rate * SUSTAINED, source)


def cpu_rate() -> Rate:
    """What the bundled model writes on two cores."""
    fast, slow = CPU_RATES
    return Rate(fast, slow, f"an engine writes {fast:g} tokens/s on two cores with bfloat16, {slow:g} on others")


def measured_rate(measured: Measured) -> Rate | None:
    """The rate that a run had."""
    if not measured.tokens_per_s:
        return None
    said = f"an engine writes {measured.tokens_per_s:,.0f} tokens/s, as in {measured.where}"
    return Rate(measured.tokens_per_s, measured.tokens_per_s, said)


def forecast(
    asked: Sequence[Asked], documents: int, rate: Rate | None, engines: int, price: float | None,
    measured: Measured | None = None,
) -> Forecast:  # fmt: skip
    """The forecast for a number of documents from a sample of them.

    Args: what would be asked about each document of the sample; price of an hour of one engine, in any currency.
    """
    length = (measured.answer_share,) * 3 if measured else ANSWER_SHARES
    again = (measured.read_again,) * 3 if measured and measured.read_again else READ_AGAIN_SHARES

    def sums(name: str) -> Estimate:
        return total([getattr(one, name) for one in asked], documents)

    requests = sums("requests") + sums("readings").times(*again)
    prompts = sums("prompt_tokens") + sums("reading_prompt_tokens").times(*again)
    outputs = sums("max_tokens").times(*length) + sums("reading_max_tokens").times(*again).times(*length)
    hours = None
    if rate is not None:
        slowest = outputs.high / rate.low
        hours = Estimate(outputs.value / rate.value / 3600, outputs.low / rate.value / 3600, slowest / 3600)
    cost = hours.times(price) if hours is not None and price is not None else None
    assumed = _assumptions(asked, documents, rate, price, measured)
    return Forecast(documents, requests, prompts, outputs, hours, engines, cost, assumed)


def _assumptions(
    asked: Sequence[Asked], documents: int, rate: Rate | None, price: float | None, measured: Measured | None
) -> tuple[str, ...]:
    """What a reader must know to judge the numbers."""
    sample = f"from a sample of {len(asked):,} documents, with intervals of 95 %"
    said = ["every document is counted" if len(asked) >= documents else sample]
    if measured is not None:
        said.append(f"an answer takes {measured.answer_share:.0%} of its prompt's max_tokens, as in {measured.where}")
    else:
        value, low, high = ANSWER_SHARES
        said.append(f"an answer takes {value:.0%} of its prompt's max_tokens, from {low:.0%} to {high:.0%}")
    if any(one.readings for one in asked) and measured is not None and measured.read_again:
        said.append(f"{measured.read_again:.0%} of the second readings that could be asked for are, as in that run")
    elif any(one.readings for one in asked):
        said.append(f"{READ_AGAIN_SHARES[0]:.0%} of the outputs are good enough for a second reading, from none to all")
    said.append(rate.source if rate else "no rate is known for this model and engine, so no hours are told")
    if price is not None and rate is not None:
        said.append(f"an hour of an engine costs {price:g} (l3.price_per_engine_hour)")
    return tuple(said)


def _digits(value: float) -> float:
    """Whole above a hundred, three digits below."""
    return float(f"{value:.3g}") if abs(value) < 100 else round(value)

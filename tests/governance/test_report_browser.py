"""The page of `governance report` in a real Chromium: it works, fits a phone, and nothing of a crawled page runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance import report
from tests.browser import Browser


@pytest.fixture(scope="module")
def page(reported: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a corpus with hostile rows in every place that shows a row, compared with itself."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    report.report(report.Ask(reported, str(path), None, None, 20, 0), as_json=True)
    return path


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def shown(browser: Browser) -> int:
    """How many examples can be seen, counted by the browser."""
    return browser.script(
        "return Array.from(document.querySelectorAll('#examples details.example'))"
        ".filter((one) => !one.closest('[hidden]')).length"
    )


def choose(browser: Browser, element: str, value: str, event: str) -> None:
    browser.script(
        "const one = document.getElementById(arguments[0]); one.value = arguments[1];"
        "one.dispatchEvent(new Event(arguments[2]));", element, value, event
    )  # fmt: skip


def wait_for(browser: Browser, condition: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser.driver, 10).until(lambda _: browser.script(f"return {condition}"))


def test_the_page_opens_from_disk_loads_nothing_else_and_the_console_is_silent(browser: Browser, page: Path) -> None:
    loaded = browser.open(page)
    assert [name for name in loaded if not name.startswith("data:image/svg+xml;base64,")] == []
    assert browser.logs() == []
    assert browser.script("return document.title").startswith("Report of ")
    assert browser.script("return Array.from(document.images).every((one) => one.naturalWidth > 0)")
    assert browser.script("return document.images.length") >= 6
    assert browser.script("return document.querySelectorAll('svg.sankey path').length") > 10
    assert browser.script("return !document.getElementById('filter').hidden")


def test_nothing_of_a_crawled_page_runs_or_breaks_out_of_its_place(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.script("for (const one of document.querySelectorAll('details')) one.open = true;")
    assert browser.script("return typeof window.hacked") == "undefined"
    assert browser.script("return getComputedStyle(document.body).display") == "block"
    assert browser.script("return document.querySelectorAll('script').length") == 1
    assert browser.script("return document.querySelectorAll('style').length") == 1
    last = "return document.body.lastElementChild.tagName + document.querySelector('footer').parentElement.tagName"
    assert browser.script(last) == "SCRIPTBODY"
    assert browser.script("return document.querySelectorAll('main > section').length") >= 9
    # What a script that got in could do: the policy refuses it.
    browser.script(
        "const one = document.createElement('script'); one.textContent = 'window.hacked = 9';"
        "document.body.append(one);"
        "const two = document.createElement('div'); two.innerHTML = '<img src=x onerror=\"window.hacked = 8\">';"
        "document.body.append(two);"
    )
    wait_for(browser, "performance.now() > 0")
    assert browser.script("return typeof window.hacked") == "undefined"
    assert any("Content Security Policy" in line for line in browser.logs())


def test_every_link_and_source_is_a_plain_one(page: Path) -> None:
    text = page.read_text()
    tags = Tags(text).found
    assert {tag for tag, _ in tags}.isdisjoint({"iframe", "link", "object", "embed", "base"})
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"]
    for tag, attributes in tags:
        source, link = attributes.get("src"), attributes.get("href")
        assert source is None or (tag == "img" and source.startswith("data:image/svg+xml;base64,"))
        if link and not link.startswith("#"):
            assert re.match(r"https?://[^\s\"'<>]+$", link), link
            assert "noreferrer" in str(attributes.get("rel"))
    assert "&lt;script&gt;window.hacked = 1&lt;/script&gt;" in text and "{{ 7 * 7 }}" in text
    assert not set("\x00\x1b\u202e\u2066") & set(text)
    assert len(page.read_bytes()) < report.MAX_BYTES
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy and "unsafe" not in policy[1] and policy[1].startswith("default-src 'none'")


def test_examples_are_filtered_by_rule_language_and_words(browser: Browser, page: Path) -> None:
    browser.open(page)
    everything = shown(browser)
    assert everything > 20
    assert browser.script("return document.getElementById('shown').textContent") == f"{everything} examples"
    rule = browser.script(
        "return Array.from(document.getElementById('by-rule').options).find((one) => one.text.includes('alpha')).value"
    )
    choose(browser, "by-rule", rule, "change")
    of_rule = shown(browser)
    assert 0 < of_rule < everything
    assert browser.script("return document.getElementById(arguments[0]).open", rule)
    choose(browser, "by-rule", "", "change")
    choose(browser, "by-lang", "zh", "change")
    assert 0 < shown(browser) < everything
    choose(browser, "by-lang", "", "change")
    choose(browser, "by-text", "WINDOW.hacked = 1", "input")
    wait_for(browser, f"parseInt(document.getElementById('shown').textContent) < {everything}")
    assert 0 < shown(browser) < everything
    choose(browser, "by-text", "no text holds this", "input")
    wait_for(browser, "document.getElementById('shown').textContent === '0 examples'")
    browser.script("document.getElementById('clear').click()")
    assert shown(browser) == everything
    assert browser.script("return document.querySelectorAll('#examples details[open]').length") == 0


def test_rows_open_one_by_one_and_all_at_once_and_a_link_to_a_rule_opens_it(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.script("document.querySelector('#examples details.rule > summary').click()")
    wait_for(browser, "document.querySelector('#examples details.rule').open")
    browser.script("document.getElementById('open-all').click()")
    closed = "document.querySelectorAll('#examples details:not([open])').length"
    assert browser.script(f"return {closed}") == 0
    assert browser.script("return document.querySelectorAll('#examples mark').length") > 0
    browser.script("document.getElementById('close-all').click()")
    assert browser.script("return document.querySelectorAll('#examples details[open]').length") == 0
    rule = browser.script("return document.querySelector('#rules td a').getAttribute('href')")
    browser.open(page, fragment=rule)
    assert browser.script("return document.querySelector(arguments[0]).open", rule)


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_is_no_wider_than_the_screen_whatever_it_shows(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    browser.script("for (const one of document.querySelectorAll('details')) one.open = true;")
    assert browser.script("return document.documentElement.scrollWidth") <= width
    assert browser.script("return document.documentElement.clientWidth") <= width
    size = "parseFloat(getComputedStyle(one).fontSize)"
    sizes = f"return Array.from(document.querySelectorAll('p, td, .text')).map((one) => {size})"
    assert min(browser.script(sizes)) >= 12


def test_it_prints_with_what_is_open_and_without_controls(browser: Browser, page: Path) -> None:
    browser.open(page)
    short = browser.print()
    assert short.startswith(b"%PDF")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert browser.script("return getComputedStyle(document.getElementById('filter')).display") == "none"
        assert browser.script("return getComputedStyle(document.querySelector('nav')).display") == "none"
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.script("document.getElementById('open-all').click()")
    assert pages(browser.print()) > pages(short) >= 3


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_without_its_script_the_page_shows_everything_that_it_holds(
    browser: Browser, page: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.html"
    bare.write_text(re.sub(r"<script>.*</script>", "", page.read_text(), flags=re.DOTALL))
    browser.open(bare)
    assert browser.script("return document.getElementById('filter').hidden")
    assert shown(browser) > 20


def test_an_empty_corpus_opens_too(browser: Browser, tmp_path: Path, governance: Any) -> None:
    from governance import commands

    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "rows.parquet")
    out = str(tmp_path / "out")
    commands.run(commands.Ask("L1", (str(tmp_path / "rows.parquet"),), out, None, "L0", "d", None, 0, (), False), True)
    assert governance("report", out).code == 0
    browser.open(Path(out, "report.html"), width=360)
    assert browser.logs() == [] and browser.script("return document.documentElement.scrollWidth") <= 360

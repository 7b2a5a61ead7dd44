"""The search page and its API: on the wire, and in a real Chromium with hostile statements."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from governance.index import refresh
from governance.index_config import IndexConfig
from governance.progress import Progress
from governance.search import Searcher
from governance.serve import link, make_app
from tests.browser import Browser
from tests.statements_corpus import HOSTILE, STATEMENTS, write_corpus


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The application over the small corpus."""
    store = write_corpus(str(tmp_path_factory.mktemp("serve")))
    refresh(store, IndexConfig(embedder="none"), Progress("silent"))
    return make_app(Searcher(store))


@pytest.fixture(scope="module")
def client(app: Any) -> Any:
    """Asks it in this process."""
    from starlette.testclient import TestClient

    return TestClient(app, base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def address(app: Any) -> Iterator[str]:
    """A real server on a free port of loopback."""
    import uvicorn

    config = uvicorn.Config(app, "127.0.0.1", 0, log_level="warning")
    server, listening = uvicorn.Server(config), config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=30)


def test_the_api_answers_with_statement_status_evidence_and_place(client: Any) -> None:
    body = client.get("/api/search", params={"q": "how do I add a user in PostgreSQL"}).json()
    best = body["answers"][0]
    assert (best["statement"], best["status"]) == (STATEMENTS[0].statement, "corroborated")
    assert best["evidence"][0]["text"] == STATEMENTS[0].statement
    assert best["evidence"][0]["url"] == STATEMENTS[0].url
    chinese = client.get("/api/search", params={"q": "如何添加新用户", "lang": "zh", "limit": "1"}).json()
    assert [row["statement"] for row in chinese["answers"]] == [STATEMENTS[5].statement]


def test_the_api_filters_by_status_topic_language_and_date(client: Any) -> None:
    asked = {"q": "PostgreSQL 数据库", "limit": "50", "status": ["contradicted", "supported"]}
    everything = client.get("/api/search", params=asked).json()["answers"]
    assert {row["status"] for row in everything} == {"contradicted", "supported"}
    for name, value, kept in (
        ("topic", "数据库", lambda row: row["topic"] == "数据库"),
        ("lang", "en", lambda row: row["lang"] == "en"),
        ("since", "2026", lambda row: row["date"] >= "2026"),
        ("until", "2019", lambda row: row["date"] < "2020"),
    ):
        found = client.get("/api/search", params=asked | {name: value}).json()["answers"]
        assert found and found == [
            row | {"score": new["score"]} for row, new in zip(filter(kept, everything), found, strict=False)
        ]


@pytest.mark.parametrize(
    "params",
    [{}, {"q": " "}, {"q": "a" * 1001}, {"q": "a", "limit": "x"}, {"q": "a", "limit": "999999999999"},
     {"q": "a", "status": "true"}, {"q": "a", "lang": "e'n"}, {"q": "a", "since": "now"}],
)  # fmt: skip
def test_the_api_says_what_is_wrong_and_how_to_mend_it(client: Any, params: dict[str, str]) -> None:
    answer = client.get("/api/search", params=params)
    assert answer.status_code == 400
    assert answer.json()["error"] and answer.json()["fix"]


@pytest.mark.parametrize("text", [HOSTILE, "\0", "' OR 1=1 --", '"(', "\u202e", "😀" * 200, "a" * 1000, "%00%ff"])
def test_hostile_questions_get_an_answer_on_the_page_and_the_api(client: Any, text: str) -> None:
    for path in ("/", "/api/search"):
        answer = client.get(path, params={"q": text, "topic": text})
        assert answer.status_code == 200
        assert "<script" not in answer.text or path != "/"


def test_what_is_no_utf8_gets_an_answer(client: Any) -> None:
    assert client.get("/api/search?q=%ff%fe%00").status_code == 200


def test_the_index_tells_of_itself(client: Any) -> None:
    body = client.get("/api/index").json()
    assert (body["statements"], body["embedder"], body["stale"]) == (len(STATEMENTS), "none", False)
    assert "PostgreSQL" in body["topics"]


def test_a_page_of_another_site_cannot_ask(client: Any) -> None:
    assert client.get("/api/search", params={"q": "user"}, headers={"Host": "evil.example.org"}).status_code == 400
    assert client.post("/", params={"q": "user"}).status_code == 405
    headers = client.get("/", params={"q": "user"}).headers
    assert "access-control-allow-origin" not in headers
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("url", "stands"),
    [("https://a.example.org/", True), ("javascript:alert(1)", False), ("data:text/html,x", False), ("//a", False),
     ("http://[", False), (None, False), ("JaVaScRiPt:1", False)],
)  # fmt: skip
def test_only_addresses_of_pages_become_links(url: str | None, stands: bool) -> None:
    assert link(url) == (url if stands else None)


def test_the_page_answers_in_a_browser_in_both_languages(browser: Browser, address: str) -> None:
    for question, place in (("how do I add a user in PostgreSQL", 0), ("如何添加新用户", 5)):
        loaded = browser.visit(f"{address}/?q={quote(question)}")
        assert [name for name in loaded if not name.endswith("/favicon.ico")] == []
        first = "return document.querySelector('.answers > li')"
        assert browser.script(f"{first}.querySelector('.statement').textContent") == STATEMENTS[place].statement
        assert browser.script(f"{first}.querySelector('blockquote mark').textContent") == STATEMENTS[place].statement
        assert "前" in browser.script(f"{first}.querySelector('blockquote p').textContent") or place == 0
        assert browser.script(f"{first}.querySelector('blockquote a').href") == STATEMENTS[place].url
        assert "2026-01-02" in browser.script(f"{first}.querySelector('blockquote footer').textContent")
        assert [line for line in browser.logs() if "favicon" not in line] == []


def test_the_form_asks_with_its_filters(browser: Browser, address: str) -> None:
    browser.visit(f"{address}/?q=port")
    assert browser.script("return document.querySelectorAll('li.contradicted .but').length") == 1
    for box in browser.driver.find_elements("css selector", "input[name=status]"):
        if box.is_selected() != (box.get_attribute("value") == "contradicted"):
            box.click()
    browser.follow("form button")
    assert "status=contradicted" in browser.script("return location.search")
    statements = "return Array.from(document.querySelectorAll('.statement')).map((one) => one.textContent)"
    assert browser.script(statements) == [STATEMENTS[3].statement]
    checked = "return Array.from(document.querySelectorAll('input:checked')).map((one) => one.value)"
    assert browser.script(checked) == ["contradicted"]


def test_hostile_text_stays_text_in_a_browser(browser: Browser, address: str) -> None:
    browser.visit(f"{address}/?q={quote('hostile page ' + HOSTILE)}&topic={quote(HOSTILE)}")
    assert browser.script("return typeof window.hacked") == "undefined"
    assert HOSTILE in browser.script("return document.querySelector('.statement').textContent")
    assert browser.script("return document.querySelectorAll('script, img, iframe').length") == 0
    assert browser.script("return document.querySelectorAll('.answers a').length") == 0  # its address is a script's
    browser.script("const one = document.createElement('script'); one.textContent = 'window.hacked = 9';"
                   "document.body.append(one);")  # fmt: skip
    assert browser.script("return typeof window.hacked") == "undefined"
    assert any("Content Security Policy" in line for line in browser.logs())


def test_the_page_fits_a_phone_and_says_what_is_wrong(browser: Browser, address: str) -> None:
    browser.visit(f"{address}/?q=createuser&since=never", width=390, height=800)
    assert "is no date" in browser.script("return document.querySelector('[role=alert]').textContent")
    browser.visit(f"{address}/?q={quote(HOSTILE)}", width=390, height=800)
    assert browser.script("return document.documentElement.scrollWidth") <= 390

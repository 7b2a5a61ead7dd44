"""Search on a web page and over a JSON API.

The page is made here and runs no script: a form, and answers as text. Whatever a statement, a title or a question
holds is escaped, and the Content-Security-Policy lets nothing run and nothing load but the page's own style.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from governance.classifier_page import TEMPLATES
from governance.classifier_report import printable
from governance.errors import GovernanceError, RunError, UsageError
from governance.report_page import csp_hash
from governance.search import SHOWN, STATUSES, Query, Searcher

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
_LANGUAGES = ("en", "zh")
_NAMES = ("q", "status", "topic", "lang", "since", "until", "limit")


def make_app(searcher: Searcher, host: str = "127.0.0.1") -> Any:
    """The application: ``/`` the page, ``/api/search`` and ``/api/index`` as JSON.

    On loopback only questions to loopback names are answered, so that no page of another site can ask.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import HTMLResponse, JSONResponse
    from starlette.routing import Route

    page, style = _template(), _style()
    policy = (
        f"default-src 'none'; style-src '{csp_hash(style)}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin",
    }  # fmt: skip

    def show(request: Any) -> Any:
        body, code = _answer(searcher, request.query_params)
        asked = {name: request.query_params.get(name, "") for name in _NAMES}
        chosen = request.query_params.getlist("status") or SHOWN
        text = page.render(
            body=body, asked=asked, chosen=chosen, statuses=STATUSES, languages=_LANGUAGES, topics=searcher.topics(),
            rows=searcher.state.rows, style=style,
        )  # fmt: skip
        return HTMLResponse(text, code, headers)

    def api(request: Any) -> Any:
        body, code = _answer(searcher, request.query_params)
        if body is None:
            body, code = {"error": "no question", "fix": "ask with ?q="}, 400
        return JSONResponse(body, code, headers)

    def state(_: Any) -> Any:
        told = {"statements": searcher.state.rows, "embedder": searcher.state.config["embedder"]}
        return JSONResponse({**told, "stale": searcher.stale(), "topics": searcher.topics()}, headers=headers)

    routes = [Route("/", show), Route("/api/search", api), Route("/api/index", state)]
    hosts = list(_LOOPBACK) if host in _LOOPBACK else ["*"]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])


def run(searcher: Searcher, host: str, port: int) -> None:
    """Serve until interrupted. Errors: RunError where the port is taken."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(make_app(searcher, host), host, port, log_level="warning"))
    try:
        listening = server.config.bind_socket()
    except SystemExit as error:  # uvicorn's way to say it
        raise RunError(f"cannot listen on {host}:{port}", "choose another --port; 0 takes any that is free") from error
    address = listening.getsockname()
    print(
        f"Searching {searcher.state.rows:,} statements on http://{address[0]}:{address[1]}", file=sys.stderr, flush=True
    )
    server.run(sockets=[listening])


def _answer(searcher: Searcher, asked: Any) -> tuple[dict[str, Any] | None, int]:
    """What a question gets: its answers, or what is wrong with it and how to mend it; nothing where none is asked."""
    if not asked.get("q", "").strip():
        return None, 200
    start = time.monotonic()
    try:
        answers = searcher.search(_query(asked))
    except GovernanceError as error:
        return {"error": str(error), "fix": error.remedy}, 400 if isinstance(error, UsageError) else 500
    seconds = round(time.monotonic() - start, 4)
    return {"question": asked["q"], "seconds": seconds, "answers": answers}, 200


def _query(asked: Any) -> Query:
    """A question from the parameters of an address; an empty one is none. Errors: UsageError."""
    given: Mapping[str, str] = {name: asked.get(name, "").strip() for name in _NAMES}
    limit = given["limit"] or "10"
    if not (limit.isascii() and limit.isdigit()):
        raise UsageError(f"limit {limit[:20]!r} is no number", "write for example limit=10")
    status = tuple(one for one in asked.getlist("status") if one) or SHOWN
    topic, lang, since, until = (given[name] or None for name in ("topic", "lang", "since", "until"))
    return Query(given["q"], int(limit[:6]), status, topic, lang, since, until)


def link(url: str | None) -> str | None:
    """An address that may stand in a link: http or https, else none."""
    try:
        return url if url and urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None


def _style() -> str:
    return "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "search.css"))


def _template() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"printable": printable, "link": link}
    return environment.get_template("search.html")

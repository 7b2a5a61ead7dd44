"""Build examples/crawl/{en,zh}.warc.gz and NOTICE from Debian packages, byte for byte the same every time.

    mkdir debs && cd debs && apt-get download $(python ../examples/build_crawl.py list) && cd ..
    python examples/build_crawl.py build debs

What goes in, and where each page stands online, is in crawl/sources.toml. Pages are copied unchanged, but for those
that sources.toml names under `encoded`. Versions no longer on a mirror are at https://snapshot.debian.org/.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import subprocess
import sys
import tempfile
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from fastwarc.warc import WarcRecord, WarcRecordType

CRAWL = Path(__file__).resolve().parent / "crawl"
USER_AGENT = "governance-example-crawl/1.0"
NOT_FOUND = (
    '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>404 Not Found</title>\n</head><body>\n'
    "<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n</body></html>\n"
)
MOVED = (
    '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>301 Moved Permanently</title>\n'
    '</head><body>\n<h1>Moved Permanently</h1>\n<p>The document has moved <a href="{location}">here</a>.</p>\n'
    "</body></html>\n"
)


@dataclass(frozen=True)
class Capture:
    """One answer of a web server."""

    url: str
    body: bytes
    type: str = "text/html"
    status: str = "200 OK"
    location: str = ""


def main(arguments: list[str]) -> None:
    sources = tomllib.loads((CRAWL / "sources.toml").read_text(encoding="utf-8"))
    if arguments == ["list"]:
        print("\n".join(f"{package['name']}={package['version']}" for package in sources["package"]))
    elif len(arguments) in (2, 3) and arguments[0] == "build":
        build(sources, Path(arguments[1]), Path(arguments[2]) if arguments[2:] else CRAWL)
    else:
        raise SystemExit(f"usage: {Path(__file__).name} list | build FOLDER_OF_DEBS [OUTPUT]")


def build(sources: dict, debs: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        licences = {package["name"]: unpack(package, debs, root) for package in sources["package"]}
        for archive in ("en", "zh"):
            captures = sorted(collect(sources, archive, root).values(), key=lambda capture: capture.url)
            members = list(archive_members(captures, datetime.fromisoformat(sources["crawl"]["date"]), archive))
            if archive == "en":
                # The file ends inside the last response, as a broken download does.
                members[-2:] = [members[-2][: sources["crawl"]["cut_bytes"]]]
            (out / f"{archive}.warc.gz").write_bytes(b"".join(members))
            print(f"{archive}: {len(captures)} captures, {sum(map(len, members)):,} bytes")
        (out / "NOTICE").write_text(notice(sources, licences), encoding="utf-8")


def unpack(package: dict, debs: Path, root: Path) -> str:
    """Unpack one .deb below root and return its copyright file; ValueError where it is not the one meant."""
    found = [path for path in debs.glob(f"{package['name']}_*.deb") if sha256(path) == package["sha256"]]
    if not found:
        raise ValueError(f"no {package['name']}_*.deb with sha256 {package['sha256']} in {debs}; see `list`")
    target = root / package["name"]
    subprocess.run(["dpkg-deb", "-x", str(found[0]), str(target)], check=True)
    return (target / "usr/share/doc" / package["name"] / "copyright").read_text(encoding="utf-8")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def collect(sources: dict, archive: str, root: Path) -> dict[str, Capture]:
    """All captures of one archive by URL."""
    captures: dict[str, Capture] = {}
    for rule in (rule for rule in sources["pages"] if rule["archive"] == archive):
        captures.update({capture.url: capture for capture in pages(rule, sources["crawl"], root)})
    for rule in (rule for rule in sources["copies"] if rule["archive"] == archive):
        for url in rule["of"]:
            copy = replace(captures[url], url=url.removesuffix(rule["remove"]))
            captures[copy.url] = copy
    for rule in (rule for rule in sources["encoded"] if rule["url"] in captures):
        captures[rule["url"]] = encoded(captures[rule["url"]], rule["charset"])
    for rule in (rule for rule in sources["other"] if rule["archive"] == archive):
        body = MOVED.format(location=rule["location"]) if "location" in rule else NOT_FOUND
        captures[rule["url"]] = Capture(
            rule["url"], body.encode(), "text/html; charset=iso-8859-1", rule["status"], rule.get("location", "")
        )
    for rule in (rule for rule in sources["image"] if rule["archive"] == archive):
        captures[rule["url"]] = Capture(rule["url"], (root / rule["package"] / rule["path"]).read_bytes(), "image/png")
    return captures


def pages(rule: dict, limits: dict, root: Path) -> Iterator[Capture]:
    """The pages of one manual: `take` of them, evenly spaced in the order of their names."""
    folder = root / rule["package"] / rule["root"]
    suffix = rule.get("suffix", ".html")
    paths = sorted({path for pattern in rule["globs"] for path in folder.glob(pattern) if path.is_file()})
    bodies = [(path.relative_to(folder).as_posix().removesuffix(suffix), path.read_bytes()) for path in paths]
    fitting = [
        (stem, body)
        for stem, body in bodies
        if limits["min_bytes"] <= len(body) <= limits["max_bytes"] and cjk_share(body) >= rule.get("min_cjk", 0)
    ]
    take = min(rule["take"], len(fitting))
    for stem, body in (fitting[i * len(fitting) // take] for i in range(take)):
        yield Capture(rule["url"].format(stem=stem), body, rule["type"])


def cjk_share(html: bytes) -> float:
    """Chinese characters among the visible characters of a page."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>|\s", "", html.decode("utf-8", "replace"), flags=re.S)
    return len(re.findall("[\u4e00-\u9fff]", text)) / max(1, len(text))


def encoded(capture: Capture, charset: str) -> Capture:
    """The page in another character set, declared in header and body; charset "" declares none in either."""
    declaration = re.compile(r"(<\?xml[^>]*\?>\s*)|<meta[^>]*charset=[^>]*>")
    text = declaration.sub("", capture.body.decode("utf-8"))
    if not charset:
        return replace(capture, body=text.encode("utf-8"), type="text/html")
    meta = f'<head><meta http-equiv="Content-Type" content="text/html; charset={charset}" />'
    body = text.replace("<head>", meta, 1).encode(charset, "xmlcharrefreplace")
    return replace(capture, body=body, type=f"text/html; charset={charset}")


def archive_members(captures: list[Capture], start: datetime, archive: str) -> Iterator[bytes]:
    """The gzip members of one archive: warcinfo, then request, response and metadata of each capture."""
    description = "format: WARC File Format 1.1\r\ndescription: built from Debian packages, not fetched\r\n"
    info = f"software: {USER_AGENT}\r\n{description}"
    yield member("warcinfo", f"{archive}.warc.gz", start, info.encode(), "application/warc-fields")
    for i, capture in enumerate(captures):
        date = start + timedelta(seconds=2 * i)
        details = b"fetchTimeMs: 120\r\ncharset-detected: unknown\r\n"
        request, response = http_request(capture.url), http_response(capture)
        yield member("request", capture.url, date, request, "application/http; msgtype=request")
        yield member("response", capture.url, date, response, "application/http; msgtype=response")
        yield member("metadata", capture.url, date, details, "application/warc-fields")


def http_request(url: str) -> bytes:
    parts = urlsplit(url)
    return f"GET {parts.path} HTTP/1.1\r\nUser-Agent: {USER_AGENT}\r\nHost: {parts.netloc}\r\n\r\n".encode()


def http_response(capture: Capture) -> bytes:
    moved = f"Location: {capture.location}\r\n" if capture.location else ""
    head = f"HTTP/1.1 {capture.status}\r\n{moved}Content-Type: {capture.type}\r\nContent-Length: {len(capture.body)}"
    return head.encode() + b"\r\n\r\n" + capture.body


def member(kind: str, url: str, date: datetime, block: bytes, content_type: str) -> bytes:
    """One record as one gzip member; its id follows from its type and URL, and no clock is read."""
    record = WarcRecord()
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{kind} {url}")
    record.init_headers(record_type=getattr(WarcRecordType, kind), record_urn=f"uuid:{identity}".encode())
    record.headers["WARC-Date"] = date.strftime("%Y-%m-%dT%H:%M:%SZ")
    record.headers["WARC-Filename" if kind == "warcinfo" else "WARC-Target-URI"] = url
    record.headers["Content-Type"] = content_type
    record.set_bytes_content(block)
    plain = io.BytesIO()
    record.write(plain, checksum_data=True)
    return gzip.compress(plain.getvalue(), 9, mtime=0)


def notice(sources: dict, licences: dict[str, str]) -> str:
    """The NOTICE: package, version, holders, licence and the packages' own words where they are short."""
    lines = [
        "The pages in en.warc.gz and zh.warc.gz are copied from the documentation packages of Debian named below.",
        "They keep their own licences; the licence of this project does not apply to them, nor theirs to it.",
        "sources.toml says which pages; the pages under `encoded` there were given another character set.",
        "The archives were built, not fetched: their dates, HTTP headers and error pages are made up.",
        "The source of every package, of exactly these versions: https://snapshot.debian.org/package/NAME/VERSION/",
        "Licence texts: GPL-2.0 https://www.gnu.org/licenses/old-licenses/gpl-2.0.txt,",
        "CC-BY-SA-3.0 https://creativecommons.org/licenses/by-sa/3.0/legalcode,",
        "PSF-2.0 https://docs.python.org/3.11/license.html, PostgreSQL https://www.postgresql.org/about/licence/,",
        "MIT https://opensource.org/license/mit. On Debian they are in /usr/share/common-licenses as well.",
    ]
    for package in sources["package"]:
        lines += ["", "-" * 100, f"{package['name']} {package['version']}", f"Copyright: {package['holders']}"]
        lines += [f"Licence:   {package['licence']}", ""]
        lines += [f"    {line}".rstrip() for line in own_words(package, licences[package["name"]])]
    return "\n".join(lines) + "\n"


def own_words(package: dict, copyright_file: str) -> list[str]:
    """The part of a package's copyright file that states the terms of its documents."""
    start = copyright_file.index(package.get("terms_start", ""))
    return copyright_file[start:].rstrip().splitlines()[: package.get("terms_lines", 50)]


if __name__ == "__main__":
    main(sys.argv[1:])

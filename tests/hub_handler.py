"""What the loopback hub of the tests answers to each request: see hub_server."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub_repo import Refused, Repo, entries_of

if TYPE_CHECKING:
    from tests.hub_server import Fault, HubServer

TOKEN = "hf_TheTokenThatMustNotAppearAnywhere"
_BLOCK = 1 << 20
_PAGE = 50  # entries of a tree in one answer
_SMALL_BYTES = 10_000_000  # larger files are LFS whatever their name, as on the hub


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HubServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        split = urlsplit(self.path)
        # As unquoted as the pattern needs it: a branch such as a/b comes with its slash quoted.
        request = f"{self.command} {split.path}"
        self.query = {name: values[0] for name, values in parse_qs(split.query).items()}
        self._left = int(self.headers.get("Content-Length", 0))
        with self.server.lock:
            self.server.requests.append(request)
            fault = self._fault(request)
        try:
            if fault is not None:
                fault.before()
            if fault is not None and fault.what == "cut":
                self.rfile.read(self._left // 2)
                raise ConnectionAbortedError
            if fault is not None and fault.what.isdigit():
                raise Refused(int(fault.what), "a fault that was asked for", headers=fault.headers)
            work = self._work(request)
            if fault is not None and fault.what == "lost":  # nothing of the answer may leave
                self._answer = lambda *_, **__: None  # type: ignore[method-assign]
                work()
                raise ConnectionAbortedError
            work()
        except Refused as error:
            self._answer(error.status, {"error": str(error)}, error.headers)
        except ConnectionError:
            self.close_connection = True
            self.connection.close()

    do_GET = do_HEAD = do_POST = do_PUT = _serve

    def _fault(self, request: str) -> Fault | None:
        for fault in self.server.faults:
            if fault.times and re.search(fault.request, request):
                fault.times -= 1
                return fault
        return None

    def _work(self, request: str) -> Callable[[], None]:
        for pattern, name in _ROUTES:
            match = re.fullmatch(pattern, request)
            if match is not None:
                groups = [unquote(group) for group in match.groups()]
                return lambda: getattr(self, name)(*groups)
        raise Refused(404, f"no such address: {request}")

    def _body(self) -> bytes:
        data, self._left = self.rfile.read(self._left), 0
        return data

    def _json(self) -> Any:
        return json.loads(self._body())

    def _answer(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self._body()  # what a refused request still sends
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else data)

    def _check(self, repo: Repo | None = None) -> None:
        """Whoever writes, or reads what is private, names the token."""
        told = self.headers.get("Authorization", "")
        if told and told != f"Bearer {TOKEN}":
            raise Refused(401, "Invalid credentials in Authorization header")
        if not told and (repo is None or repo.private):
            raise Refused(401, "Repository not found", "RepoNotFound")

    def whoami(self) -> None:
        """Who owns the token."""
        self._check()
        self._answer(200, {"type": "user", "name": "tester", "orgs": [{"name": "acme"}], "auth": {}})

    def create(self) -> None:
        """Make a repository."""
        self._check()
        body = self._json()
        name = f"{body.get('organization') or 'tester'}/{body['name']}"
        if body.get("organization") == "strangers":
            raise Refused(403, "You don't have the rights to create a dataset under this namespace")
        with self.server.lock:
            if name in self.server.repos:
                raise Refused(409, "You already created this dataset repo")
            private = body.get("visibility") == "private" or bool(body.get("private"))
            repo = self.server.repos[name] = Repo(private)
            data = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
            repo.add("main", {".gitattributes": self._keep(data)}, "initial commit")
        self._answer(200, {"url": f"{self.server.endpoint}/datasets/{name}", "name": name, "id": name})

    def _keep(self, data: bytes) -> dict[str, Any]:
        """Store a small file."""
        oid = _blob(data)
        (self.server.folder / "blobs" / oid).write_bytes(data)
        return {"oid": oid, "size": len(data)}

    def info(self, name: str, revision: str = "main") -> None:
        """What a repository is at a revision."""
        repo = self.server.repo(name)
        self._check(repo)
        files = repo.files_of(revision)
        body = {"id": name, "_id": "0" * 24, "sha": repo.commit_of(revision), "private": repo.private, "tags": []}
        siblings = [{"rfilename": path} for path in sorted(files)]
        body |= {"siblings": siblings, "downloads": 0, "likes": 0, "gated": False}
        self._answer(200, body | {"disabled": False, "author": name.split("/")[0]})

    def tree(self, name: str, revision: str, below: str = "") -> None:
        """The entries of a folder, a page at a time."""
        repo = self.server.repo(name)
        self._check(repo)
        files = repo.files_of(revision)
        prefix = below.strip("/") + "/" if below.strip("/") else ""
        if prefix and not any(path.startswith(prefix) for path in files):
            raise Refused(404, "Entry not found", "EntryNotFound")
        deep = self.query.get("recursive", "").lower() == "true"
        entries = [entry for entry in entries_of(files) if entry["path"].startswith(prefix)]
        entries = [entry for entry in entries if deep or "/" not in entry["path"][len(prefix) :]]
        start = int(self.query.get("cursor", 0))
        headers = {}
        if start + _PAGE < len(entries):
            path = urlsplit(self.path).path
            again = f"recursive={deep}&cursor={start + _PAGE}"
            headers["Link"] = f'<{self.server.endpoint}{path}?{again}>; rel="next"'
        self._answer(200, entries[start : start + _PAGE], headers)

    def paths(self, name: str, revision: str) -> None:
        """The entries of named paths."""
        repo = self.server.repo(name)
        self._check(repo)
        body = self._body().decode()
        kind = self.headers.get("Content-Type", "")
        asked = json.loads(body)["paths"] if "json" in kind else parse_qs(body).get("paths", [])
        entries = {entry["path"]: entry for entry in entries_of(repo.files_of(revision))}
        self._answer(200, [entries[path] for path in asked if path in entries])

    def refs(self, name: str) -> None:
        """The branches."""
        repo = self.server.repo(name)
        self._check(repo)
        found = [{"name": n, "ref": f"refs/heads/{n}", "targetCommit": c} for n, c in repo.branches.items()]
        self._answer(200, {"branches": found, "converts": [], "tags": []})

    def branch(self, name: str, branch: str) -> None:
        """Make a branch of main."""
        self._check()
        repo = self.server.repo(name)
        if branch in repo.branches:
            raise Refused(409, "Reference already exists")
        repo.branches[branch] = repo.branches["main"]
        self._answer(200)

    def preupload(self, name: str, revision: str) -> None:
        """How each file is to come."""
        self._check()
        files = self.server.repo(name).files_of(revision)
        told = []
        for file in self._json()["files"]:
            large = file["size"] > _SMALL_BYTES or (file["path"].endswith(".parquet") and not self.server.small_parquet)
            there = files.get(file["path"], {})
            oid = there.get("sha256") or there.get("oid")
            mode = "lfs" if large else "regular"
            told.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._answer(200, {"files": told})

    def batch(self, name: str) -> None:
        """Where to send objects; nothing for those that are there."""
        self._check()
        self.server.repo(name)
        told: list[dict[str, Any]] = []
        for wanted in self._json()["objects"]:
            place = self.server.folder / "objects" / wanted["oid"]
            there = place.exists() and place.stat().st_size == wanted["size"]
            told.append(wanted if there else wanted | {"actions": self._actions(wanted)})
        self._answer(200, {"transfer": "basic", "objects": told})

    def _actions(self, wanted: dict[str, Any]) -> dict[str, Any]:
        at, chunk = f"{self.server.endpoint}/lfs/{wanted['oid']}", self.server.chunk_bytes
        verify = {"href": f"{at}/verify"}
        if chunk is None or wanted["size"] <= chunk:
            return {"upload": {"href": f"{at}?X-Amz-Signature=abc"}, "verify": verify}
        numbers = range(1, -(-wanted["size"] // chunk) + 1)
        header = {"chunk_size": str(chunk), **{str(n): f"{at}/part/{n}?X-Amz-Signature=abc" for n in numbers}}
        return {"upload": {"href": f"{at}/complete", "header": header}, "verify": verify}

    def _receive(self, place: Path) -> str:
        """Store what is sent; returns its sha256."""
        digest, scratch = hashlib.sha256(), place.with_name(f"{place.name}.{uuid.uuid4().hex}")
        size = self._left
        with scratch.open("wb") as out:
            while self._left:
                block = self.rfile.read(min(_BLOCK, self._left))
                if not block:
                    scratch.unlink()
                    raise ConnectionAbortedError
                self._left -= len(block)
                self.server.take(len(block))
                digest.update(block)
                out.write(block)
        scratch.replace(place)
        with self.server.lock:
            self.server.uploaded += size
        return digest.hexdigest()

    def put(self, oid: str) -> None:
        """An object in one piece."""
        if self._receive(self.server.folder / "objects" / oid) != oid:
            (self.server.folder / "objects" / oid).unlink()
            raise Refused(400, "the sha256 of what was sent is another")
        self._answer(200)

    def part(self, oid: str, number: str) -> None:
        """A part of an object."""
        self._answer(200, headers={"ETag": self._receive(self.server.folder / "parts" / f"{oid}-{number}")})

    def complete(self, oid: str) -> None:
        """Join the parts of an object."""
        place, digest = self.server.folder / "objects" / oid, hashlib.sha256()
        with place.open("wb") as out:
            for one in self._json()["parts"]:
                part = self.server.folder / "parts" / f"{oid}-{one['partNumber']}"
                digest.update(part.read_bytes())
                out.write(part.read_bytes())
                part.unlink()
        if digest.hexdigest() != oid:
            place.unlink()
            raise Refused(400, "the sha256 of the parts is another")
        self._answer(200, {})

    def verify(self, oid: str) -> None:
        """Whether an object is whole."""
        self._check()
        place = self.server.folder / "objects" / oid
        if not place.exists() or place.stat().st_size != self._json()["size"]:
            raise Refused(404, "no such object")
        self._answer(200)

    def yaml(self) -> None:
        """Check the head of a card."""
        import yaml

        body = self._json()["content"]
        match = re.match(r"---\n(.*?)\n---\n", body, re.DOTALL)
        errors = [] if match and isinstance(yaml.safe_load(match[1]), dict) else [{"message": "no metadata"}]
        self._answer(400 if errors else 200, {"errors": errors, "warnings": []})

    def commit(self, name: str, revision: str) -> None:
        """Add and remove files at once."""
        self._check()
        lines = [json.loads(line) for line in self._body().splitlines()]
        with self.server.lock:
            repo = self.server.repo(name)
            if revision not in repo.branches:
                raise Refused(404, "Invalid rev id", "RevisionNotFound")
            head = lines[0]["value"]
            if head.get("parentCommit") not in (None, repo.branches[revision]):
                raise Refused(412, "A commit has happened since. Please refresh and try again.")
            files = dict(repo.files_of(revision))
            for line in lines[1:]:
                self._apply(files, line["key"], line["value"])
            oid = repo.add(revision, files, head["summary"])
        url = f"{self.server.endpoint}/datasets/{name}/commit/{oid}"
        self._answer(200, {"success": True, "commitOid": oid, "commitUrl": url})

    def _apply(self, files: dict[str, dict[str, Any]], key: str, value: dict[str, Any]) -> None:
        if key == "file":
            files[value["path"]] = self._keep(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            place = self.server.folder / "objects" / value["oid"]
            if not place.exists():
                raise Refused(400, f"LFS pointer pointed to a file that does not exist: {value['path']}")
            size = place.stat().st_size
            pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{value['oid']}\nsize {size}\n"
            files[value["path"]] = {"oid": _blob(pointer.encode()), "size": size, "sha256": value["oid"]}
        elif key == "deletedFile":
            if files.pop(value["path"], None) is None:
                raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
        else:
            raise Refused(400, f"unknown operation {key}")

    def resolve(self, name: str, revision: str, path: str) -> None:
        """A file, or a range of it."""
        repo = self.server.repo(name)
        self._check(repo)
        files = repo.files_of(revision)
        if path not in files:
            raise Refused(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": repo.commit_of(revision)})
        file = files[path]
        start, end = 0, file["size"]
        ranged = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if ranged:
            start, end = int(ranged[1]), min(end, int(ranged[2] or end) + 1) if ranged[2] else end
        etag = file.get("sha256") or file["oid"]
        self.send_response(206 if ranged else 200)
        for key, value in {
            "ETag": f'"{etag}"', "X-Linked-Etag": f'"{etag}"', "X-Linked-Size": file["size"], "Accept-Ranges": "bytes",
            "X-Repo-Commit": repo.commit_of(revision), "Content-Length": max(0, end - start),
            "Content-Type": "application/octet-stream",
            **({"Content-Range": f"bytes {start}-{end - 1}/{file['size']}"} if ranged else {}),
        }.items():  # fmt: skip
            self.send_header(key, str(value))
        self.end_headers()
        if self.command != "HEAD":
            with self.server.place(file).open("rb") as stream:
                stream.seek(start)
                while start < end and (block := stream.read(min(_BLOCK, end - start))):
                    self.wfile.write(block)
                    start += len(block)


_NAME = r"([\w.-]+/[\w.-]+)"
_ROUTES = (
    (r"GET /api/whoami-v2", "whoami"),
    (r"POST /api/repos/create", "create"),
    (r"POST /api/validate-yaml", "yaml"),
    (rf"GET /api/datasets/{_NAME}", "info"),
    (rf"GET /api/datasets/{_NAME}/revision/([^/]+)", "info"),
    (rf"GET /api/datasets/{_NAME}/tree/([^/]+)", "tree"),
    (rf"GET /api/datasets/{_NAME}/tree/([^/]+)/(.*)", "tree"),
    (rf"POST /api/datasets/{_NAME}/paths-info/([^/]+)", "paths"),
    (rf"GET /api/datasets/{_NAME}/refs", "refs"),
    (rf"POST /api/datasets/{_NAME}/branch/([^/]+)", "branch"),
    (rf"POST /api/datasets/{_NAME}/preupload/([^/]+)", "preupload"),
    (rf"POST /api/datasets/{_NAME}/commit/([^/]+)", "commit"),
    (rf"POST /datasets/{_NAME}\.git/info/lfs/objects/batch", "batch"),
    (r"PUT /lfs/([0-9a-f]{64})", "put"),
    (r"PUT /lfs/([0-9a-f]{64})/part/(\d+)", "part"),
    (r"POST /lfs/([0-9a-f]{64})/complete", "complete"),
    (r"POST /lfs/([0-9a-f]{64})/verify", "verify"),
    (rf"(?:GET|HEAD) /datasets/{_NAME}/resolve/([^/]+)/(.+)", "resolve"),
)

"""A repository of the loopback hub: its commits with their files, its branches, and how a tree lists them."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, dict(headers or {})
        self.headers |= {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})


@dataclass
class Repo:
    """A repository: its commits, each with its files, and where its branches are."""

    private: bool
    commits: dict[str, dict[str, Any]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def commit_of(self, revision: str) -> str:
        """The commit that a branch or a commit's name means."""
        commit = self.branches.get(revision, revision)
        if commit not in self.commits:
            raise Refused(404, "Invalid rev id", "RevisionNotFound")
        return commit

    def files_of(self, revision: str) -> dict[str, dict[str, Any]]:
        """Its files by path."""
        return self.commits[self.commit_of(revision)]["files"]

    def add(self, branch: str, files: dict[str, dict[str, Any]], title: str) -> str:
        """Make a commit and set the branch to it."""
        oid = hashlib.sha1(uuid.uuid4().bytes).hexdigest()
        self.commits[oid] = {"files": files, "title": title, "parent": self.branches.get(branch)}
        self.branches[branch] = oid
        return oid


def entries_of(files: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Files and the folders above them, as a tree lists them."""
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    found: list[dict[str, Any]] = [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders]
    for path, file in files.items():
        entry = {"type": "file", "path": path, "oid": file["oid"], "size": file["size"]}
        if "sha256" in file:
            entry["lfs"] = {"oid": file["sha256"], "size": file["size"], "pointerSize": 134}
        found.append(entry)
    return sorted(found, key=lambda entry: entry["path"])

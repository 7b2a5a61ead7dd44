"""`publish` to a hub on loopback through its real client: one commit, resumed, repeated, refused; loaded back."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from manifests.store import Store
from tests.children import child, copy
from tests.command_line import refused
from tests.governance.test_refine_large import JUNK, TEXT, Writer, settings
from tests.hub_handler import TOKEN
from tests.hub_server import Fault, HubServer
from tests.llm_server import llm_server
from tests.published_corpus import NAMES, rows_of, take_down, write_l3
from tests.publisher import ROOT, Publisher, environment

DATA = "data/ultrafineweb_"


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    """L3 of two dumps, two shards each: eight files, all of them small."""
    output = str(tmp_path / "corpus")
    for dump in ("old", "new"):
        write_l3(Store(output), {name: rows_of(dump, name, 24) for name in ("a", "b")}, dump)
    return output


@pytest.fixture
def publish(publisher: Publisher, corpus: str) -> Any:
    """Publish the corpus to acme/web."""

    def call(*words: str, **env: str) -> Any:
        return publisher("publish", corpus, "--repo-id", "acme/web", *words, **env)

    return call


def files(hub: HubServer, repo: str = "acme/web", branch: str = "main") -> list[str]:
    """The Parquet files of a branch."""
    return sorted(path for path in hub.repos[repo].files_of(branch) if path.endswith(".parquet"))


def published(hub: HubServer, repo: str = "acme/web", branch: str = "main") -> dict[str, dict[str, Any]]:
    """The rows of all Parquet files of a branch by uid."""
    found = [
        row for path in files(hub, repo, branch)
        for row in pq.read_table(hub.place(hub.repos[repo].files_of(branch)[path])).to_pylist()
    ]  # fmt: skip
    assert len({row["uid"] for row in found}) == len(found)
    return {row["uid"]: row for row in found}


def local(output: str) -> dict[str, dict[str, Any]]:
    """The rows of L3 by uid."""
    found = [row for path in Path(output, "L3/data").rglob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return {row["uid"]: row for row in found}


def commits(hub: HubServer, repo: str = "acme/web") -> int:
    """The commits of a repository but the one it is made with."""
    return len(hub.repos[repo].commits) - 1


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A corpus as a run writes it, with every kind of row in both languages."""
    folder = tmp_path_factory.mktemp("built")
    texts = [{"content": f"{JUNK[lang]}\n{TEXT[lang]}", "url": f"https://example.org/{lang}"} for lang in TEXT]
    documents, output = folder / "documents.jsonl", str(folder / "out")
    documents.write_text("\n".join(json.dumps(text, ensure_ascii=False) for text in texts), encoding="utf-8")
    with llm_server() as server:
        server.write = Writer()
        assert child(documents, output, "L3", settings(server))[0] == 0
    return output


def test_a_corpus_that_was_built_is_published_in_one_commit_and_loads_back_by_its_published_names(
    hub: HubServer, built: str, tmp_path: Path
) -> None:
    env = environment(hub.endpoint, tmp_path)
    command = [sys.executable, "-m", "governance.cli", "publish", built, "--repo-id", "acme/web", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(NAMES) <= {one["name"] for one in told["configurations"]}
    assert told["commit"] == hub.repos["acme/web"].branches["main"] and commits(hub) == 1
    assert published(hub) == local(built)
    assert loaded(env, NAMES) == {
        one["name"]: [local(built)[uid]["content"] for uid in uids_of(hub, one["folder"])]
        for one in told["configurations"]
        if one["name"] in NAMES
    }


def test_tiers_are_published_side_by_side_and_a_tier_that_is_not_named_any_more_leaves(
    hub: HubServer, publisher: Publisher, built: str
) -> None:
    words = ("publish", built, "--repo-id", "acme/web", "--json")
    told = json.loads(publisher(*words, "--tier", "L2", "--tier", "L3").out)
    assert {"Ultra-FineWeb-L2-en", "Ultra-FineWeb-L2-zh", *NAMES} <= {one["name"] for one in told["configurations"]}
    parts = [path for path in Path(built, "L2").rglob("*.parquet") if "/data/" in str(path)]
    lower = {row["uid"]: row for path in parts for row in pq.read_table(path).to_pylist()}
    assert len(lower) == 2 and published(hub) == lower | local(built)
    again = json.loads(publisher(*words).out)
    assert again["files"]["removed"] == 2 and again["files"]["added"] == 0 and published(hub) == local(built)


def uids_of(hub: HubServer, folder: str) -> list[str]:
    found = [path for path in files(hub) if path.rpartition("/")[0] == folder]
    places = [hub.place(hub.repos["acme/web"].files_of("main")[path]) for path in found]
    return [uid for place in places for uid in pq.read_table(place)["uid"].to_pylist()]


def loaded(env: dict[str, str], names: list[str]) -> dict[str, list[str]]:
    """The texts of each configuration, as `datasets` gives them."""
    code = (
        "import datasets, json, sys; datasets.disable_progress_bars(); "
        "load = lambda name: datasets.load_dataset('acme/web', name, split='train')['content']; "
        f"print(json.dumps({{name: list(load(name)) for name in {names!r}}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_second_publish_sends_nothing_and_a_new_dump_sends_only_its_own_files(
    hub: HubServer, publish: Any, corpus: str
) -> None:
    first = json.loads(publish("--json").out)
    sent, before = hub.uploaded, files(hub)
    assert first["files"] == {"added": 8, "unchanged": 0, "removed": 0} and sent == first["compacted_bytes"]
    hub.requests.clear()
    again = json.loads(publish("--json").out)
    assert again["commit"] == first["commit"] and not again["changed"] and commits(hub) == 1
    assert again["compacted_bytes"] == 0 and hub.uploaded == sent
    assert not [request for request in hub.requests if not request.startswith(("GET", "HEAD"))]
    write_l3(Store(corpus), {"c": rows_of("newest", "c", 24)}, "newest")
    more = json.loads(publish("--json").out)
    assert more["files"] == {"added": 4, "unchanged": 8, "removed": 0} and commits(hub) == 2
    assert set(before) < set(files(hub)) and published(hub) == local(corpus)


def test_rows_that_were_taken_down_are_never_sent_and_leave_with_the_next_commit(
    hub: HubServer, publish: Any, corpus: str
) -> None:
    row, other = list(local(corpus).values())[:2]
    assert publish().code == 0
    take_down(Store(corpus), [row["uid"], other["parent_uid"]])
    told = json.loads(publish("--json").out)
    gone = {uid for uid, one in local(corpus).items() if row["uid"] == uid or one["parent_uid"] == other["parent_uid"]}
    assert set(local(corpus)) - set(published(hub)) == gone and len(gone) >= 2
    assert told["files"]["removed"] == told["files"]["added"] > 0 and told["files"]["unchanged"] > 0
    assert commits(hub) == 2 and json.loads(publish("--json").out)["files"]["added"] == 0


def test_a_shard_that_was_taken_down_whole_leaves_no_file(hub: HubServer, publish: Any, corpus: str) -> None:
    rows = local(corpus).values()
    take_down(Store(corpus), [row["parent_uid"] for row in rows if row["source"] == "old"])
    assert publish().code == 0
    assert len(files(hub)) == 4 and {row["source"] for row in published(hub).values()} == {"new"}
    assert not json.loads(publish("--json").out)["changed"]
    take_down(Store(corpus), [row["parent_uid"] for row in rows if row["source"] == "new"])
    assert publish().code == 0
    assert files(hub) == [] and b"No row is left" in hub.content("acme/web", "README.md")


@pytest.mark.parametrize("chunk_bytes", [None, 3000], ids=["whole", "in parts"])
def test_faults_that_pass_are_survived_while_files_are_sent(
    hub: HubServer, publish: Any, corpus: str, chunk_bytes: int | None
) -> None:
    hub.chunk_bytes = chunk_bytes
    hub.faults = [
        Fault("PUT /lfs/", "500"), Fault("PUT /lfs/", "cut", 2), Fault("POST .*/preupload", "503"),
        Fault("PUT /lfs/", "429", headers={"Retry-After": "0"}), Fault("GET /api/datasets", "500"),
        Fault("POST .*/batch", "502"),
    ]  # fmt: skip
    assert publish().code == 0
    assert not any(fault.times for fault in hub.faults)
    assert commits(hub) == 1 and published(hub) == local(corpus)


@pytest.mark.parametrize("what", ["500", "429", "lost", "cut"])
def test_a_commit_that_is_refused_or_whose_answer_is_lost_is_made_once(
    hub: HubServer, publish: Any, corpus: str, what: str
) -> None:
    hub.faults = [Fault("POST .*/commit", what, headers={"Retry-After": "1"})]
    said = publish("--json")
    assert said.code == 0, said.err
    assert hub.faults[0].times == 0 and commits(hub) == 1 and published(hub) == local(corpus)
    assert json.loads(said.out)["commit"] == hub.repos["acme/web"].branches["main"]


def test_an_upload_that_fails_in_the_end_is_told_once_and_the_next_try_sends_only_the_rest(
    hub: HubServer, publish: Any, corpus: str
) -> None:
    hub.faults = [Fault("PUT /lfs/[0-7]", "400", 100)]
    said = publish()
    refused(said, 1, "the upload of", "a fault that was asked for")
    assert commits(hub) == 0 and files(hub) == []
    there, hub.faults = {path.name for path in (hub.folder / "objects").iterdir()}, []
    hub.requests.clear()
    assert publish().code == 0
    assert not [request for request in hub.requests if request.startswith("PUT") and request[9:] in there]
    assert commits(hub) == 1 and published(hub) == local(corpus)


def test_a_publish_that_was_killed_goes_on_and_leaves_no_file_behind(
    hub: HubServer, publisher: Publisher, corpus: str, tmp_path: Path
) -> None:
    hub.faults = [Fault("PUT /lfs/", "500", 1000)]  # the client waits between its tries
    words = ("publish", corpus, "--repo-id", "acme/web", "--work", str(tmp_path / "work"))
    pid = publisher.start(*words)
    while not any(request.startswith("PUT") for request in hub.requests):
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    assert publisher.wait().code == -signal.SIGKILL
    assert list((tmp_path / "work").glob("*.parquet")) and files(hub) == []
    hub.faults = []
    assert publisher(*words).code == 0
    assert list((tmp_path / "work").glob("*.parquet")) == []
    assert commits(hub) == 1 and published(hub) == local(corpus)


def test_files_that_the_hub_takes_for_small_travel_with_the_commit(hub: HubServer, publish: Any, corpus: str) -> None:
    hub.small_parquet = True
    hub.faults = [Fault("POST .*/commit", "lost")]
    assert publish().code == 0
    assert hub.uploaded == 0 and published(hub) == local(corpus) and commits(hub) == 1
    assert not json.loads(publish("--json").out)["changed"]


def test_a_branch_of_its_own_a_private_repository_and_strange_files(hub: HubServer, publish: Any, corpus: str) -> None:
    assert publish("--private", "--revision", "v2").code == 0
    repo = hub.repos["acme/web"]
    assert repo.private and files(hub) == [] and published(hub, branch="v2") == local(corpus)
    # What readers would take for rows goes, what is somebody's own stays.
    stray = {f"{DATA}en_l3/qa/stray.parquet": repo.files_of("v2")[files(hub, branch="v2")[0]]}
    own = {"LICENSE": repo.files_of("v2")["README.md"]}
    repo.add("v2", repo.files_of("v2") | stray | own, "by hand")
    told = json.loads(publish("--private", "--revision", "v2", "--json").out)
    assert told["files"]["removed"] == 1 and "LICENSE" in repo.files_of("v2")
    assert not set(stray) & set(repo.files_of("v2"))
    repo.private = False
    refused(publish("--private"), 1, "is public, and a private one is asked for")


def test_somebody_elses_commit_is_not_overwritten(hub: HubServer, publish: Any, corpus: str) -> None:
    def meanwhile() -> None:
        hub.repos["acme/web"].add("main", hub.repos["acme/web"].files_of("main"), "somebody else's")

    hub.faults = [Fault("POST .*/commit", "", before=meanwhile)]
    refused(publish(), 1, "somebody else changed main of acme/web meanwhile", "run the same command again")
    assert files(hub) == []
    assert publish().code == 0 and published(hub) == local(corpus)


@pytest.mark.parametrize(
    ("damage", "piece"),
    [
        (lambda store: store.delete(["L3/new/manifest.json"]), "not sealed: the run that builds it did not end"),
        (lambda store: edit(store, "L3/new/manifest.json", rows=3), "its manifest says 3 rows in 12 parts"),
        (lambda store: edit(store, "L3/new/manifest.json", ledger=[]), "do not add up"),
        (lambda store: edit(store, "L3/new/manifest.json", fingerprint="0"), "the fingerprint of its manifest"),
        (lambda store: edit(store, "L2/new/manifest.json", fingerprint="0"), "built again since"),
        (lambda store: store.delete(["L3/new/_shards/data/part-00001.json"]), "its records 24 in 6"),
        (lambda store: flip(store), "is damaged: its sha256 is not the recorded one"),
        (lambda store: store.delete([first_part(store)]), "cannot read"),
    ],
)
def test_a_tier_that_is_not_sealed_or_does_not_verify_is_refused_with_the_figures(
    hub: HubServer, publish: Any, corpus: str, damage: Any, piece: str
) -> None:
    damage(Store(corpus))
    said = publish("--json")
    refused(said, 1, piece)
    assert not hub.repos or commits(hub) == 0


def edit(store: Store, path: str, **values: Any) -> None:
    store.put(path, json.dumps(json.loads(store.get(path)) | values).encode())


def first_part(store: Store) -> str:
    return min(item.path for item in store.list("L3/data"))


def flip(store: Store) -> None:
    path = first_part(store)
    body = store.get(path)
    store.put(path, body[:50] + bytes([body[50] ^ 1]) + body[51:])


@pytest.mark.parametrize(
    ("words", "env", "code", "pieces"),
    [
        (("--repo-id", "web"), {}, 2, ["names no repository"]),
        (("--tier", "L1"), {}, 2, ["holds no L1"]),
        (("--repo-id", "strangers/web"), {}, 1, ["don't have the rights", "another --repo-id"]),
        ((), {"HF_TOKEN": ""}, 1, ["no token for the hub", "hf auth login"]),
        ((), {"HF_TOKEN": f"{TOKEN}x"}, 1, ["401", "HF_TOKEN"]),
        ((), {"HF_TOKEN": f"{TOKEN} y"}, 1, ["HF_TOKEN"]),
    ],
)
def test_what_cannot_be_published_is_refused_with_the_remedy(
    hub: HubServer, publish: Any, words: tuple[str, ...], env: dict[str, str], code: int, pieces: list[str]
) -> None:
    refused(publish(*words, **env), code, *pieces)


def test_the_token_is_nowhere(hub: HubServer, publisher: Publisher, corpus: str, tmp_path: Path) -> None:
    bad = f"{TOKEN}\u00e9"
    talkative = {"HF_DEBUG": "1", "HF_HUB_VERBOSITY": "debug"}
    for words, env in (((), {}), (("--json",), talkative), ((), {"HF_TOKEN": bad})):
        hub.faults = [Fault("PUT /lfs/", "500", 1), Fault("POST .*/commit", "401", 1)]
        publisher("publish", corpus, "--repo-id", "acme/web", "--work", str(tmp_path / "work"), *words, **env)
        (hub.folder / "objects").joinpath("x").write_bytes(b"")
    places = [publisher.folder, tmp_path, hub.folder]
    found = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(found) > 20 and not [path for path in found if TOKEN.encode() in path.read_bytes()]


def test_from_a_bucket_and_into_a_folder_of_choice(
    hub: HubServer, publisher: Publisher, corpus: str, s3_server: Any, tmp_path: Path
) -> None:
    url = f"{s3_server.url}/{tmp_path.name}"
    copy(corpus, url)
    words = ("publish", url, "--repo-id", "acme/web", "--work", str(tmp_path / "work"))
    told = json.loads(publisher(*words, "--json").out)
    assert told["work"] == str(tmp_path / "work") and published(hub) == local(corpus)
    assert not json.loads(publisher(*words, "--json").out)["changed"]


def test_a_dry_run_lists_the_files_shows_the_card_and_asks_no_hub(hub: HubServer, publish: Any, corpus: str) -> None:
    told = json.loads(publish("--dry-run", "--json", "--contact", "data@example.org", HF_TOKEN="").out)
    assert not hub.requests and not hub.repos
    assert sum(one["rows"] for one in told["files"]) == len(local(corpus)) and len(told["files"]) == 8
    sizes = sum(path.stat().st_size for path in Path(corpus, "L3/data").rglob("*.parquet"))
    assert sum(one["about_bytes"] for one in told["files"]) == sizes
    assert "data@example.org" in told["card"] and told["warnings"]
    shown = publish("--dry-run", HF_TOKEN="").out
    assert NAMES[0] in shown and "README.md" in shown and "about" in shown


def test_two_publishes_at_once_do_not_share_a_folder(hub: HubServer, publish: Any, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(publish("--work", str(work)), 1, "another publish is at work")
    assert publish("--work", str(work)).code == 0

"""A hub on the loopback device: enough of the Hugging Face API for `huggingface_hub` to download from.

It answers ``/api/models/{id}/revision/{rev}`` (commit), ``/api/models/{id}/tree/{rev}`` (listing),
and ``/{id}/resolve/{rev}/{file}`` (HEAD and GET), logs what was asked for, and can break a download.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

Fault = Literal["short", "cut", "error"]

_ROUTE = re.compile(
    r"/(?:api/models/(?P<api_id>[^/]+/[^/]+)(?:/(?P<kind>revision|tree)/(?P<api_revision>[^/]+))?"
    r"|(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+))"
)


def commit_of(revision: str) -> str:
    """Return the commit that a branch of the served repository is at."""
    return hashlib.sha1(revision.encode(), usedforsecurity=False).hexdigest()


@dataclass
class Hub:
    """A running hub.

    Attributes:
        endpoint: Its address, for ``HF_ENDPOINT``.
        repo_id: The one repository it has.
        branches: The folder served at each branch.
        fetched: The files whose bodies were sent, in order.
        faults: What to do to a file instead: send a ``short`` body of honest length, ``cut`` the
            body off, or answer with an internal ``error``.
    """

    endpoint: str
    repo_id: str
    branches: dict[str, Path]
    fetched: list[str] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)

    def folder(self, revision: str) -> tuple[str, Path] | None:
        """Return commit and folder of a branch or commit."""
        for branch, folder in self.branches.items():
            if revision in (branch, commit_of(branch)):
                return commit_of(branch), folder
        return None


@contextmanager
def serve_hub(branches: dict[str, Path], *, repo_id: str = "acme/tiny") -> Iterator[Hub]:
    """Serve folders as the branches of one repository for as long as the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = Hub(f"http://127.0.0.1:{server.server_port}", repo_id=repo_id, branches=branches)
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        return hub

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        """Answer like GET, without the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer one of the three questions."""
        route = _ROUTE.fullmatch(unquote(urlsplit(self.path).path))
        if route is None or (route["id"] or route["api_id"]) != self.hub.repo_id:
            return self._refuse(404, "RepoNotFound")
        found = self.hub.folder(route["revision"] or route["api_revision"] or "main")
        if found is None:
            return self._refuse(404, "RevisionNotFound")
        commit, folder = found
        if route["file"]:
            return self._file(folder / route["file"], commit, name=route["file"])
        listing = _listing(folder)
        siblings = [{"rfilename": entry["path"]} for entry in listing]
        answer = {"id": self.hub.repo_id, "sha": commit, "siblings": siblings}
        return self._json(listing if route["kind"] == "tree" else answer)

    def _file(self, path: Path, commit: str, *, name: str) -> None:
        if not path.is_file():
            return self._refuse(404, "EntryNotFound")
        body = path.read_bytes()
        fault = None if self.command == "HEAD" else self.hub.faults.get(name)
        if fault == "error":
            return self._refuse(500, "Broken")
        sent = body[: len(body) // 2] if fault else body
        length = len(sent) if fault == "short" else len(body)
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": commit}
        self._head(200, length, headers=headers)
        if self.command == "GET":
            self.hub.fetched.append(name)
            self.wfile.write(sent)
            self.close_connection = fault is not None
        return None

    def _json(self, answer: object) -> None:
        body = json.dumps(answer).encode()
        self._head(200, len(body), headers={"Content-Type": "application/json"})
        self.wfile.write(body)

    def _refuse(self, status: int, code: str) -> None:
        self._head(status, 0, headers={"X-Error-Code": code, "X-Error-Message": code})

    def _head(self, status: int, length: int, *, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(key, value)
        self.end_headers()


def _listing(folder: Path) -> list[dict[str, str | int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        {
            "type": "file",
            "path": path.relative_to(folder).as_posix(),
            "size": path.stat().st_size,
            "oid": hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest(),
        }
        for path in files
    ]

"""A hub of models on the loopback: the protocol that huggingface_hub speaks, with faults on demand."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "89abcdef0123456789abcdef0123456789abcdef"
_API = re.compile(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_PIECE = 1 << 14


@dataclass
class Fault:
    """What goes wrong with the requests for a path that ends in a word, some times.

    Attributes:
        path: the end of the path.
        times: how often.
        status: of the answer in place of the right one.
        headers: of it.
        close_after: bytes after which the connection is closed.
        hold_after: bytes after which the server waits until it is let go.
        flip: whether a byte of the content is another one.
        whole: whether all is sent, whatever part is asked for.
    """

    path: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    close_after: int | None = None
    hold_after: int | None = None
    flip: bool = False
    whole: bool = False


@dataclass
class Sent:
    """A request that was answered: its method and path, the first byte that was asked for, the bytes that were sent."""

    method: str
    path: str
    first: int
    bytes: int = 0
    token: str = ""


class HubServer:
    """The hub: repositories by commit, what was asked of it, and the faults to come.

    Files of at least ``large`` bytes are kept as large files are: by SHA-256, behind another address.
    """

    def __init__(self, large: int = 1000) -> None:
        self.large = large
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.newest: dict[str, str] = {}
        self.sent: list[Sent] = []
        self.faults: list[Fault] = []
        self.let_go = threading.Event()
        self.tells_hashes = True
        self.lies = ""  # a commit that it names in place of the right one
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def add(self, repository: str, files: dict[str, bytes], commit: str = COMMIT) -> None:
        """Put files into a repository, as its newest commit."""
        self.repositories.setdefault(repository, {})[commit] = files
        self.newest[repository] = commit

    def close(self) -> None:
        self.let_go.set()
        self._server.shutdown()
        self._server.server_close()

    def bytes_of(self, name: str) -> list[int]:
        """The bytes that were sent of a file, by request that gave any."""
        return [
            one.bytes for one in self.sent if one.method == "GET" and one.path.endswith(name) and one.bytes
        ]

    def fault(self, path: str, of_content: bool) -> Fault | None:
        """Return the next fault of a path: of what a file holds, or another answer."""
        for one in self.faults:
            if one.times and path.endswith(one.path) and of_content == (not one.status):
                one.times -= 1
                return one
        return None


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        found = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        sent = Sent(self.command, path, int(found[1]) if found else 0)
        sent.token = self.headers.get("Authorization", "")
        self.hub.sent.append(sent)
        if fault := self.hub.fault(path, of_content=False):
            self._head(fault.status, {**fault.headers, "Content-Length": "0"})
        elif found := _API.fullmatch(path):
            self._repository(found[1], found[2] or "")
        elif found := _FILE.fullmatch(path):
            self._file(found[1], found[2], found[3], sent)
        elif path.startswith("/cdn/"):
            self._large(path, sent)
        else:
            self._missing("RepoNotFound")

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _missing(self, code: str) -> None:
        self._head(404, {"X-Error-Code": code, "X-Error-Message": code, "Content-Length": "0"})

    def _commit(self, repository: str, revision: str) -> str | None:
        commits = self.hub.repositories.get(repository, {})
        known = self.hub.newest.get(repository) if revision in ("", "main") else revision
        if not commits:
            self._missing("RepoNotFound")
        elif known not in commits:
            self._missing("RevisionNotFound")
        else:
            return known
        return None

    def _repository(self, repository: str, revision: str) -> None:
        commit = self._commit(repository, revision)
        if commit is None:
            return
        siblings = []
        for name, content in self.hub.repositories[repository][commit].items():
            one: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob(content)}
            if len(content) >= self.hub.large:
                one["lfs"] = {"size": len(content), "sha256": sha256(content), "pointerSize": 134}
                one["blobId"] = blob(b"pointer")
            siblings.append(one if self.hub.tells_hashes else {"rfilename": name})
        told = {
            "id": repository,
            "sha": self.hub.lies or commit,
            "siblings": siblings,
            "cardData": {"license": "mit"},
        }
        text = json.dumps(told).encode()
        self._head(200, {"Content-Type": "application/json", "Content-Length": str(len(text))})
        self.wfile.write(text)

    def _file(self, repository: str, revision: str, name: str, sent: Sent) -> None:
        commit = self._commit(repository, revision)
        if commit is None:
            return
        content = self.hub.repositories[repository][commit].get(name)
        if content is None:
            self._missing("EntryNotFound")
            return
        headers = {"X-Repo-Commit": commit}
        if len(content) < self.hub.large:
            self._content(content, headers | {"ETag": f'"{blob(content)}"'}, sent)
            return
        self._head(
            302,
            headers
            | {
                "Location": f"/cdn/{sha256(content)}/{name}",
                "X-Linked-Etag": f'"{sha256(content)}"',
                "X-Linked-Size": str(len(content)),
                "X-Xet-Hash": "f" * 64,
                "Content-Length": "0",
            },
        )

    def _large(self, path: str, sent: Sent) -> None:
        held = [files for commits in self.hub.repositories.values() for files in commits.values()]
        named = {f"/cdn/{sha256(each)}/{name}": each for files in held for name, each in files.items()}
        self._content(named[path], {"ETag": f'"{sha256(named[path])}"'}, sent)

    def _content(self, content: bytes, headers: dict[str, str], sent: Sent) -> None:
        fault = self.hub.fault(sent.path, of_content=True)
        if fault is not None and fault.flip:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if fault is not None and fault.whole:
            sent.first = 0
        whole = len(content)
        if sent.first >= whole:
            self._head(416, {"Content-Range": f"bytes */{whole}", "Content-Length": "0"})
            return
        rest = content[sent.first :]
        if sent.first:
            headers = headers | {"Content-Range": f"bytes {sent.first}-{whole - 1}/{whole}"}
        self._head(206 if sent.first else 200, headers | {"Content-Length": str(len(rest))})
        if self.command == "GET":
            self._send(rest, sent, fault)

    def _send(self, rest: bytes, sent: Sent, fault: Fault | None) -> None:
        stop = fault.close_after if fault is not None and fault.close_after is not None else len(rest)
        hold = fault.hold_after if fault is not None else None
        for at in range(0, min(stop, len(rest)), _PIECE):
            if hold is not None and at >= hold:
                self.hub.let_go.wait()
                break
            piece = rest[at : min(at + _PIECE, stop)]
            try:
                self.wfile.write(piece)
            except OSError:  # the client is gone
                break
            sent.bytes += len(piece)
        if sent.bytes < len(rest):
            self.close_connection = True

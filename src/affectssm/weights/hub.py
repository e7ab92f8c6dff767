"""A hub of models, as huggingface_hub speaks to it: what lies in a repository, and the bytes of its files.

The library's own download keeps nothing of a file that was broken off, and waits as long as a hub tells it to. So the
files are read here, with the library's session: its endpoint, token and proxies.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx2
from huggingface_hub import HfApi, constants, get_session
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

from affectssm.errors import AffectError, ConfigError, DataError

TRIES = (
    5  # of a request that is answered with 429 or 5xx, or not at all, and of a file that brings nothing new
)
LONGEST_WAIT_S = 300.0  # that a hub may ask for
TIMEOUT: Any = httpx2.Timeout(30.0, connect=10.0)  # seconds without a byte
AGAIN = (408, 425, 429, 500, 502, 503, 504)
COMMIT = re.compile("[0-9a-f]{40}")
SHA256 = re.compile("[0-9a-f]{64}")
_LIMIT = re.compile(
    r"r\s*=\s*0\s*;\s*t\s*=\s*(\d+)"
)  # of a RateLimit header: nothing left, seconds until more
Result = TypeVar("Result")


class UnreachableError(DataError):
    """Nothing answers: there is no network, or no hub at the address."""


@dataclass(frozen=True)
class Remote:
    """A file of a repository.

    Attributes:
        name: within the repository.
        size: bytes; None where the hub does not say.
        sha256: of large files, as the hub has it; "" where it does not say.
        blob: of small files, git's SHA-1; "" where the hub does not say.
    """

    name: str
    size: int | None = None
    sha256: str = ""
    blob: str = ""


@dataclass(frozen=True)
class Listing:
    """A repository at a commit.

    Attributes:
        repository: its id.
        commit: 40 characters.
        files: name -> file.
        licence: as its card names it; "" where it does not.
    """

    repository: str
    commit: str
    files: Mapping[str, Remote] = field(default_factory=dict)
    licence: str = ""


class Hub:
    """A hub at an address: that of ``HF_ENDPOINT``, else the public one.

    Args:
        endpoint: the address, without a slash at its end.
        say: is told of every wait.
    """

    def __init__(self, endpoint: str = "", say: Callable[[str], None] = print) -> None:
        self.endpoint = endpoint or address()
        self._say = say
        self._answered = False

    def listing(self, repository: str, revision: str = "") -> Listing:
        """Return what lies in a repository.

        Args:
            repository: its id.
            revision: a commit, branch or tag; "": the newest.

        Raises:
            ConfigError: for a repository or revision that there is not, or that wants a token.
            DataError: where the hub does not answer, or not as one.
        """
        where = f"{self.endpoint}/{repository}" + (f" at {revision}" if revision else "")
        api = HfApi(endpoint=self.endpoint, library_name="affectssm")

        def ask() -> Any:
            return api.model_info(repository, revision=revision or None, files_metadata=True, timeout=TIMEOUT)

        try:
            found = self.patiently(where, ask)
        except (ValueError, TypeError, KeyError, AttributeError) as error:  # what is no answer of a hub
            raise DataError(
                where,
                f"no answer of a hub: {error}",
                "the files of a repository",
                "mend HF_ENDPOINT, if it is set",
            ) from error
        commit = found.sha or ""
        if not COMMIT.fullmatch(commit) or (COMMIT.fullmatch(revision) and commit != revision):
            raise DataError(
                where, f"the hub answers for commit {commit!r}", "a commit of 40 characters, the one asked for",
                "mend HF_ENDPOINT, if it is set",
            )  # fmt: skip
        files = {one.rfilename: _remote(one) for one in found.siblings or ()}
        return Listing(repository, commit, files, _licence(found))

    @contextmanager
    def stream(self, repository: str, commit: str, name: str, first: int) -> Iterator[httpx2.Response]:
        """Yield the answer to a request for a file, from a byte on; one that reports an error is raised.

        Raises:
            HfHubHTTPError, httpx2.HTTPError: as the library does.
        """
        headers = build_hf_headers(library_name="affectssm")
        headers["Accept-Encoding"] = "identity"  # bytes are counted
        if first:
            headers["Range"] = f"bytes={first}-"
        url = self.address_of(repository, commit, name)
        with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as response:
            hf_raise_for_status(response)
            yield response

    def address_of(self, repository: str, revision: str, name: str) -> str:
        """Return where a file lies."""
        return f"{self.endpoint}/{repository}/resolve/{revision or 'main'}/{name}"

    def patiently(
        self, where: str, ask: Callable[[], Result], progress: Callable[[], bool] | None = None
    ) -> Result:
        """Ask, and ask again where the hub is busy or the connection breaks.

        Args:
            where: what is asked for, for messages.
            ask: asks.
            progress: whether the last try brought something new; it does not count then.

        Raises:
            AffectError: what the hub answers in the end.
        """
        failed = 0
        while True:
            try:
                result = ask()
                self._answered = True
                return result
            except OfflineModeIsEnabled as error:
                raise ConfigError(
                    where, "HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) is set", "a process that may use the network",
                    "unset it for this command",
                ) from error  # fmt: skip
            except HFValidationError as error:
                raise ConfigError(
                    where,
                    str(error),
                    "the id of a repository: owner/name",
                    "mend the model in the configuration",
                ) from error
            except HfHubHTTPError as error:
                self._answered = True
                wait = self._wait_for(where, error, failed)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                if not isinstance(error, httpx2.TransportError) or isinstance(
                    error, httpx2.UnsupportedProtocol
                ):
                    raise DataError(
                        where,
                        f"{type(error).__name__}: {error}",
                        "an answer",
                        "mend HF_ENDPOINT, if it is set",
                    ) from error
                wait = self._broken(where, error, failed)
            failed = 0 if progress is not None and progress() else failed + 1
            if failed:
                self._say(f"{where}: again in {wait:.0f} s")
            time.sleep(wait)

    def _wait_for(self, where: str, error: HfHubHTTPError, failed: int) -> float:
        """Return how long to wait after an answer that is an error.

        Raises:
            AffectError: where waiting helps nothing, or was of no help.
        """
        response = error.response
        if response.status_code not in AGAIN:
            raise refused(where, self.endpoint, response) from error
        told = _told_to_wait(response)
        wait = told if told is not None else float(2**failed)
        if failed + 1 < TRIES and wait <= LONGEST_WAIT_S:
            return wait
        asks = f", which asks to wait {told:.0f} s" if told is not None else ""
        found = f"HTTP {response.status_code} {response.reason_phrase}".strip()
        raise DataError(
            where, f"{found}{asks}, at try {failed + 1}", "an answer",
            "run the same command again later: it goes on where it stopped"
            + ("; with HF_TOKEN set, a hub allows more" if response.status_code == 429 else ""),
        ) from error  # fmt: skip

    def _broken(self, where: str, error: httpx2.HTTPError, failed: int) -> float:
        """Return how long to wait after a connection that broke or never was.

        Raises:
            DataError: where that was of no help, or nothing has ever answered.
        """
        nobody = isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError)
        if failed + 1 < TRIES and (self._answered or not nobody):
            return float(2**failed)
        if nobody:
            raise UnreachableError(
                where, f"nothing answers: {error}", "a hub that answers",
                "run this on a machine with a network (behind a proxy: HTTPS_PROXY; another hub: HF_ENDPOINT)",
            ) from error  # fmt: skip
        raise DataError(
            where, f"the connection broke {failed + 1} times: {error}", "the whole answer",
            "run the same command again: it goes on where it stopped",
        ) from error  # fmt: skip


def address() -> str:
    """Return the address of the hub: that of HF_ENDPOINT, else the public one."""
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def refused(where: str, endpoint: str, response: httpx2.Response) -> AffectError:
    """Return what to say of an answer that says no."""
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    said = response.headers.get("X-Error-Message", "")
    found = f"HTTP {status}" + (f" {code}" if code else "") + (f": {said}" if said else "")
    if status in (401, 403):
        return ConfigError(
            where, found, "a repository that may be read",
            f"if it is gated, accept its licence at {endpoint} and set HF_TOKEN to a token of yours; "
            "if there is no such repository, mend the model in the configuration",
        )  # fmt: skip
    if status == 404:
        what = {"RevisionNotFound": "no such revision", "EntryNotFound": "no such file"}.get(
            code, "no such repository, revision or file"
        )
        return ConfigError(
            where, f"{found} ({what})", "what the configuration names", "mend model or revision there"
        )
    return DataError(where, found, "an answer", "run the same command again later")


def _told_to_wait(response: httpx2.Response) -> float | None:
    """Return the seconds that a hub asks to wait; None where it does not say."""
    if limit := _LIMIT.search(response.headers.get("RateLimit", "")):
        return float(limit[1])
    told = response.headers.get("Retry-After", "").strip()
    if told.isdecimal():
        return float(told)
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except ValueError:
        return None


def _remote(one: Any) -> Remote:
    large = one.lfs.sha256 if one.lfs is not None else ""
    return Remote(
        one.rfilename,
        one.size,
        large if SHA256.fullmatch(large or "") else "",
        "" if large else (one.blob_id if COMMIT.fullmatch(one.blob_id or "") else ""),
    )


def _licence(found: Any) -> str:
    told = getattr(found.card_data, "license", None) or ""
    return told if isinstance(told, str) and told.isprintable() else ""

"""Tokens: how they are sent, and where `agentstream login` stores them."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from agentstream.files import config_folder, replace_file

log = logging.getLogger("agentstream")

TOKEN_VARIABLE = "AGENTSTREAM_TOKEN"
TOKEN_FILE_VARIABLE = "AGENTSTREAM_TOKEN_FILE"

_ENCRYPTED = {"https", "wss"}
_DEFAULT_PORTS = {"http": 80, "https": 443}


def authorization(token: str) -> dict[str, str]:
    """The HTTP header with `token`. Raises ValueError, without repeating the token, if it isn't valid in a header."""
    if not token or not all("!" <= character <= "~" for character in token):
        raise ValueError("token: expected printable ASCII without spaces; got something else")
    return {"Authorization": f"Bearer {token}"}


def check_transport(url: str, insecure: bool) -> None:
    """Raises ValueError if a token sent to `url` would cross a network unencrypted, unless `insecure` permits that."""
    parts = urlsplit(url)
    if parts.scheme not in _ENCRYPTED and not insecure and not _is_loopback(parts.hostname or ""):
        raise ValueError(
            f"url: expected https://, because anyone on the way could read the token; got {url!r}"
            " (on a network you trust, allow it with --insecure, or insecure=True in Python)"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_token_file(path: Path) -> str:
    """The token in a file, without the whitespace around it. Raises ValueError if there is none to read."""
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as failed:
        raise ValueError(f"token file {path}: {getattr(failed, 'strerror', None) or 'expected text'}") from None
    if not token:
        raise ValueError(f"token file {path}: expected a token; the file is empty")
    return token


def find_token(url: str, file: Path | None, environment: Mapping[str, str]) -> str | None:
    """The token for the server at `url`: from `file`, else from AGENTSTREAM_TOKEN, else from the file that
    AGENTSTREAM_TOKEN_FILE names, else from `agentstream login`; None if there is none.

    Raises ValueError if a file that was named holds none.
    """
    if file is not None:
        return read_token_file(file)
    if token := environment.get(TOKEN_VARIABLE):
        return token
    if name := environment.get(TOKEN_FILE_VARIABLE):
        return read_token_file(Path(name))
    return TokenStore.default(environment).get(url)


@dataclass(frozen=True)
class TokenStore:
    """A JSON file with one token per server URL. Only its owner can read the file (0600) and its folder (0700)."""

    path: Path

    @classmethod
    def default(cls, environment: Mapping[str, str]) -> TokenStore:
        """The user's token store."""
        return cls(config_folder(environment) / "tokens.json")

    def get(self, url: str) -> str | None:
        """The token for that server, if one is stored."""
        return self._load().get(_server(url))

    def put(self, url: str, token: str) -> None:
        """Store the token for that server in place of any other. Raises OSError."""
        self._save(self._load() | {_server(url): token})

    def remove(self, url: str) -> bool:
        """Remove the token for that server. Returns whether there was one. Raises OSError."""
        tokens = self._load()
        if tokens.pop(_server(url), None) is None:
            return False
        self._save(tokens)
        return True

    def _load(self) -> dict[str, str]:
        try:
            with self.path.open() as file:
                self._restrict(file.fileno())
                tokens = json.load(file)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as failed:
            raise ValueError(f"{self.path}: {getattr(failed, 'strerror', None) or 'expected JSON'}") from None
        if not isinstance(tokens, dict) or not all(isinstance(token, str) for token in tokens.values()):
            raise ValueError(f"{self.path}: expected a JSON object with a token per server")
        return tokens

    def _restrict(self, descriptor: int) -> None:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            log.warning("%s was open to other users; it is now readable only by you", self.path)
            os.fchmod(descriptor, 0o600)

    def _save(self, tokens: Mapping[str, str]) -> None:
        folder = self.path.parent
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        replace_file(self.path, json.dumps(tokens, indent=2))


def _server(url: str) -> str:
    """A server's URL in normal form."""
    parts: SplitResult = urlsplit(url.strip())
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    host = parts.hostname or ""
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(scheme)) else f":{parts.port}"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path.rstrip('/')}"

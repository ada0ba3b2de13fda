"""The service's settings; the only place in ``app`` that reads the environment."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from registry_core import CoreSettings, Issuers, NotConfigured

PREFIX = "OMNIBIOAI_MODEL_REGISTRY_"
MIB = 1024 * 1024
HOST_NAME = r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\]"  # in lower case, without a port
ORIGIN = rf"https?://({HOST_NAME})(?::[0-9]{{1,5}})?"  # as browsers write it
OWN_PATHS = {"v1", "hf", "ui", "health", "docs", "openapi.json"}  # the first words of the service's addresses
_PATH = r"(/[A-Za-z0-9._~-]+)+"
MOST_PRESIGN_S = 7 * 24 * 3600  # what S3 allows
MOST_PRESIGNED_S = 3600  # where callers say who they are: so long an address outlives a right that was taken away
OPEN, REQUIRED = "open", "required"
READONLY = "readonly"  # of the pages: they show and change nothing
PLATFORM_ISSUER, PLATFORM_AUDIENCE = "omnibioai-auth", "omnibioai-platform"
_ALIAS = r"[a-z0-9][a-z0-9._-]*"
_OF_CLIENTS = {"URL", "TOKEN", "ACTOR", "CACHE_DIR"}  # settings too, and not the service's
LEAST_SECRET_BYTES = 32  # as many as the digest of HS256 has


@dataclass(frozen=True)
class OtherIssuer:
    """One more whose tokens count, for its own audience; ``jwks_url`` is where its keys are, if it does not say."""

    alias: str
    issuer: str
    audience: str
    jwks_url: str | None = None


@dataclass(frozen=True)
class IdentitySettings:
    """How callers are told apart. ``auth`` is None where nobody said: then a registry with rules of access decides.

    ``jwt_secret`` is shared with the platform's auth service where ``iam_url`` names one, else with ``main_issuer``.
    """

    auth: str | None = None
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    jwks_url: str | None = None
    iam_url: str | None = None
    jwt_secret: str | None = field(default=None, repr=False)
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = field(default=None, repr=False)
    oidc_scopes: str = "openid email"
    more_issuers: tuple[OtherIssuer, ...] = ()

    @property
    def main_issuer(self) -> str | None:
        """Whom ``user:X`` in a rule means: the OpenID issuer, or where only its keys are named, their address."""
        return self.oidc_issuer or self.jwks_url

    @property
    def has_issuers(self) -> bool:
        """Whether anybody's tokens count beside the registry's own."""
        return bool(self.main_issuer or self.iam_url or self.more_issuers)

    @property
    def issuers(self) -> Issuers:
        """Whose word counts for what. Rules call the platform's issuer by its own name: ``user:omnibioai-auth/12``."""
        platform = PLATFORM_ISSUER if self.iam_url is not None else None
        aliases = {one.alias: one.issuer for one in self.more_issuers}
        return Issuers(self.main_issuer, platform, aliases | ({} if platform is None else {platform: platform}))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> IdentitySettings:
        """Raises ``NotConfigured``, never with the secret in its words."""

        def text(name: str) -> str | None:
            return environ.get(PREFIX + name, "").strip() or None

        def address(name: str) -> str | None:
            found = text(name)
            return None if found is None else _trusted(name, found)

        iam = address("IAM_URL")
        found = cls(
            auth=text("AUTH"),
            oidc_issuer=address("OIDC_ISSUER"),
            oidc_audience=text("OIDC_AUDIENCE"),
            jwks_url=address("JWKS_URL"),
            iam_url=None if iam is None else iam.rstrip("/"),
            jwt_secret=text("JWT_SECRET"),
            oidc_client_id=text("OIDC_CLIENT_ID"),
            oidc_client_secret=text("OIDC_CLIENT_SECRET"),
            oidc_scopes=text("OIDC_SCOPES") or cls.oidc_scopes,
            more_issuers=_others(text("MORE_ISSUERS") or ""),
        )
        for words, is_so in _faults(found):
            if is_so:
                raise NotConfigured(words)
        return found


def _trusted(name: str, found: str) -> str:
    """The address in the setting. Raises ``NotConfigured``."""
    if not is_trusted_address(found):
        raise NotConfigured(
            f"{PREFIX}{name} is {found!r}; it takes an https:// address without a query, or an http:// one "
            "of this network: an IP address that is private, or a name without a dot."
        )
    return found


def _others(text: str) -> tuple[OtherIssuer, ...]:
    """The issuers that the text lists, each as ``alias issuer audience [address of its keys]``."""
    found = []
    for part in filter(None, (part.split() for part in text.split(","))):
        if len(part) not in (3, 4) or re.fullmatch(_ALIAS, part[0]) is None:
            raise NotConfigured(
                f"{PREFIX}MORE_ISSUERS lists {' '.join(part)!r}; it takes an alias of a-z, 0-9, '.', '_' and '-', an "
                "issuer, an audience and perhaps the address of its keys, with spaces between, and a comma after each."
            )
        found.append(OtherIssuer(part[0], part[1], part[2], part[3] if len(part) == 4 else None))
        for address in (part[1], *part[3:]):
            _trusted("MORE_ISSUERS", address)
    return tuple(found)


def _faults(found: IdentitySettings) -> list[tuple[str, bool]]:
    """What makes no sense, in words, and whether it is so."""
    p, issuer, iam, secret, client = PREFIX, found.oidc_issuer, found.iam_url, found.jwt_secret, found.oidc_client_id
    names = [found.main_issuer, PLATFORM_ISSUER, *(one.issuer for one in found.more_issuers)]
    aliases = [PLATFORM_ISSUER, *(one.alias for one in found.more_issuers)]
    return [
        (f"{p}AUTH is {found.auth!r}; it takes {OPEN} or {REQUIRED}.", found.auth not in (None, OPEN, REQUIRED)),
        (
            f"{p}OIDC_AUDIENCE says nothing without {p}OIDC_ISSUER or {p}JWKS_URL.",
            found.main_issuer is None and found.oidc_audience is not None,
        ),
        (
            f"{p}OIDC_ISSUER and {p}JWKS_URL need {p}OIDC_AUDIENCE: tokens for others must not count here.",
            found.main_issuer is not None and found.oidc_audience is None,
        ),
        (
            f"{p}MORE_ISSUERS names an issuer or an alias that is named already.",
            len(set(names)) < len(names) or len(set(aliases)) < len(aliases),
        ),
        (
            f"{p}OIDC_ISSUER is the platform's auth service; name it in {p}IAM_URL.",
            issuer == PLATFORM_ISSUER,
        ),
        (
            f"{p}OIDC_CLIENT_SECRET and {p}OIDC_SCOPES say nothing without {p}OIDC_CLIENT_ID.",
            client is None
            and (found.oidc_client_secret is not None or found.oidc_scopes != IdentitySettings.oidc_scopes),
        ),
        (
            f"{p}OIDC_CLIENT_ID needs {p}OIDC_ISSUER: it is where browsers sign in.",
            client is not None and not issuer,
        ),
        (
            f"{p}OIDC_SCOPES is {found.oidc_scopes!r}; without openid no provider says who signs in.",
            "openid" not in found.oidc_scopes.split(),
        ),
        (
            f"{p}JWT_SECRET is nobody's without {p}IAM_URL, {p}OIDC_ISSUER or {p}JWKS_URL.",
            secret is not None and not (found.main_issuer or iam),
        ),
        (
            f"{p}JWT_SECRET is no secret that can be shared: it takes at least {LEAST_SECRET_BYTES} bytes, "
            "and is never a key in PEM.",
            secret is not None and (len(secret.encode()) < LEAST_SECRET_BYTES or "-----BEGIN" in secret),
        ),
        (
            f"{p}OIDC_ISSUER, {p}JWKS_URL, {p}MORE_ISSUERS and {p}IAM_URL say who may sign in, but not that anybody "
            f"must. Set {p}AUTH to {REQUIRED}, or to {OPEN} to let everybody in.",
            found.auth is None and found.has_issuers,
        ),
    ]


def is_trusted_address(text: str) -> bool:
    """Whether what answers there is whom the name says: TLS proves it, or it is in the network of this machine."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.query or parts.fragment or "@" in parts.netloc or re.search(r"[\s\x00-\x1f]", text):
        return False
    if parts.scheme == "https":
        return True
    try:
        return parts.scheme == "http" and ipaddress.ip_address(host).is_private
    except ValueError:
        return parts.scheme == "http" and "." not in host


class _Asked(Mapping[str, str]):
    """The environment, and which of its names are settings: those that were looked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self._asked.add(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def remarks(self) -> Iterator[str]:
        """A sentence about each name that looks like a setting and is none: it may be a misspelt one."""
        known = self._asked | {PREFIX + name for name in _OF_CLIENTS}
        for name in sorted(name for name in self._environ if name.startswith(PREFIX) and name not in known):
            like = get_close_matches(name, known, n=1)
            yield f"{name} is no setting, and changes nothing.{f' There is {like[0]}.' if like else ''}"


@dataclass(frozen=True)
class Settings:
    """How to serve, beside what the core itself is told. Sizes in bytes, times in seconds.

    ``presign_required_s`` takes the place of ``presign_s`` where callers must say who they are. ``remarks`` are for
    whoever set them.
    """

    core: CoreSettings = field(default_factory=CoreSettings)
    host: str = "127.0.0.1"
    port: int = 8095
    workers: int = 2
    threads: int = 64
    graceful_timeout_s: int = 900
    max_body_bytes: int = 4 * MIB
    body_patience_s: int = 30
    body_least_bytes_per_s: int = 1024
    head_timeout_s: int = 15
    min_free_bytes: int = 64 * MIB
    accel_prefix: str | None = None
    presign_s: int = 3600
    presign_required_s: int = 300
    trusted_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    base_path: str = ""
    trusted_proxies: int = 0
    hub: bool = True
    ui: str = "true"
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    log_level: str = "INFO"
    remarks: tuple[str, ...] = ()

    @property
    def has_pages(self) -> bool:
        """Whether there are pages for persons below ``/ui``."""
        return self.ui != "false"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Settings by their ``OMNIBIOAI_MODEL_REGISTRY_*`` names. Raises ``NotConfigured``."""
        asked = _Asked(environ)
        return replace(cls._of(asked), remarks=tuple(asked.remarks()))

    @classmethod
    def _of(cls, environ: Mapping[str, str]) -> Settings:
        def whole(name: str, default: int, least: int, most: int = sys.maxsize) -> int:
            text = environ.get(PREFIX + name, "").strip()
            try:
                value = int(text) if text else default
            except ValueError:
                value = least - 1
            if not least <= value <= most:
                limits = f"from {least} to {most}" if most < sys.maxsize else f"of at least {least}"
                raise NotConfigured(f"{PREFIX}{name} is {text!r}; it takes a whole number {limits}.")
            return value

        def names(name: str, form: str, what: str) -> tuple[str, ...]:
            found = [part.strip().lower() for part in environ.get(PREFIX + name, "").split(",") if part.strip()]
            for word in found:
                if re.fullmatch(form, word) is None:
                    raise NotConfigured(f"{PREFIX}{name} names {word!r}; it takes {what}.")
            return tuple(found)

        accel_prefix = environ.get(PREFIX + "ACCEL_PREFIX", "").strip().rstrip("/") or None
        if accel_prefix is not None and re.fullmatch(_PATH, accel_prefix) is None:
            raise NotConfigured(f"{PREFIX}ACCEL_PREFIX is {accel_prefix!r}; it takes a path such as /_packages.")
        base_path = environ.get(PREFIX + "BASE_PATH", "").strip().rstrip("/")
        if base_path and (re.fullmatch(_PATH, base_path) is None or base_path.split("/")[1] in OWN_PATHS):
            raise NotConfigured(
                f"{PREFIX}BASE_PATH is {base_path!r}; it takes a path such as /modelregistry, and none that the "
                f"service uses itself ({', '.join(sorted(OWN_PATHS))})."
            )
        hosts = names("TRUSTED_HOSTS", HOST_NAME, "host names, without ports")
        origins = names("CORS_ORIGINS", ORIGIN, "origins such as https://console.example, and no *")
        hub = environ.get(PREFIX + "HUB", "").strip().lower() or "true"
        if hub not in ("true", "false"):
            raise NotConfigured(f"{PREFIX}HUB is {hub!r}; it takes true or false.")
        ui = environ.get(PREFIX + "UI", "").strip().lower() or cls.ui
        if ui not in ("true", READONLY, "false"):
            raise NotConfigured(f"{PREFIX}UI is {ui!r}; it takes true, {READONLY} or false.")
        identity = IdentitySettings.from_env(environ)
        most_presign_s = MOST_PRESIGNED_S if identity.auth == REQUIRED else MOST_PRESIGN_S
        log_level = environ.get(PREFIX + "LOG_LEVEL", cls.log_level).strip().upper()
        if log_level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
            raise NotConfigured(f"{PREFIX}LOG_LEVEL is {log_level!r}; it takes DEBUG, INFO, WARNING or ERROR.")
        return cls(
            core=CoreSettings.from_env(environ),
            host=environ.get(PREFIX + "HOST", "").strip() or cls.host,
            port=whole("PORT", cls.port, 1, 65535),
            workers=whole("WORKERS", cls.workers, 1),
            threads=whole("THREADS", cls.threads, 8),
            graceful_timeout_s=whole("GRACEFUL_TIMEOUT_S", cls.graceful_timeout_s, 1),
            max_body_bytes=whole("MAX_BODY_BYTES", cls.max_body_bytes, 1024),
            body_patience_s=whole("BODY_PATIENCE_S", cls.body_patience_s, 1),
            body_least_bytes_per_s=whole("BODY_LEAST_BYTES_PER_S", cls.body_least_bytes_per_s, 0),
            head_timeout_s=whole("HEAD_TIMEOUT_S", cls.head_timeout_s, 1),
            min_free_bytes=whole("MIN_FREE_BYTES", cls.min_free_bytes, 0),
            accel_prefix=accel_prefix,
            presign_s=whole("PRESIGN_S", cls.presign_s, 0, most_presign_s),
            presign_required_s=min(whole("PRESIGN_S", cls.presign_required_s, 0, most_presign_s), MOST_PRESIGNED_S),
            trusted_hosts=hosts,
            cors_origins=origins,
            base_path=base_path,
            trusted_proxies=whole("TRUSTED_PROXIES", cls.trusted_proxies, 0, 10),
            hub=hub == "true",
            ui=ui,
            identity=identity,
            log_level=log_level,
        )

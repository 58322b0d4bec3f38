"""Tokens that a fixed prefix identifies, in the formats of their issuers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from agentstream.redaction.judgement import entropy
from agentstream.redaction.verdict import Anchor, Run, Secret, Undecided, Verdict, starts_word

# Longest body that is judged as a whole, in characters.
MAX_JUDGED = 200

_ALNUM = Run("A-Za-z0-9")
_WORD = Run(r"\w-")
_DOTTED = Run(r"\w-", ".")
_BASE64 = Run("A-Za-z0-9+/=")
_HEX = Run("A-Fa-f0-9")
_UPPER = Run("A-Z0-9")

Judge = Callable[[str], bool]


def _openai(body: str) -> bool:
    """Not a name such as sk-loading-spinner: keys have digits, and mixed case unless they are hexadecimal."""
    digits = any(character.isdigit() for character in body)
    return digits and entropy(body) >= 3.2 and (body != body.lower() or "-" not in body)


@dataclass(frozen=True)
class Token:
    """A prefix and at least `least` characters of a run; exactly so many if `exact`.

    `loose` tokens may begin inside a word, because their prefix and length are distinctive enough. `judge` tells a
    token from a name by its body.
    """

    prefix: str
    kind: str
    run: Run
    least: int
    exact: bool = False
    loose: bool = True
    judge: Judge | None = None
    _pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", self.run.at_least(self.least))

    def examine(self, text: str, start: int, body: int, final: bool) -> Verdict:
        """See `Anchor`."""
        if not self.loose and not starts_word(text, start):
            return None
        # An undecided run is at most as long as what is judged, so that a stream holds back no more than that.
        most = MAX_JUDGED if self.judge else self.least + 1
        match = self._pattern.match(text, body, min(len(text), body + most))
        if match is None:
            end, _ = self.run.take(text, body, final)
            return None if final or not self.run.may_go_on(text, end) or end - body > most else Undecided(start)
        end = match.end()
        if self.exact or self.judge:
            if not final and end - body < most and self.run.may_go_on(text, end):
                return Undecided(start)
            if self.exact and end - body != self.least:
                return None
            if self.judge and not self.judge(text[body:end]):
                return None
        begin = body if self.prefix.endswith(("=", "/")) else start
        return Secret(begin, end, self.kind, None if self.exact else self.run)


def _not_an_example(body: str) -> bool:
    return not body.endswith("EXAMPLE")


def _tokens(kind: str, run: Run, least: int, *prefixes: str, exact: bool = False, loose: bool = True) -> list[Token]:
    return [Token(prefix, kind, run, least, exact, loose) for prefix in prefixes]


TOKENS = (
    *(
        Token(prefix, "aws key", _UPPER, 16, exact=True, loose=False, judge=_not_an_example)
        for prefix in ("AKIA", "ASIA", "ABIA", "ACCA")
    ),
    *_tokens("github token", _ALNUM, 30, "ghp_", "gho_", "ghu_", "ghr_"),
    *_tokens("github token", _DOTTED, 30, "ghs_"),
    *_tokens("github token", Run(r"\w"), 50, "github_pat_"),
    *_tokens("gitlab token", _DOTTED, 20, "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-"),
    *_tokens("gitlab token", _DOTTED, 20, "glagent-", "gloas-", "glsoat-", "glffct-"),
    *_tokens("slack token", Run("A-Za-z0-9-"), 20, "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxe-"),
    *_tokens("slack token", Run("A-Za-z0-9-"), 20, "xapp-", "xoxe.xoxb-", "xoxe.xoxp-"),
    *_tokens("slack token", Run(r"\w%+/=-"), 20, "xoxc-", "xoxd-"),
    *_tokens("slack webhook", Run("A-Za-z0-9/"), 30, "hooks.slack.com/services/", "hooks.slack.com/workflows/"),
    *_tokens("slack webhook", Run("A-Za-z0-9/"), 30, "hooks.slack.com/triggers/"),
    *_tokens("discord webhook", Run(r"\w/-"), 60, "discord.com/api/webhooks/", "discordapp.com/api/webhooks/"),
    *_tokens("teams webhook", Run(r"\w@/-"), 60, "webhook.office.com/webhookb2/"),
    *_tokens("stripe key", _ALNUM, 16, "sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_"),
    *_tokens("stripe secret", _ALNUM, 30, "whsec_"),
    *_tokens("anthropic key", _WORD, 20, "sk-ant-"),
    *_tokens("openai key", _WORD, 20, "sk-proj-", "sk-svcacct-", "sk-admin-", loose=False),
    Token("sk-", "openai key", _WORD, 20, loose=False, judge=_openai),
    *_tokens("google api key", _WORD, 35, "AIza", exact=True),
    *_tokens("google oauth token", _DOTTED, 20, "ya29.", loose=False),
    *_tokens("google oauth token", _WORD, 40, "1//0", loose=False),
    *_tokens("google oauth secret", _WORD, 20, "GOCSPX-"),
    *_tokens("azure storage key", _BASE64, 40, "AccountKey=", "SharedAccessKey="),
    *_tokens("npm token", _ALNUM, 30, "npm_", loose=False),
    *_tokens("pypi token", _WORD, 40, "pypi-AgE"),
    *_tokens("hugging face token", _ALNUM, 30, "hf_", "api_org_", loose=False),
    *_tokens("sendgrid key", _DOTTED, 50, "SG.", loose=False),
    *_tokens("twilio key", Run("a-f0-9"), 32, "SK", exact=True, loose=False),
    *_tokens("agentstream token", _WORD, 32, "ags_", loose=False),
    *_tokens("digitalocean token", _HEX, 60, "dop_v1_", "doo_v1_", "dor_v1_"),
    *_tokens("shopify token", _HEX, 32, "shpat_", "shpca_", "shppa_", "shpss_"),
    *_tokens("databricks token", _HEX, 32, "dapi", loose=False),
    *_tokens("vault token", _WORD, 24, "hvs.", "hvb.", loose=False),
    *_tokens("grafana token", _BASE64, 32, "glc_", loose=False),
    *_tokens("grafana token", Run(r"\w"), 32, "glsa_", loose=False),
    *_tokens("docker token", _WORD, 20, "dckr_pat_", "dckr_oat_"),
    *_tokens("atlassian token", Run(r"\w=-"), 60, "ATATT3", "ATCTT3", loose=False),
    *_tokens("postman key", Run("a-f0-9-"), 50, "PMAK-"),
    *_tokens("linear key", _ALNUM, 32, "lin_api_"),
    *_tokens("notion token", _ALNUM, 40, "ntn_", loose=False),
    *_tokens("sentry token", Run(r"\w+/=-"), 40, "sntrys_", "sntryu_"),
    *_tokens("planetscale token", Run(r"\w=-", "."), 32, "pscale_tkn_", "pscale_oauth_", "pscale_pw_"),
    *_tokens("groq key", _ALNUM, 40, "gsk_", loose=False),
    *_tokens("xai key", _ALNUM, 40, "xai-", loose=False),
    *_tokens("perplexity key", _ALNUM, 40, "pplx-", loose=False),
    *_tokens("replicate token", _ALNUM, 30, "r8_", loose=False),
    *_tokens("nvidia key", _WORD, 50, "nvapi-"),
    *_tokens("figma token", _WORD, 30, "figd_"),
    *_tokens("supabase token", _HEX, 40, "sbp_", loose=False),
    *_tokens("tailscale key", _WORD, 20, "tskey-"),
    *_tokens("rubygems key", _HEX, 40, "rubygems_"),
    *_tokens("pulumi token", _HEX, 40, "pul-", loose=False),
    *_tokens("doppler token", _ALNUM, 40, "dp.pt.", "dp.st.", loose=False),
    *_tokens("1password token", _BASE64, 200, "ops_eyJ", loose=False),
    *_tokens("age key", _UPPER, 50, "AGE-SECRET-KEY-1"),
    *_tokens("fly token", Run(r"\w+/=,-"), 40, "fo1_", "fm2_", "fm1r_", "fm1a_", loose=False),
    *_tokens("langsmith key", Run(r"\w"), 40, "lsv2_pt_", "lsv2_sk_"),
)


def kind_of(value: str) -> str | None:
    """The kind of the token that a value is; None if it has no format that identifies it."""
    for token in TOKENS:
        if value.startswith(token.prefix) and token.examine(value, 0, len(token.prefix), True):
            return token.kind
    return None


# Tokens with a structure of their own

_AZURE_BEFORE = re.compile(r"(?<![\w~.])[\w~.]{3}\d\Z", re.ASCII)
_TELEGRAM_BEFORE = re.compile(r"(?<![\w-])(?:bot)?\d{8,12}\Z", re.ASCII)
_JWT_HEADER = re.compile(r"[\w-]{12,2048}", re.ASCII)
_DISCORD_NUMBER = re.compile(r"[A-Za-z0-9]{16,28}")
_TIMESTAMP = re.compile(r"[\w-]{5,7}", re.ASCII)


def _azure_ad(text: str, start: int, body: int, final: bool) -> Verdict:
    """A client secret: three characters, a digit, `Q~`. What precedes the `Q` may have been shown already."""
    if _AZURE_BEFORE.search(text, max(0, start - 8), start) is None:
        return None
    return Token("Q~", "azure secret", Run(r"\w~.-"), 30).examine(text, start, body, final)


def _telegram(text: str, start: int, body: int, final: bool) -> Verdict:
    """What follows the number of a bot, which is public."""
    if _TELEGRAM_BEFORE.search(text, max(0, start - 20), start) is None:
        return None
    verdict = Token(":AA", "telegram token", _WORD, 32).examine(text, start, body, final)
    return Secret(start + 1, verdict.end, verdict.kind, verdict.rest) if isinstance(verdict, Secret) else verdict


def _jwt(text: str, start: int, body: int, final: bool) -> Verdict:
    """A header, a dot and at least 16 characters; the rest may be of any length."""
    if not starts_word(text, start) or (end := _part(text, body, _JWT_HEADER, final)) is None:
        return None
    return Undecided(start) if end < 0 else _continued(text, start, end + 1, Token(".", "jwt", _DOTTED, 16), final)


def _discord(text: str, start: int, body: int, final: bool) -> Verdict:
    """The bot's number in base64, a time stamp and a signature, with dots between them."""
    if not starts_word(text, start) or (end := _part(text, body, _DISCORD_NUMBER, final)) is None:
        return None
    if end < 0:
        return Undecided()
    end_of_stamp = _part(text, end + 1, _TIMESTAMP, final)
    if end_of_stamp is None or end_of_stamp < 0:
        return None if end_of_stamp is None else Undecided(start)
    return _continued(text, start, end_of_stamp + 1, Token(".", "discord token", _WORD, 25), final)


def _part(text: str, start: int, pattern: re.Pattern[str], final: bool) -> int | None:
    """Where the part of a token that begins at `start` ends with a dot; None if there is none; -1: undecided."""
    match = pattern.match(text, start)
    end = match.end() if match else _WORD.take(text, start, final)[0]
    if end == len(text):
        return None if final else -1
    return end if match and text[end] == "." else None


def _continued(text: str, start: int, body: int, token: Token, final: bool) -> Verdict:
    """The verdict of the token whose body follows, for a secret that begins at `start`."""
    verdict = token.examine(text, start, body, final)
    return Secret(start, verdict.end, verdict.kind, verdict.rest) if isinstance(verdict, Secret) else verdict


ANCHORS = (
    *(Anchor(token.prefix, token.examine) for token in TOKENS),
    Anchor("Q~", _azure_ad),
    Anchor(":AA", _telegram),
    Anchor("eyJ", _jwt),
    # How the numbers of Discord's users begin in base64.
    *(Anchor(digit, _discord) for digit in ("MD", "MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT")),
)

"""Synthetic secrets in realistic texts. They are made at run time, because code hosts refuse files that contain any."""

import base64
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

ALNUM = string.ascii_letters + string.digits
WORD = ALNUM + "-_"
HEX = string.digits + "abcdef"
UPPER = string.ascii_uppercase + "234567"
BASE64 = ALNUM + "+/"


@dataclass(frozen=True)
class Case:
    """A text, the secrets in it that must not be shown, and what must be."""

    text: str
    secrets: tuple[str, ...]
    kind: str

    def __str__(self) -> str:
        return self.kind.replace(" ", "-")


class Generator:
    """Makes secrets, the same ones every time."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def some(self, alphabet: str, length: int) -> str:
        return "".join(self._random.choices(alphabet, k=length))

    def mixed(self, length: int) -> str:
        """Letters of both cases and digits, at least one of each."""
        start = self._random.choice(string.ascii_lowercase) + self._random.choice(string.ascii_uppercase)
        return start + self._random.choice("3579") + self.some(ALNUM, length - 3)

    def jwt(self) -> str:
        parts = (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"42","name":"Ada","iat":1516239022}')
        encoded = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts]
        return ".".join((*encoded, self.some(WORD, 43)))

    def pem(self, label: str = "RSA PRIVATE KEY", lines: int = 8) -> str:
        body = [self.some(BASE64, 64) for _ in range(lines)] + [self.some(BASE64, 22) + "=="]
        return "\n".join((f"-----BEGIN {label}-----", *body, f"-----END {label}-----"))

    def basic(self) -> str:
        return base64.b64encode(f"deploy:{self.mixed(12)}".encode()).decode()

    def discord(self) -> str:
        number = base64.b64encode(self.some("123456789", 18).encode()).decode().rstrip("=")
        return f"{number}.{self.some(WORD, 6)}.{self.some(WORD, 38)}"

    def password(self) -> str:
        words = ("correct", "horse", "battery", "staple", "tulip", "anchor", "walrus")
        return self._random.choice(words) + self._random.choice("-_+.!") + self.some(string.digits, 4)


Maker = Callable[[Generator], str]

# Kind: how to make one.
FORMATS: tuple[tuple[str, Maker], ...] = (
    ("aws key", lambda make: "AKIA" + make.some(UPPER, 16)),
    ("aws key", lambda make: "ASIA" + make.some(UPPER, 16)),
    ("github token", lambda make: "ghp_" + make.some(ALNUM, 36)),
    ("github token", lambda make: "gho_" + make.some(ALNUM, 36)),
    ("github token", lambda make: "ghs_" + make.some(ALNUM, 36)),
    ("github token", lambda make: "github_pat_" + make.some(ALNUM, 22) + "_" + make.some(ALNUM, 59)),
    ("gitlab token", lambda make: "glpat-" + make.some(WORD, 19) + "a"),
    (
        "slack token",
        lambda make: f"xoxb-{make.some(string.digits, 12)}-{make.some(string.digits, 12)}-{make.some(ALNUM, 24)}",
    ),
    ("slack token", lambda make: f"xapp-1-A{make.some(UPPER, 10)}-{make.some(string.digits, 13)}-{make.some(HEX, 64)}"),
    ("stripe key", lambda make: "sk_live_" + make.some(ALNUM, 24)),
    ("stripe key", lambda make: "rk_test_" + make.some(ALNUM, 99)),
    ("openai key", lambda make: "sk-" + make.mixed(20) + "T3BlbkFJ" + make.some(ALNUM, 20)),
    ("openai key", lambda make: "sk-proj-" + make.some(WORD, 74) + "T3BlbkFJ" + make.some(WORD, 73) + "A"),
    ("anthropic key", lambda make: "sk-ant-api03-" + make.some(WORD, 93) + "AA"),
    ("google api key", lambda make: "AIza" + make.some(WORD, 34) + "x"),
    ("google oauth token", lambda make: "ya29." + make.some(WORD, 79) + "z"),
    ("google oauth secret", lambda make: "GOCSPX-" + make.some(WORD, 27) + "q"),
    ("npm token", lambda make: "npm_" + make.some(ALNUM, 36)),
    ("pypi token", lambda make: "pypi-AgEIcHlwaS5vcmc" + make.some(WORD, 119) + "w"),
    ("hugging face token", lambda make: "hf_" + make.some(string.ascii_letters, 34)),
    ("sendgrid key", lambda make: f"SG.{make.some(WORD, 22)}.{make.some(WORD, 42)}b"),
    ("twilio key", lambda make: "SK" + make.some(HEX, 32)),
    ("telegram token", lambda make: f"{make.some('123456789', 10)}:AA{make.some(WORD, 32)}c"),
    ("discord token", lambda make: make.discord()),
    ("jwt", lambda make: make.jwt()),
    ("agentstream token", lambda make: "ags_" + make.some(WORD, 42) + "d"),
    ("digitalocean token", lambda make: "dop_v1_" + make.some(HEX, 64)),
    ("vault token", lambda make: "hvs." + make.some(WORD, 94) + "e"),
    ("shopify token", lambda make: "shpat_" + make.some(HEX, 32)),
    ("groq key", lambda make: "gsk_" + make.some(ALNUM, 52)),
)

# Where such tokens occur. Doubled braces are braces.
PLACES = (
    "export SERVICE_CREDENTIAL={}\n",
    "$ echo {}\n{}\n",
    '{{"data": {{"value": "{}", "id": 7}}}}\n',
    "2026-11-27T04:14:13Z ERROR upstream refused {}: 401 Unauthorized\n",
    "+    client = connect('{}', timeout=5)\n-    client = connect()\n",
)

PASSWORDS = (
    "PASSWORD={}\n",
    "DB_PASSWORD={} python manage.py migrate\n",
    "export MYSQL_PWD='{}'\n",
    "database:\n  user: app\n  password: {}\n  host: db\n",
    '{{"user": "ada", "password": "{}", "active": true}}\n',
    'log: {{\\"user\\": \\"ada\\", \\"password\\": \\"{}\\"}}\n',
    "password = '{}'\n",
    'self.password: str = "{}"\n',
    "mysqldump --password={} shop > shop.sql\n",
    "mysqldump --password {} shop > shop.sql\n",
    'subprocess.run(["pg_dump", "--password", "{}", "shop"])\n',
    "<connection><password>{}</password></connection>\n",
    "'smtp_pass' => '{}',\n",
    "postgres://app:{}@db.internal:5432/shop\n",
    "git clone https://ada:{}@git.internal/shop.git\n",
    "redis://:{}@cache:6379/0 is unreachable\n",
    "curl -u ada:{} https://api.internal/\n",
    "+  keystore.passphrase={}\n",
    "Logging in with password: \x1b[31m{}\x1b[0m\n",
    "\x1b[36mDB_PASSWORD\x1b[0m=\x1b[32m{}\x1b[0m\n",
)
TOKENS = (
    "API_KEY={}\n",
    'api_key: "{}"\n',
    "const apiKey = '{}';\n",
    "client_secret={}&grant_type=client_credentials\n",
    "deploy --token {} --dry-run\n",
    "deploy --api-key={}\n",
    "Authorization: Bearer {}\n",
    "curl -H 'Authorization: token {}' https://api.internal/\n",
    'headers = {{"Authorization": "Bearer {}"}}\n',
    "X-Api-Key: {}\n",
    "PRIVATE-TOKEN: {}\n",
    "//registry.npmjs.org/:_authToken={}\n",
    "  access_token: {}\n",
    "TWILIO_AUTH_TOKEN={}\n",
    "GET /v1/items?access_token={}&page=2 HTTP/1.1\n",
    'resource "vault" {{\n  signing_key = "{}"\n}}\n',
    "Secret Access Key: {}\n",
    'refreshToken: "{}",\n',
)
KEYS = (
    "{}\n",
    "$ cat id_rsa\n{}\n$ ls\n",
    "Before.\n{}\nAfter.\n",
)
LABELS = ("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY")


def cases() -> list[Case]:
    return [*_formats(), *_assigned(), *_headers(), *_keys()]


def _formats() -> Iterator[Case]:
    make = Generator()
    for number, (kind, maker) in enumerate(FORMATS):
        for place in (PLACES[(number + step) % len(PLACES)] for step in range(4)):
            secret = maker(make)
            yield Case(place.format(secret, secret), (_hidden(kind, secret),), kind)


def _hidden(kind: str, secret: str) -> str:
    """The part of a secret that isn't public: the numbers of bots are."""
    match kind:
        case "telegram token":
            return secret.partition(":")[2]
        case "discord token":
            return secret.partition(".")[2]
        case _:
            return secret


def _assigned() -> Iterator[Case]:
    make = Generator(11)
    for place in PASSWORDS:
        secret = make.password()
        yield Case(place.format(secret), (secret,), "password")
    for place in PASSWORDS:
        secret = make.mixed(14)
        yield Case(place.format(secret), (secret,), "password")
    for place in TOKENS:
        secret = make.mixed(32)
        yield Case(place.format(secret), (secret,), "token")
    secret = make.some(HEX, 32)
    yield Case(f"MAILGUN_API_KEY={secret}\n", (secret,), "token")
    secret = make.mixed(40)
    yield Case(f"[default]\naws_secret_access_key = {secret}\nregion = eu-west-1\n", (secret,), "aws secret key")
    secret = make.some(BASE64, 86) + "=="
    yield Case(
        f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={secret};\n", (secret,), "azure storage key"
    )


def _headers() -> Iterator[Case]:
    make = Generator(13)
    for place in ("Authorization: Basic {}\n", "curl -H 'authorization: basic {}'\n", '"Authorization": "Basic {}"\n'):
        secret = make.basic()
        yield Case(place.format(secret), (secret,), "basic")
    secret = make.mixed(30)
    yield Case(f"sent Bearer {secret} to the API\n", (secret,), "bearer")
    secret = f"T{make.some(UPPER, 8)}/B{make.some(UPPER, 10)}/{make.some(ALNUM, 24)}"
    yield Case(f"curl -d @m.json https://hooks.slack.com/services/{secret}\n", (secret,), "slack webhook")
    secret = f"{make.some('123456789', 18)}/{make.some(WORD, 68)}"
    yield Case(f"url: https://discord.com/api/webhooks/{secret}\n", (secret,), "discord webhook")


def _keys() -> Iterator[Case]:
    make = Generator(17)
    for label in LABELS:
        for place in KEYS:
            key = make.pem(label)
            yield Case(place.format(key), tuple(key.split("\n")[1:-1]), "private key")
    key = make.pem()
    secrets = tuple(key.split("\n")[1:-1])
    encrypted = key.replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C\n\n", 1)
    yield Case(f"{encrypted}\n", secrets, "private key")
    escaped = key.replace("\n", "\\n")
    yield Case(f'{{"type": "service_account", "private_key": "{escaped}\\n", "id": 1}}\n', secrets, "private key")
    patch = "".join(f"+{line}\n" for line in key.split("\n"))
    yield Case(f"@@ -0,0 +1,11 @@\n{patch} end\n", secrets, "private key")
    listing = "".join(f"{number:6}\u2192{line}\n" for number, line in enumerate(key.split("\n"), 1))
    yield Case(listing, secrets, "private key")
    indented = "".join(f"    {line}\r\n" for line in key.split("\n"))
    yield Case(f"tls.key: |\r\n{indented}other: 1\r\n", secrets, "private key")
    pgp = make.pem("PGP PRIVATE KEY BLOCK").replace("-----\n", "-----\nVersion: GnuPG v2\n\n", 1)
    pgp = pgp.replace("\n-----END", f"\n={make.some(ALNUM, 4)}\n-----END")
    yield Case(f"{pgp}\n", tuple(pgp.split("\n")[3:-1]), "private key")
    truncated = key.rpartition("\n-----END")[0].rpartition("\n")[0]
    yield Case(f"{truncated}\n\nThe rest is missing.\n", secrets[:-1], "private key")

"""Fetches the libraries the pages use from the npm registry into static/vendor: `python tools/vendor.py`.

`static/vendor/manifest.json` then lists what is there: version, license, and the SHA-256 of every file, which are
unmodified.
"""

import hashlib
import io
import json
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
REGISTRY = "https://registry.npmjs.org"
LANGUAGES = "bash css diff go java javascript json markdown python rust sql typescript xml yaml"


@dataclass(frozen=True)
class Library:
    package: str
    version: str
    licence: str
    files: dict[str, str]  # paths in the package, and paths in static/vendor

    @property
    def archive(self) -> str:
        return f"{REGISTRY}/{self.package}/-/{self.package.rpartition('/')[2]}-{self.version}.tgz"


# The .d.ts files are for `make lint`, which checks how the dashboard uses the libraries.
LIBRARIES = [
    Library(
        "marked",
        "18.2.1",
        "MIT",
        {"lib/marked.esm.js": "marked/marked.js", "lib/marked.d.ts": "marked/marked.d.ts", "LICENSE": "marked/LICENSE"},
    ),
    Library(
        "dompurify",
        "3.4.18",
        "MPL-2.0 OR Apache-2.0",
        {
            "dist/purify.min.js": "dompurify/dompurify.js",  # half the size of the module, which isn't minified
            "dist/purify.es.d.mts": "dompurify/dompurify.d.ts",
            "LICENSE": "dompurify/LICENSE",
        },
    ),
    Library(
        "uplot",
        "1.6.32",
        "MIT",
        {
            "dist/uPlot.esm.js": "uplot/uplot.js",
            "dist/uPlot.d.ts": "uplot/uplot.d.ts",
            "dist/uPlot.min.css": "uplot/uplot.css",
            "LICENSE": "uplot/LICENSE",
        },
    ),
    Library(
        "@github/relative-time-element",
        "5.3.1",
        "MIT",
        {
            "dist/bundle.js": "relative-time/relative-time.js",
            "dist/index.d.ts": "relative-time/relative-time.d.ts",
            "LICENSE": "relative-time/LICENSE",
        },
    ),
    Library(
        "@highlightjs/cdn-assets",
        "11.12.0",
        "BSD-3-Clause",
        {
            "es/core.min.js": "highlight/core.js",
            "LICENSE": "highlight/LICENSE",
            **{f"es/languages/{name}.min.js": f"highlight/{name}.js" for name in LANGUAGES.split()},
        },
    ),
]


def fetch(library: Library) -> dict[str, str]:
    """Put the library's files in place; their paths and hashes."""
    with urllib.request.urlopen(library.archive, timeout=60) as response:
        packed = io.BytesIO(response.read())
    with tarfile.open(fileobj=packed) as archive:
        return {target: unpack(archive, source, VENDOR / target) for source, target in library.files.items()}


def unpack(archive: tarfile.TarFile, source: str, path: Path) -> str:
    member = archive.extractfile(f"package/{source}")
    assert member is not None, f"{source} is not a file in the package"
    content = member.read()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    manifest = [
        {
            "package": library.package,
            "version": library.version,
            "licence": library.licence,
            "archive": library.archive,
            "sha256": fetch(library),
        }
        for library in LIBRARIES
    ]
    (VENDOR / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    main()

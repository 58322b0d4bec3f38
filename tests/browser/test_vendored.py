"""static/vendor contains the published libraries and nothing else."""

import hashlib
import json

from tests.support import ROOT

VENDOR = ROOT / "static" / "vendor"


def test_every_file_is_unmodified_and_has_a_known_license() -> None:
    manifest = json.loads((VENDOR / "manifest.json").read_text())
    listed = {path: digest for library in manifest for path, digest in library["sha256"].items()}
    present = {
        str(path.relative_to(VENDOR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.glob("*/*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert present == listed
    for library in manifest:
        assert library["version"] in library["archive"]
        assert library["licence"] in {"MIT", "BSD-3-Clause", "MPL-2.0 OR Apache-2.0"}
        assert any(path.endswith("/LICENSE") for path in library["sha256"])

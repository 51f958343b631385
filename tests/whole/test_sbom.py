"""The list of the packages that shocpp installs, as CycloneDX."""

import json
import re
import subprocess

import pytest

from tests.world.machine import ROOT


@pytest.mark.timeout(300)
def test_the_sbom_names_every_locked_package_with_its_version_and_hashes() -> None:
    made = subprocess.run(["make", "sbom"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert made.returncode == 0, made.stderr
    bom = json.loads((ROOT / "build" / "sbom.json").read_text())
    assert (bom["bomFormat"], bom["metadata"]["component"]["name"]) == ("CycloneDX", "shocpp")
    listed = {
        (component["name"], component["version"]): {
            digest["content"]
            for reference in component["externalReferences"]
            for digest in reference["hashes"]
        }
        for component in bom["components"]
    }
    lock = (ROOT / "requirements.lock").read_text()
    locked = {}
    for package in re.split(r"^(?=[a-z])", lock, flags=re.MULTILINE)[1:]:
        name, version = package.split()[0].split("==")
        locked[name, version] = set(re.findall("sha256:([0-9a-f]{64})", package))
    assert listed == locked
    assert len(listed) > 10
    assert all(listed.values())

"""Makes a release of what was built: zips, templates, the command as a wheel, a bill of materials, checksums.

    python docs/deploy/release.py [--build .aws-sam/build] [--stackset .aws-sam/stackset] [--out dist]

Run by `make release`, which builds first. Everything in `dist` bears the version, which must be one and the same in
Cargo.toml and in the engine, and have its heading in the changelog. The wheel is installed into a fresh environment and
must find the story's alerts; a release that cannot do that is none.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from package import pack
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parents[2]
ZIPS = {"Detect": "function", "EngineLayer": "engine-layer", "RulesLayer": "rules-layer"}
TARGET = "x86_64-unknown-linux-gnu"

Json = dict[str, Any]


def version() -> str:
    """The one version that everything says."""
    with (ROOT / "Cargo.toml").open("rb") as file:
        found: str = tomllib.load(file)["package"]["version"]
    engine = (ROOT / "layer" / "iota_engine" / "__init__.py").read_text(encoding="utf-8")
    if f'ENGINE_VERSION = "{found}"' not in engine:
        raise SystemExit(f"Cargo.toml says {found}, `layer/iota_engine/__init__.py` another version; make them one")
    return found


def changes(number: str) -> str:
    """What the changelog says of a version; the newest changes where it has no heading yet."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    for title, body in sections.items():
        if title.split(" ")[0] == number:
            return body.strip() + "\n"
    return sections.get("Unreleased", "").strip() + "\n"


def linked(metadata: Json) -> tuple[Json, list[Json], dict[str, list[str]]]:
    """Our package, every crate that is linked into what we ship, and who depends on whom."""
    # `cargo metadata` lists crates of features that nobody switched on; `cargo tree` does not.
    command = ["cargo", "tree", "--edges", "normal", "--prefix", "none", "--target", TARGET, "--locked"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = {tuple(line.split(" ")[:2]) for line in done.stdout.splitlines() if line}
    packages = {
        package["id"]: package
        for package in metadata["packages"]
        if (package["name"], f"v{package['version']}") in names
    }
    if len(packages) != len(names):
        raise SystemExit("`cargo tree` and `cargo metadata` name different crates")
    root = metadata["resolve"]["root"]
    edges = {
        node["id"]: [
            dependency["pkg"]
            for dependency in node["deps"]
            if dependency["pkg"] in packages and any(kind["kind"] is None for kind in dependency["dep_kinds"])
        ]
        for node in metadata["resolve"]["nodes"]
        if node["id"] in packages
    }
    return packages[root], [packages[found] for found in edges if found != root], edges


def bill_of_materials(metadata: Json, lock: Json) -> str:
    """Every crate with its licence and the checksum that Cargo.lock holds it to, as CycloneDX."""
    checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in lock["package"]}
    ours, crates, edges = linked(metadata)
    bom = Bom()
    components: dict[str, Component] = {}
    for crate in [ours, *crates]:
        checksum = checksums[crate["name"], crate["version"]]
        # `MIT/Apache-2.0` is how licences were written before SPDX had expressions.
        licence = (crate.get("license") or "").replace("/", " OR ")
        components[crate["id"]] = Component(
            name=crate["name"],
            version=crate["version"],
            type=ComponentType.APPLICATION if crate is ours else ComponentType.LIBRARY,
            bom_ref=f"{crate['name']}@{crate['version']}",
            purl=None if crate is ours else PackageURL("cargo", None, crate["name"], crate["version"]),
            licenses=[LicenseExpression(licence)] if licence else [],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        )
    bom.metadata.component = components[ours["id"]]
    bom.components.update(components[crate["id"]] for crate in crates)
    for found, needed in edges.items():
        bom.register_dependency(components[found], [components[each] for each in needed])
    text: str = JsonV1Dot6(bom).output_as_string(indent=1)
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if problem is not None:
        raise SystemExit(f"the bill of materials is no CycloneDX: {problem}")
    return text + "\n"


def cargo_metadata() -> Json:
    """What Cargo knows of the crates, for the function's platform."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    metadata: Json = json.loads(done.stdout)
    return metadata


def check_bill(bill: str, binaries: list[Path]) -> None:
    """Hold the bill to the binaries: every crate whose path stands in one (where it may panic) must be on it."""
    components = json.loads(bill)["components"]
    listed = {f"{entry['name']}-{entry['version']}" for entry in components}
    for binary in binaries:
        paths = re.findall(rb"/registry/src/[^/\0]+/([A-Za-z0-9_.+-]+)/", binary.read_bytes())
        found = {path.decode() for path in paths}
        if len(found) < 10:
            raise SystemExit(f"`{binary}` names {len(found)} crates: this check sees nothing")
        if found - listed:
            raise SystemExit(f"`{binary}` holds crates that the bill of materials lacks: {sorted(found - listed)}")
    unsigned = [entry["name"] for entry in components if not entry.get("hashes")]
    if unsigned:
        raise SystemExit(f"no checksum in Cargo.lock for {', '.join(unsigned)}")


def wheel(out: Path) -> Path:
    """Build the command into a wheel."""
    maturin = Path(sys.executable).with_name("maturin")
    command: list[str | Path] = [maturin, "build", "--release", "--locked", "--strip", "--out", out]
    subprocess.run(command, cwd=ROOT, check=True)
    [built] = out.glob("*.whl")
    return built


def try_wheel(built: Path, number: str) -> None:
    """Install it as its users will, and find what the story's bucket holds."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "venv", with_pip=True)
        bin_ = place / "venv" / "bin"
        subprocess.run([bin_ / "pip", "install", "--quiet", "--disable-pip-version-check", built], check=True)
        # Nothing of this project but the rules and the logs is in reach.
        environment = {"PATH": f"{bin_}:/usr/bin:/bin", "HOME": folder}
        said = subprocess.run([bin_ / "iota", "--version"], env=environment, capture_output=True, text=True, check=True)
        if said.stdout.strip() != f"iota {number}":
            raise SystemExit(f"the wheel holds `{said.stdout.strip()}`, expected `iota {number}`")
        scan: list[str | Path] = [bin_ / "iota", "scan", ROOT / "events" / "bucket"]
        scan += ["--rules", ROOT / "rules", "--all-matches"]
        done = subprocess.run(scan, cwd=place, env=environment, capture_output=True, text=True, check=False)
        found = {(alert["rule_id"], alert["event_id"]) for alert in map(json.loads, done.stdout.splitlines())}
        story = json.loads((ROOT / "events" / "expected-alerts.json").read_text(encoding="utf-8"))
        expected = {(alert["rule_id"], alert["event_id"]) for alert in story}
        if done.returncode != 0 or not expected <= found:
            raise SystemExit(f"the wheel misses {expected - found}: {done.stderr}")
    print(f"the wheel finds the {len(expected)} alerts of the story")


def checksums(out: Path) -> str:
    """What `sha256sum --check` reads."""
    files = sorted(path for path in out.iterdir() if path.name != "SHA256SUMS")
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def release(build: Path, stackset: Path, out: Path) -> None:
    """Fill `out`."""
    number = version()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for name, title in ZIPS.items():
        pack(build / name, out / f"iota-{number}-{title}.zip")
    pack(stackset, out / f"iota-{number}-stackset.zip")
    shutil.copy(ROOT / "docs" / "deploy" / "same-account.yaml", out / f"iota-{number}-same-account.yaml")
    shutil.copy(ROOT / "docs" / "deploy" / "log-archive-account.yaml", out / f"iota-{number}-log-archive-account.yaml")
    with (ROOT / "Cargo.lock").open("rb") as file:
        lock = tomllib.load(file)
    bill = bill_of_materials(cargo_metadata(), lock)
    check_bill(bill, [build / "Detect" / "bootstrap", ROOT / "target" / "release" / "iota"])
    (out / f"iota-{number}.cdx.json").write_text(bill, encoding="utf-8")
    try_wheel(wheel(out), number)
    (out / "SHA256SUMS").write_text(checksums(out), encoding="utf-8")
    for path in sorted(out.iterdir()):
        print(f"{path.stat().st_size:>10}  {path.relative_to(out.parent)}")


def main(arguments: list[str]) -> int:
    """Make a release, or print what changed in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build")
    parser.add_argument("--stackset", type=Path, default=ROOT / ".aws-sam" / "stackset")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--changes", action="store_true", help="print what the changelog says, and stop")
    options = parser.parse_args(arguments)
    if options.changes:
        print(changes(version()), end="")
        return 0
    release(options.build, options.stackset, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

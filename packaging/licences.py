"""Prints the licences of the crates that are compiled into the binary for a target: python3 licences.py TARGET

The texts are the crates' own files. Build dependencies and those of the tests are left out. A crate without such a file, or whose
licence is not known here, ends it: somebody has to look.
"""

import json
import pathlib
import subprocess
import sys

# What may be in the binary. Each needs no more than its text in THIRD-PARTY.txt.
KNOWN = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "Unicode-3.0", "CDLA-Permissive-2.0", "Unlicense"}
FILES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT")
LINE = "-" * 80


def linked(target):
    """The packages of the binary, without doorstep, by name and version."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, rest = set(), [root]
    while rest:
        package = rest.pop()
        if package not in seen:
            seen.add(package)
            normal = (it for it in nodes[package]["deps"] if any(kind["kind"] is None for kind in it["dep_kinds"]))
            rest.extend(dependency["pkg"] for dependency in normal)
    packages = [package for package in metadata["packages"] if package["id"] in seen - {root}]
    return sorted(packages, key=lambda package: (package["name"], package["version"]))


def texts(package):
    """The licence files of a package: name and text."""
    folder = pathlib.Path(package["manifest_path"]).parent
    # Also in folders: LICENSES/MIT.txt, third_party/fiat/LICENSE.
    def is_licence(file):
        return file.is_file() and (file.name.upper().startswith(FILES) or file.parent.name.upper().startswith(FILES))

    files = sorted(file for file in folder.rglob("*") if is_licence(file))
    return [(file.relative_to(folder).as_posix(), file.read_text(encoding="utf-8", errors="replace").strip()) for file in files]


def main(target):
    print("doorstep contains the software listed here, under these licences. doorstep itself is under the MIT licence (LICENSE).")
    print("The notices of Rust's standard library are in THIRD-PARTY-rust-std.html; those of musl and of LLVM's libunwind are at the")
    print("end of this file. SQLite is in the public domain (https://sqlite.org/copyright.html).\n")
    # Most texts are the same in many crates. Each is printed once, with the crates that have it.
    users = {}
    for package in linked(target):
        name = f"{package['name']} {package['version']}"
        licence = package["license"] or ""
        words = licence.replace("/", " OR ").replace("(", " ").replace(")", " ").split()
        if not words or any(word not in KNOWN | {"OR", "AND"} for word in words):
            sys.exit(f"licences: {name} is under {licence or 'no licence that it names'}: may it be in the binary?")
        found = texts(package)
        if not found:
            sys.exit(f"licences: {name} has no licence file")
        print(f"  {name}: {licence}")
        for file, text in found:
            users.setdefault(text, []).append(f"{name} ({file})")
    for text, names in users.items():
        print(f"\n{LINE}\n" + "\n".join(names) + f"\n{LINE}\n\n{text}")


main(*sys.argv[1:])

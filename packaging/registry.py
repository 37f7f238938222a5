#!/usr/bin/env python3
"""Prints the registry entry with the bundles of a release: registry.py TAG FOLDER > server.json"""

import hashlib
import json
import pathlib
import sys

tag, folder = sys.argv[1], pathlib.Path(sys.argv[2])
entry = json.loads((pathlib.Path(__file__).parent / "server.json").read_text())
if tag != f"v{entry['version']}":
    sys.exit(f"the tag {tag} is not the version {entry['version']} of packaging/server.json")
container = entry["packages"][0]
for bundle in sorted(folder.glob("*.mcpb")):
    entry["packages"].append({
        "registryType": "mcpb",
        "identifier": f"{entry['repository']['url']}/releases/download/{tag}/{bundle.name}",
        "fileSha256": hashlib.sha256(bundle.read_bytes()).hexdigest(),
        "transport": {"type": "stdio"},
        "environmentVariables": container["environmentVariables"],
    })
if len(entry["packages"]) == 1:
    sys.exit(f"there is no bundle in {folder}")
print(json.dumps(entry, indent=2))

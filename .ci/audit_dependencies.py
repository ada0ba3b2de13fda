"""No version that the service is pinned to has a known weakness, or it is said that nobody could be asked.

``python .ci/audit_dependencies.py [option of pip-audit ...]``: exit 1 where an advisory names one of
``requirements.txt``, 2 where the audit itself fails, and 0 where no advisory does or no source of them answers, as on
a machine without a network.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

PINNED = Path(__file__).parent.parent / "requirements.txt"
_AWAY = re.compile(r"ConnectionError|ConnectTimeout|ReadTimeout|ServiceError|[Cc]ould not connect")


def main(options: list[str]) -> int:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(PINNED), "--no-deps", "--disable-pip"]
    asked = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off", *options], capture_output=True, text=True
    )
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"Nothing was audited: {_last_line(asked.stderr)}")
        return 0 if _AWAY.search(asked.stderr) else 2
    answered = [package for package in packages if "vulns" in package]
    if not answered:
        print(f"Nothing was audited: no source of advisories knows any of {len(packages)} packages; is it reachable?")
        return 0
    found = 0
    for package in answered:
        for weakness in package["vulns"]:
            found += 1
            fixed = ", ".join(weakness["fix_versions"]) or "no version yet"
            print(f"{package['name']} {package['version']}: {weakness['id']}, fixed in {fixed}")
    print(f"{len(answered)} of {len(packages)} packages audited, {found} known weaknesses.")
    return 1 if found else 0


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["pip-audit said nothing"])[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

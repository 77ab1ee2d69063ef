"""`strongroom archive` beside age, gpg, restic and AWS's own SDK for JavaScript, on the same data in the same run: a stream
through each, encrypted to a file and back to nowhere, and a tree of small files. Everything on all cores, as it comes, and on
the disk when it is done: what does not sync by itself is synced."""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import node_clients
from deployment import BIN, Deployment

JAVASCRIPT = """
import { createReadStream, createWriteStream } from "node:fs";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { buildClient, CommitmentPolicy, AlgorithmSuiteIdentifier, KmsKeyringNode } from "@aws-crypto/client-node";
const [what, key, from, to] = process.argv.slice(2);
const { encryptStream, decryptUnsignedMessageStream } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const keyring = new KmsKeyringNode({ generatorKeyId: key });
const suiteId = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;
const nowhere = new Writable({ write: (chunk, encoding, done) => done() });
const input = createReadStream(from, { highWaterMark: 1 << 20 });
if (what === "encrypt") await pipeline(input, encryptStream(keyring, { suiteId, frameLength: 1 << 20 }), createWriteStream(to));
else await pipeline(input, decryptUnsignedMessageStream(keyring), nowhere);
"""


class Bench:
    def __init__(self, deployment, row):
        self.d, self.row = deployment, row
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")))
        self.environment = {**deployment.environment, "HOME": str(self.root), "XDG_CONFIG_HOME": str(self.root),
                            "XDG_STATE_HOME": str(self.root), "TMPDIR": str(self.root), "RESTIC_PASSWORD": "bench",
                            "GNUPGHOME": str(self.root / "gnupg"), "RESTIC_REPOSITORY": str(self.root / "restic"),
                            "NODE_EXTRA_CA_CERTS": deployment.environment["AWS_CA_BUNDLE"],
                            "AWS_REGION": deployment.environment["AWS_DEFAULT_REGION"],
                            "PATH": f"{BIN}:{os.environ['PATH']}"}
        (self.root / "gnupg").mkdir(mode=0o700)
        (self.root / "pass").write_text("bench\n")

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def timed(self, line):
        """Seconds. Ends the bench when it fails: for what must work."""
        began = time.monotonic()
        done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], cwd=self.root, env=self.environment,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{line}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return time.monotonic() - began

    def both(self, name, ways):
        """Seconds of both ways; of another program that fails, None (the SDK for JavaScript cannot do 4 GiB)."""
        try:
            return tuple(self.timed(way) for way in ways)
        except SystemExit as failed:
            if name.startswith("strongroom"):
                raise
            print(f"{name} failed: {str(failed).splitlines()[-1]}", file=sys.stderr)
            return None

    def prepare(self):
        key = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        self.timed(f"strongroom archive location add bench {self.root}/store --kms-key-id {key}")
        self.timed("age-keygen -o age.key 2>/dev/null && age-keygen -y age.key > age.pub && restic init -q")
        node_clients.install()
        (node_clients.PLACE / "stream.mjs").write_text(JAVASCRIPT)
        return f"{node_clients.node()} {node_clients.PLACE}/stream.mjs", key

    def stream(self, mib, javascript, key):
        """Seconds each way by program."""
        with open(self.root / "data", "wb") as file:
            for seed in range(mib // 16):
                file.write(random.Random(seed).randbytes(16 << 20))
        gpg = "gpg --batch --quiet --pinentry-mode loopback --passphrase-file pass --compress-algo none --cipher-algo AES256"
        ways = {
            "strongroom": ("strongroom archive put bench - --name s --quiet < data",
                           "strongroom archive get bench s - --quiet > /dev/null"),
            "strongroom --sign": ("strongroom archive put bench - --name t --sign --quiet < data",
                                  "strongroom archive get bench t - --quiet > /dev/null"),
            "age": ("age -R age.pub -o data.age data && sync data.age", "age -d -i age.key data.age > /dev/null"),
            "gpg": (f"{gpg} --symmetric --output data.gpg data && sync data.gpg", f"{gpg} --decrypt data.gpg > /dev/null"),
            "restic": ("restic backup -q --compression off --stdin --stdin-filename data < data",
                       "restic dump -q latest data > /dev/null"),
            "SDK for JavaScript": (f"{javascript} encrypt {key} data data.js && sync data.js", f"{javascript} decrypt {key} data.js"),
        }
        taken = {}
        for name, lines in ways.items():
            taken[name] = self.both(name, lines)
            for left in ("data.age", "data.gpg", "data.js"):
                (self.root / left).unlink(missing_ok=True)
        return taken

    def tree(self, files):
        made = random.Random(1)
        for i in range(files):
            directory = self.root / "tree" / f"d{i // 1000:03}"
            if i % 1000 == 0:
                directory.mkdir(parents=True)
            (directory / f"f{i:06}").write_bytes(made.randbytes(made.randrange(1, 8192)))
        ways = {
            "strongroom": ("strongroom archive put bench tree --name tree --quiet",
                           "strongroom archive restore bench tree back --quiet"),
            "restic": ("restic backup -q --compression off tree", "restic restore -q latest --target back && sync -f back"),
            "tar and age": ("tar -c tree | age -R age.pub -o tree.age && sync tree.age",
                            "mkdir back && age -d -i age.key tree.age | tar -x -C back && sync -f back"),
        }
        taken = {}
        for name, lines in ways.items():
            taken[name] = self.both(name, lines)
            self.timed("rm -rf back")
        return taken

    def report(self, what, unit, amount, taken):
        for way, label in enumerate(("there", "back")):
            ours = amount / taken["strongroom"][way]
            for name, seconds in taken.items():
                if seconds is None:
                    self.row(f"archive: {what}, {label}, {name}", "failed", "-", "-", "")
                    continue
                rate = amount / seconds[way]
                self.row(f"archive: {what}, {label}, {name}", f"{rate:,.0f} {unit}/s", f"strongroom {ours:,.0f} {unit}/s",
                         f"{ours / rate:.2f}", "times as fast as this")


def run(row, mib, files):
    for program in ("age", "gpg", "restic"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is not installed: script/bootstrap --all")
    deployment = Deployment().start()
    bench = Bench(deployment, row)
    try:
        javascript, key = bench.prepare()
        bench.report(f"stream of {mib} MiB", "MiB", mib, bench.stream(mib, javascript, key))
        bench.report(f"{files} small files", "files", files, bench.tree(files))
    finally:
        bench.close()
        deployment.close()

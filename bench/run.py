#!/usr/bin/env python3
"""The figures of script/bench: each against this machine's own limit, in the same run, on the same core.

Servers run on the first core and the load generator on the second; the load generator's own CPU time per request
is printed, so that one sees whether it was the limit.
"""

import argparse
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import archive  # noqa: E402
import cluster  # noqa: E402
import operations  # noqa: E402
import deployment  # noqa: E402
from deployment import BIN, Deployment  # noqa: E402

rows = []
archive_mib, archive_files = 0, 0  # as the options say


def row(what, ours, limit, ratio, note=""):
    rows.append({"what": what, "strongroom": ours, "limit": limit, "ratio": ratio, "note": note})
    print(f"  {what:<58} {ours:>22} {limit:>24} {ratio:>8}  {note}", flush=True)


def load(host, port, seconds, *arguments, environment=None, connections=64):
    done = subprocess.run(["taskset", "-c", "1", str(BIN / "strongroom_loadgen"), "--host", host, "--port", str(port),
                           "-c", str(connections), "-t", str(seconds), "--warmup", "2", *arguments], capture_output=True, text=True,
                          env=environment)
    found = re.search(r"requests/s (\d+).*failures (\d+).*p50 (\d+) us\s+p99 (\d+) us\s+client CPU ([\d.]+)", done.stdout)
    if not found or found.group(2) != "0":
        raise SystemExit(f"loadgen failed: {done.stdout}{done.stderr}")
    return {"rate": int(found.group(1)), "p50": int(found.group(3)), "p99": int(found.group(4)),
            "client": float(found.group(5))}


def cpu_seconds(pids):
    tick = os.sysconf("SC_CLK_TCK")
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / tick


@contextlib.contextmanager
def on_first_core():
    """What starts in here stays on the first core, and makes as many loops as one core is worth: nginx has one worker."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {0})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Nginx:
    """One worker on the first core, the same TLS and answer size."""

    def __init__(self, deployment, reply_bytes):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-nginx-"))
        tls = deployment.data / "tls"
        for name in ("server.crt", "server.key"):
            shutil.copy(tls / name, self.root / name)
        (self.root / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {self.root}/pid; error_log {self.root}/error.log;
            events {{ worker_connections 1024; }}
            http {{
              access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
              client_body_temp_path {self.root}/b; proxy_temp_path {self.root}/p; fastcgi_temp_path {self.root}/f;
              uwsgi_temp_path {self.root}/u; scgi_temp_path {self.root}/s;
              server {{
                listen 127.0.0.1:18443 ssl; ssl_protocols TLSv1.3;
                ssl_certificate {self.root}/server.crt; ssl_certificate_key {self.root}/server.key;
                location / {{ default_type application/x-amz-json-1.1; return 200 "{'x' * reply_bytes}"; }}
              }}
            }}""")
        self.process = subprocess.Popen(["taskset", "-c", "0", "nginx", "-c", str(self.root / "nginx.conf")])
        time.sleep(1)

    def pids(self):
        out = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        return [self.process.pid, *map(int, out)]

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.root, ignore_errors=True)


def service_cpu(d):
    """Seconds of CPU that each program of the deployment has had: with two HSMs, both together."""
    used = {}
    for process in d.status()["processes"]:
        if process["name"] != "strongroom":
            used[process["name"]] = used.get(process["name"], 0) + cpu_seconds([process["pid"]])
    return used


def settle(d):
    """Waits until the HSMs have made the key pairs that they keep ready."""
    for _ in range(120):
        before = sum(service_cpu(d).values())
        time.sleep(1)
        if sum(service_cpu(d).values()) - before < 0.05:
            return


def decrypts(d, seconds, name, key):
    """HTTPS Decrypt of a 32-byte data key, and nginx with the same sizes."""
    made = d.ok("kms", "generate-data-key", "--key-id", key, "--key-spec", "AES_256")
    body = json.dumps({"CiphertextBlob": made["CiphertextBlob"]})
    reply = json.dumps({"KeyId": made["KeyId"], "Plaintext": made["Plaintext"], "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
                        "KeyMaterialId": "0" * 64}, separators=(",", ":"))
    host, port = d.endpoint.removeprefix("https://").rsplit(":", 1)
    settle(d)
    before, start = service_cpu(d), time.monotonic()
    ours = load(host, port, seconds, "--target", "TrentService.Decrypt", "--body", body, "--region",
                d.environment["AWS_DEFAULT_REGION"], environment=d.environment)
    took = time.monotonic() - start
    each = {p: (used - before.get(p, 0)) / (ours["rate"] * took) * 1e6 for p, used in service_cpu(d).items()}
    nginx = Nginx(d, len(reply))
    try:
        theirs = load("127.0.0.1", 18443, seconds, "--unsigned", "--body", body)
    finally:
        nginx.close()
    row(f"HTTPS Decrypt, {name}, 64 connections, 1 core", f"{ours['rate']}/s", f"nginx {theirs['rate']}/s",
        f"{ours['rate'] / theirs['rate']:.2f}",
        f"p50 {ours['p50']} us, p99 {ours['p99']} us, {sum(each.values()):.1f} us CPU/request: "
        + ", ".join(f"{name} {used:.1f}" for name, used in sorted(each.items()))
        + f"; load generator {ours['client']} us/request")


def signatures(seconds):
    for name, ours_name, theirs in (("RSA-2048", "SignMessage/Rsa2048", "rsa2048"), ("P-256", "SignMessage/P256", "ecdsap256")):
        for threads in (1, 2):
            out = subprocess.run(["openssl", "speed", "-multi", str(threads), "-seconds", str(seconds), theirs],
                                 capture_output=True, text=True).stdout
            line = [text for text in out.splitlines() if re.search(r"rsa 2048 bits|256 bits ecdsa", text)][-1]
            limit = float(re.findall(r"[\d.]+", line.split("s ", 1)[1])[-2])
            done = subprocess.run([str(BIN / "strongroom_crypto_bench"), f"--benchmark_filter={ours_name}",
                                   f"--benchmark_min_time={seconds}", "--benchmark_format=json"], capture_output=True, text=True)
            [result] = [b for b in json.loads(done.stdout)["benchmarks"] if b["threads"] == threads]
            rate = result["items_per_second"]
            row(f"{name} sign, {threads} thread(s)", f"{rate:.0f}/s", f"openssl speed {limit:.0f}/s", f"{rate / limit:.2f}")


def channel(seconds):
    print(subprocess.run([str(BIN / "strongroom_hsm_channel_bench")], capture_output=True, text=True).stdout, flush=True)


def policies(seconds):
    aims = {"KeyPolicyOfTheConsole": 1000, "KeyPolicyAndIdentityPolicy": 1000, "TwentyStatementsWithConditions": 5000}
    done = subprocess.run([str(BIN / "strongroom_policy_bench"), f"--benchmark_min_time={seconds}",
                           "--benchmark_format=json"], capture_output=True, text=True)
    for result in json.loads(done.stdout)["benchmarks"]:
        aim = aims.get(result["name"])
        if aim:
            row(f"decision: {result['name']}", f"{result['cpu_time']:.0f} ns", f"aim {aim} ns",
                f"{result['cpu_time'] / aim:.2f}", f"{result['allocations']:.0f} allocations")


def service(seconds):
    d = Deployment().start()
    try:
        d.stop()
        begun = time.monotonic()
        d.start()
        row("start to ready, directory already made", f"{time.monotonic() - begun:.2f} s", "-", "-")
        time.sleep(2)
        for process in d.status()["processes"]:
            if process["name"] in ("strongroomd", "strongroom-hsm"):
                row(f"memory of {process['name']}, idle", f"{process['residentMiB']:.1f} MiB", "aim 64 MiB", "-")
        d.stop()
        with on_first_core():
            d.start()
        key = d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        decrypts(d, seconds, "default key store", key)
        _, store = d.connected_store()
        custom = d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", store)["KeyMetadata"]["KeyId"]
        decrypts(d, seconds, "custom key store, 2 HSMs", custom)
    finally:
        d.close()


@contextlib.contextmanager
def programs_that_record_nothing(folder):
    """Deployments that start in here have a strongroomd that records no calls."""
    folder.mkdir()
    for program in BIN.iterdir():
        if program.is_file():
            source = BIN.parent / "tests" / "strongroomd-unrecorded" if program.name == "strongroomd" else program
            try:
                os.link(source, folder / program.name)
            except OSError:  # another file system
                shutil.copy2(source, folder / program.name)
    deployment.BIN = folder
    try:
        yield
    finally:
        deployment.BIN = BIN


def audit(seconds, rounds=8):
    """What recording every call costs Decrypt, against a strongroomd that records none. The two take turns, AB BA AB …, on
    the same core, so that what else changes on the machine is the same for both."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-bench-"))
    root.chmod(0o755)  # the service's own user runs what is in there
    recorded, unrecorded = Deployment(), Deployment()
    try:
        with on_first_core():
            recorded.start()
            with programs_that_record_nothing(root / "bin"):
                unrecorded.start()
        bodies = {}
        for d in (recorded, unrecorded):
            key = d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
            made = d.ok("kms", "generate-data-key", "--key-id", key, "--key-spec", "AES_256")
            bodies[d] = json.dumps({"CiphertextBlob": made["CiphertextBlob"]})
            settle(d)

        def measure(d):
            host, port = d.endpoint.removeprefix("https://").rsplit(":", 1)
            before, start = sum(service_cpu(d).values()), time.monotonic()
            rate = load(host, port, seconds, "--target", "TrentService.Decrypt", "--body", bodies[d], "--region",
                        d.environment["AWS_DEFAULT_REGION"], environment=d.environment)["rate"]
            return rate, (sum(service_cpu(d).values()) - before) / (rate * (time.monotonic() - start)) * 1e6

        measured = {recorded: [], unrecorded: []}
        for turn in range(rounds):
            for d in (recorded, unrecorded) if turn % 2 == 0 else (unrecorded, recorded):
                measured[d].append(measure(d))
        rates, cpus = ({d: [one[which] for one in measured[d]] for d in measured} for which in (0, 1))
        costs = [(without - with_it) / without * 100 for with_it, without in zip(rates[recorded], rates[unrecorded])]
        ours, limit = statistics.median(rates[recorded]), statistics.median(rates[unrecorded])
        row("HTTPS Decrypt, every call recorded", f"{ours:.0f}/s", f"unrecorded {limit:.0f}/s", f"{ours / limit:.3f}",
            f"recording costs {statistics.median(costs):.1f} % (aim 5; {rounds} pairs from {min(costs):.1f} to {max(costs):.1f}); "
            f"{statistics.median(cpus[recorded]):.1f} against {statistics.median(cpus[unrecorded]):.1f} us CPU/request")
    finally:
        recorded.close()
        unrecorded.close()
        shutil.rmtree(root, ignore_errors=True)


def openssl_speed(seconds, *algorithm):
    """Bytes each second of one core, by OpenSSL's own measure."""
    out = subprocess.run(["taskset", "-c", "0", "openssl", "speed", "-seconds", str(seconds), "-bytes", str(1 << 20), "-mr",
                          "-evp", *algorithm], capture_output=True, text=True).stdout
    return float(re.findall(r"^\+F:.*:([\d.]+)$", out, re.M)[-1])


def archive_messages(seconds):
    """Messages of 64 MiB in frames of 1 MiB, on one core, against AES-256-GCM and, where they are signed, SHA-384."""
    gcm = {False: openssl_speed(seconds, "aes-256-gcm"), True: openssl_speed(seconds, "aes-256-gcm", "-decrypt")}
    sha = openssl_speed(seconds, "sha384")
    done = subprocess.run(["taskset", "-c", "0", str(BIN / "strongroom_encryption_sdk_bench"),
                           "--benchmark_filter=threads:0", f"--benchmark_min_time={seconds}", "--benchmark_format=json"],
                          capture_output=True, text=True)
    for result in json.loads(done.stdout)["benchmarks"]:
        decrypts, is_signed = result["name"].startswith("Decrypt"), "signed:1" in result["name"]
        limit = 1 / (1 / gcm[decrypts] + 1 / sha) if is_signed else gcm[decrypts]
        aim = 0.8 if is_signed else 0.6
        rate = result["bytes_per_second"] * result["real_time"] / result["cpu_time"]  # of its CPU time, as openssl's is
        row(f"{'decrypt' if decrypts else 'encrypt'} messages, suite {'0578' if is_signed else '0478'}, 1 core",
            f"{rate / 1e9:.2f} GB/s", f"{'GCM and SHA-384' if is_signed else 'GCM'} {limit / 1e9:.2f} GB/s",
            f"{rate / limit:.2f}", f"aim {aim:.2f}")


PARTS = {
    "signatures": lambda seconds: signatures(2),
    "channel": channel,
    "policies": lambda seconds: policies(1),
    "archive-messages": archive_messages,
    "service": service,
    "audit": audit,
    "operations": lambda seconds: operations.each_operation(sys.modules[__name__], seconds),
    "million-keys": lambda seconds: operations.a_million_keys(sys.modules[__name__], seconds),
    "cluster-sqlite": lambda seconds: cluster.on_sqlite(row, seconds),
    "cluster-postgresql": lambda seconds: cluster.on_postgresql(row, seconds),
    "archive": lambda seconds: archive.run(row, archive_mib, archive_files),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="measured time of each figure")
    parser.add_argument("--only", choices=list(PARTS), action="append", help="only this part; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="write the table there too")
    parser.add_argument("--archive-mib", type=int, default=1024, help="the archive's stream; 4096 for the full figure")
    parser.add_argument("--archive-files", type=int, default=20000, help="the archive's tree; 100000 for the full figure")
    options = parser.parse_args()
    global archive_mib, archive_files
    archive_mib, archive_files = options.archive_mib, options.archive_files

    print(f"  {'what':<58} {'Strongroom':>22} {'the machine':>24} {'ratio':>8}")
    for name, part in PARTS.items():
        if not options.only or name in options.only:
            part(options.seconds)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()

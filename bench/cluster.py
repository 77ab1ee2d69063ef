"""The figures of the cluster log: durable key creations, joining, the pause when an HSM dies, and its start. A deployment
with `strongroom serve`, a cluster made through the API, and strongroom_cluster_bench as its crypto user."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

from client import Connection
from deployment import BIN, Deployment
from postgres_test import PostgreSql

OFFICER, USER_PASSWORD = "Officer-pass-1", "Benchuser-pass1"
SUBNETS = [f"subnet-0123456789abcdef{i}" for i in range(3)]
OUTSTANDING = 64  # per HSM
JOIN_KEYS, START_KEYS = 10_000, 100_000
ASK_AFTER_MS, LEAVE_AFTER_MS = 100, 250  # hsm_client/connection.h


class Cluster:
    """An active cluster of one HSM, which takes more keys than AWS's would."""

    def __init__(self, postgresql=None):
        self.keys = 0
        self.d = d = Deployment()
        made = d.run(BIN / "strongroom", "init", "--data", d.data, "--development",
                     *(["--postgresql", postgresql] if postgresql else []))
        if made.status != 0:
            raise SystemExit(made.err)
        settings = d.data / "strongroom.toml"
        settings.write_text(re.sub(r"max_keys = \d+", "max_keys = 100000", settings.read_text()))
        d.start()
        original, d.create_cluster = d.create_cluster, lambda: original(SUBNETS)
        self.id = d.active_cluster(OFFICER)["ClusterId"]
        session = d.cmu(f"loginHSM CO admin {OFFICER}", f"createUser CU bench {USER_PASSWORD}", "y", "quit")
        if session.status != 0:
            raise SystemExit(session.out + session.err)
        self.api = Connection(d.environment, "cloudhsm")

    def close(self):
        self.api.close()
        self.d.close()

    def hsms(self):
        [cluster] = self.api.call("DescribeClusters", Filters={"clusterIds": [self.id]})["Clusters"]
        return cluster["Hsms"]

    def addresses(self):
        return [hsm["EniIp"] for hsm in self.hsms() if hsm["State"] == "ACTIVE"]

    def add_hsm(self):
        """Seconds from the request until the HSM is ACTIVE."""
        used = {hsm["AvailabilityZone"] for hsm in self.hsms()}
        [cluster] = self.api.call("DescribeClusters", Filters={"clusterIds": [self.id]})["Clusters"]
        zone = sorted(set(cluster["SubnetMapping"]) - used)[0]
        begun = time.monotonic()
        made = self.api.call("CreateHsm", ClusterId=self.id, AvailabilityZone=zone)["Hsm"]["HsmId"]
        while not any(hsm["HsmId"] == made and hsm["State"] == "ACTIVE" for hsm in self.hsms()):
            if time.monotonic() - begun > 300:
                raise SystemExit(f"{made} does not become ACTIVE:\n{self.d.serve_log()}")
            time.sleep(0.02)
        return time.monotonic() - begun

    def process(self, address):
        """The HSM process at an address: its id and resident MiB."""
        status = self.d.status()
        [hsm] = [hsm["hsm"] for cluster in status["clusters"] for hsm in cluster["hsms"] if hsm["address"] == address]
        [found] = [p for p in status["processes"] if p["hsm"] == hsm] or [None]
        return hsm, found and found["pid"], found and found["residentMiB"]

    def bench(self, mode, servers, *arguments, meanwhile=None):
        command = [BIN / "strongroom_cluster_bench", mode, *(word for each in servers for word in ("--server", each)), *arguments]
        environment = {**self.d.environment, "CLOUDHSM_HOME": str(self.d.client_home)}
        run = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=environment)
        run.stdin.write(USER_PASSWORD + "\n")
        run.stdin.close()
        started = run.stdout.readline()
        if meanwhile and started == "started\n":
            meanwhile()
        out = started + run.stdout.read()
        if run.wait() != 0:
            raise SystemExit(f"cluster_bench {mode}: exit {run.returncode}\n{out}\n{self.d.serve_log()}")
        result = json.loads(out.splitlines()[-1])
        self.keys += result.get("created", 0)
        return result

    def create(self, servers, outstanding, seconds, most):
        pids = {p["name"] + (p["hsm"] or ""): p["pid"] for p in self.d.status()["processes"]}
        before = {name: cpu(pid) for name, pid in pids.items()}
        result = self.bench("create", servers, "--outstanding", outstanding, "--seconds", seconds, "--keys", most,
                            "--warm-up", 0.1)
        spent = {}
        for name, pid in pids.items():
            short = re.sub(r"hsm-[a-z0-9]{8,}$", "", name)
            spent[short] = spent.get(short, 0) + (cpu(pid) - before[name]) / max(1, result["created"]) * 1e6
        result["cpu"] = ", ".join(f"{name.removeprefix('strongroom-')} {micros:.0f}" for name, micros in spent.items()
                                  if micros >= 1)
        return result

    def fill(self, total):
        if self.keys < total:
            self.bench("create", self.addresses()[:1], "--outstanding", 256, "--seconds", 600,
                       "--keys", total - self.keys)

    def record_bytes(self):
        """Of a record that creates one key, by how the HSM's own log grows: an entry has 5 bytes more, and a mark of 13."""
        address = self.addresses()[0]
        log, keys = self.d.data / "hsm" / self.process(address)[0] / "log", 16
        before = log.stat().st_size
        self.bench("create", [address], "--outstanding", 1, "--keys", keys, "--warm-up", 0)
        return (log.stat().st_size - before) // keys - 18


def cpu(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def inserts(where, row_bytes, together, seconds):
    done = subprocess.run([str(BIN / "strongroom_insert_bench"), *where, "--bytes", str(row_bytes), "--together", str(together),
                           "--seconds", str(seconds)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)["rate"]


def decrypt_rate():
    """Bytes that one core opens with AES-256-GCM in a second."""
    out = subprocess.run(["openssl", "speed", "-seconds", "1", "-bytes", "16384", "-decrypt", "-evp", "aes-256-gcm"],
                         capture_output=True, text=True).stdout
    return float(re.findall(r"([\d.]+)k", out)[-1]) * 1000


def read_and_open(files, rate):
    """Seconds that reading these files and opening as many bytes takes at least, and the bytes."""
    begun, size = time.monotonic(), 0
    for file in files:
        size += len(file.read_bytes()) if file.exists() else 0
    return time.monotonic() - begun + size / rate, size


def creations(row, cluster, engine, where, seconds):
    """One HSM with one creation at a time and with many; where(n) names a database for the engine's own inserts."""
    first, row_bytes = cluster.addresses()[:1], cluster.record_bytes()
    alone = cluster.create(first, 1, seconds, JOIN_KEYS // 4)
    limit = inserts(where(1), row_bytes, 1, seconds)
    row(f"keys created, {engine}, 1 HSM, one at a time", f"{alone['rate']:.0f}/s", f"1 row a commit {limit:.0f}/s",
        f"{alone['rate'] / limit:.2f}", f"p50 {alone['p50_us']:.0f} us, p99 {alone['p99_us']:.0f} us; us CPU/key: {alone['cpu']}")
    many = cluster.create(first, OUTSTANDING, 600, JOIN_KEYS - cluster.keys)
    batched = inserts(where(2), row_bytes, 16, seconds)
    show_many(row, many, f"keys created, {engine}, 1 HSM, {OUTSTANDING} outstanding", batched)
    return batched


def show_many(row, many, what, batched):
    row(what, f"{many['rate']:.0f}/s", f"16 together {batched:.0f}/s", f"{many['rate'] / batched:.2f}",
        f"p50 {many['p50_us'] / 1000:.1f} ms, p99 {many['p99_us'] / 1000:.1f} ms; us CPU/key: {many['cpu']}")


def pauses(row, cluster):
    """One change at a time through the client, while an HSM that it uses dies, or hangs."""
    for what, how, limit in (("dies (kill -9)", signal.SIGKILL, "-"),
                             ("hangs", signal.SIGSTOP, f"asked {ASK_AFTER_MS}, left {LEAVE_AFTER_MS} ms")):
        address = cluster.addresses()[-1]
        _, pid, _ = cluster.process(address)

        def fell(pid=pid, how=how):
            time.sleep(2.5)
            os.kill(pid, how)

        try:
            result = cluster.bench("pause", cluster.addresses(), "--outstanding", 1, "--pace", 1,
                                   "--seconds", 6, meanwhile=fell)
        finally:
            if how == signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
        row(f"longest pause for changes when 1 HSM of 3 {what}", f"{result['longest_pause_ms']:.0f} ms", limit, "-",
            f"{result['keys']} keys acknowledged, {result['failed']} refused, p50 {result['p50_us']:.0f} us")
        cluster.bench("up", [address])


def joining(row, cluster, rate):
    created = cluster.add_hsm()
    address = cluster.addresses()[-1]
    hsm, _, _ = cluster.process(address)
    limit, size = read_and_open([cluster.d.data / "hsm" / hsm / name for name in ("snapshot", "log")], rate)
    row(f"CreateHsm to ACTIVE, cluster of {JOIN_KEYS} keys", f"{created:.2f} s", f"read and open {limit * 1e3:.0f} ms",
        f"{limit / created:.3f}", f"{size / 1e6:.1f} MB of snapshot and log")


def starting(row, cluster, rate):
    address = cluster.addresses()[0]
    hsm, pid, before = cluster.process(address)
    limit, size = read_and_open([cluster.d.data / "hsm" / hsm / name for name in ("snapshot", "log")], rate)
    begun = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    cluster.bench("up", [address])
    took = time.monotonic() - begun
    _, _, after = cluster.process(address)
    row(f"kill -9 of an HSM with {START_KEYS} keys, until it serves", f"{took:.2f} s", f"read and open {limit * 1e3:.0f} ms",
        f"{limit / took:.3f}", f"{size / 1e6:.1f} MB of snapshot and log; resident {before:.0f} MiB before, {after:.0f} after")


def on_sqlite(row, seconds):
    cluster = Cluster()
    try:
        limits = cluster.d.root

        batched = creations(row, cluster, "SQLite", lambda n: ["--sqlite", str(limits / f"limit-{n}.db")], seconds)
        rate = decrypt_rate()
        joining(row, cluster, rate)
        cluster.add_hsm()
        three = cluster.create(cluster.addresses(), 3 * OUTSTANDING, seconds, 3 * JOIN_KEYS)
        show_many(row, three, f"keys created, SQLite, 3 HSMs, {OUTSTANDING} outstanding on each", batched)
        pauses(row, cluster)
        cluster.fill(START_KEYS)
        starting(row, cluster, rate)
    finally:
        cluster.close()


def on_postgresql(row, seconds):
    pg = PostgreSql()
    try:
        cluster = Cluster(pg.conninfo)
        try:
            batched = creations(row, cluster, "PostgreSQL", lambda _: ["--postgresql", pg.conninfo], seconds)
            cluster.add_hsm()
            cluster.add_hsm()
            three = cluster.create(cluster.addresses(), 3 * OUTSTANDING, seconds, 3 * JOIN_KEYS)
            show_many(row, three, f"keys created, PostgreSQL, 3 HSMs, {OUTSTANDING} outstanding on each", batched)
        finally:
            cluster.close()
    finally:
        pg.close()

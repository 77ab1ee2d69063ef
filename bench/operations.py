"""KMS's operations one by one, and a store of a million keys."""

import base64
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
from client import Connection  # noqa: E402
from deployment import Deployment  # noqa: E402


def speed(name, pattern):
    """Signatures or verifications a second that openssl manages on the server's core."""
    out = subprocess.run(["taskset", "-c", "0", "openssl", "speed", "-seconds", "2", name], capture_output=True, text=True).stdout
    line = [text for text in out.splitlines() if re.search(pattern, text)][-1]
    sign, verify = map(float, re.findall(r"[\d.]+", line.split("s ", 1)[1])[-2:])
    return sign, verify


def beside(bench, d, seconds, operation, body, limit):
    """Rounds of the operation and of what bounds it, in turn, since a machine's speed varies: the median ratio's round,
    with the CPU time that each process had for a request."""
    rounds = []
    for _ in range(3):
        before, start = bench.service_cpu(d), time.monotonic()
        most = call(bench, d, seconds, operation, body)
        requests = most["rate"] * (time.monotonic() - start)
        cpu = {name: (used - before.get(name, 0)) / requests * 1e6 for name, used in bench.service_cpu(d).items()}
        of = limit()
        rounds.append((most["rate"] / of, most, of, cpu))
    return sorted(rounds, key=lambda each: each[0])[1]


def each_operation(bench, seconds):
    """Every operation as fast as 64 connections can ask, then its latencies at half that rate."""
    d = Deployment().start()
    try:
        d.stop()
        with bench.on_first_core():
            d.start()
        kms = Connection(d.environment, "kms")
        new = lambda **more: kms.call("CreateKey", **more)["KeyMetadata"]["KeyId"]
        key = new()
        mac = new(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        p256 = new(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        rsa = new(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
        text = base64.b64encode(b"m" * 64).decode()
        blob = kms.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")["CiphertextBlob"]
        ecdsa = {"KeyId": p256, "Message": text, "SigningAlgorithm": "ECDSA_SHA_256"}
        pkcs1 = {"KeyId": rsa, "Message": text, "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
        ecdsa_signature = kms.call("Sign", **ecdsa)["Signature"]
        bench.settle(d)
        nginx = bench.Nginx(d, 300)

        def tls():
            return bench.load("127.0.0.1", 18443, seconds, "--unsigned", "--body", "x" * 250)["rate"]

        def ec(which):
            return lambda: speed("ecdsap256", "256 bits ecdsa")[which]

        try:
            for name, operation, body, limit, of in (
                    ("Encrypt, 64 bytes", "Encrypt", {"KeyId": key, "Plaintext": text}, tls, "nginx"),
                    ("Decrypt, 32 bytes", "Decrypt", {"CiphertextBlob": blob}, tls, "nginx"),
                    ("GenerateDataKey", "GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"}, tls, "nginx"),
                    ("GenerateMac, HMAC_256", "GenerateMac", {"KeyId": mac, "Message": text, "MacAlgorithm": "HMAC_SHA_256"}, tls,
                     "nginx"),
                    ("DescribeKey", "DescribeKey", {"KeyId": key}, tls, "nginx"),
                    ("Sign, ECC_NIST_P256", "Sign", ecdsa, ec(0), "openssl"),
                    ("Verify, ECC_NIST_P256", "Verify", ecdsa | {"Signature": ecdsa_signature}, ec(1), "openssl"),
                    ("Sign, RSA_2048", "Sign", pkcs1, lambda: speed("rsa2048", "rsa 2048 bits")[0], "openssl")):
                ratio, most, bound, cpu = beside(bench, d, seconds, operation, json.dumps(body), limit)
                half = call(bench, d, seconds, operation, json.dumps(body), "--rate", str(most["rate"] // 2))
                note = (f"p50 {most['p50']} us, p99 {most['p99']} us; at half load {half['p50']} and {half['p99']} us; CPU "
                        + ", ".join(f"{program} {used:.1f} us" for program, used in cpu.items() if used >= 0.05))
                if of == "openssl":
                    note += f"; the HSM alone {1e6 / bound / cpu['strongroom-hsm']:.2f} of openssl's CPU"
                bench.row(f"{name}, 64 connections, 1 core", f"{most['rate']}/s", f"{of} {bound:.0f}/s", f"{ratio:.2f}", note)
        finally:
            nginx.close()
        times = []
        for _ in range(13):
            bench.settle(d)  # eight are kept ready
            kms.close()  # the service may have closed it meanwhile, as it does with idle ones
            kms.call("DescribeKey", KeyId=key)
            for _ in range(8):
                start = time.monotonic()
                kms.call("GenerateDataKeyPair", KeyId=key, KeyPairSpec="RSA_2048")
                times.append((time.monotonic() - start) * 1e3)
                time.sleep(0.1)
        times.sort()
        bench.row("GenerateDataKeyPair, RSA_2048, pairs made ahead", f"p99 {times[-2]:.1f} ms", "aim 5 ms", "-",
                  f"p50 {times[len(times) // 2]:.1f} ms; {len(times)} in all, ten a second while pairs last")
        kms.close()
    finally:
        d.close()


def call(bench, d, seconds, operation, body, *more, connections=64):
    host, port = d.endpoint.removeprefix("https://").rsplit(":", 1)
    where = ("--bodies", str(body)) if isinstance(body, pathlib.Path) else ("--body", body)
    return bench.load(host, port, seconds, "--target", f"TrentService.{operation}", *where, "--region",
                      d.environment["AWS_DEFAULT_REGION"], *more, environment=d.environment, connections=connections)


def a_million_keys(bench, seconds, total=1_000_000, working_set=10_000):
    """The working set's keys are real; the others are rows that nothing but lists and indices meet."""
    d = Deployment().start()
    try:
        d.stop()
        settings = d.data / "strongroom.toml"
        settings.write_text(re.sub(r"(?m)^keys = \d+$", f"keys = {2 * total}", settings.read_text()))
        with bench.on_first_core():
            d.start()
        kms = Connection(d.environment, "kms")
        bodies = []
        for _ in range(working_set):
            key = kms.call("CreateKey")["KeyMetadata"]["KeyId"]
            bodies.append(json.dumps({"CiphertextBlob": kms.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")["CiphertextBlob"]}))
        d.stop()
        fill(d.data / "service" / "strongroom.sqlite", total - working_set)
        begun = time.monotonic()
        with bench.on_first_core():
            d.start()
        bench.row(f"start to ready with {total:,} keys", f"{time.monotonic() - begun:.2f} s", "aim 3 s", "-")
        kms = Connection(d.environment, "kms")
        pages, page = [], {"Limit": 1000}
        for _ in range(50):
            pages.append(json.dumps(page))
            page = {"Limit": 1000, "Marker": kms.call("ListKeys", **page)["NextMarker"]}
        kms.close()
        lines = d.root / "pages"
        lines.write_text("\n".join(pages) + "\n")
        listed = call(bench, d, seconds, "ListKeys", lines, connections=1)
        bench.row(f"ListKeys, a page of 1,000 of {total:,}", f"p50 {listed['p50'] / 1000:.1f} ms", "aim 5 ms", "-",
                  f"p99 {listed['p99'] / 1000:.1f} ms, one at a time")
        bench.settle(d)
        call(bench, d, seconds, "Decrypt", bodies[0])
        before = memory(d)
        lines = d.root / "bodies"
        lines.write_text("\n".join(bodies) + "\n")
        first = call(bench, d, seconds, "Decrypt", lines)
        grown = (memory(d) - before) / working_set
        turns = [(call(bench, d, seconds, "Decrypt", bodies[0]), call(bench, d, seconds, "Decrypt", lines)) for _ in range(3)]
        one, many = sorted(turns, key=lambda turn: turn[1]["rate"] / turn[0]["rate"])[1]
        bench.row(f"Decrypt with {working_set:,} keys in turn", f"{many['rate']}/s", f"with one key {one['rate']}/s",
                  f"{many['rate'] / one['rate']:.2f}", f"p99 {many['p99']} us; at their first use {first['rate']}/s; "
                  f"strongroomd grew {grown:.2f} KiB a key")
    finally:
        d.close()


def memory(d):
    """KiB of strongroomd."""
    return sum(p["residentMiB"] * 1024 for p in d.processes("strongroomd"))


def fill(database, count):
    with sqlite3.connect(database) as store:
        columns = [row[1] for row in store.execute("PRAGMA table_info(kms_keys)")]
        [like] = store.execute(f"SELECT {', '.join(columns)} FROM kms_keys LIMIT 1").fetchall()
        at = columns.index("key_id")
        rows = ([*like[:at], str(uuid.uuid4()), *like[at + 1:]] for _ in range(count))
        store.executemany(f"INSERT INTO kms_keys ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)
        columns = [row[1] for row in store.execute("PRAGMA table_info(kms_materials)")]
        copied = ", ".join("k.key_id" if column == "key_id" else f"m.{column}" for column in columns)
        store.execute(f"INSERT INTO kms_materials ({', '.join(columns)}) SELECT {copied} FROM kms_keys k JOIN kms_materials m ON "
                      "m.key_id = ? WHERE NOT EXISTS (SELECT 1 FROM kms_materials x WHERE x.account_id = k.account_id AND "
                      "x.region = k.region AND x.key_id = k.key_id)", (like[at],))

"""The audit trail in a bucket: as CloudTrail's files, complete, and each record once, whatever the bucket does."""

import gzip
import hashlib
import json
import os
import re
import signal
import subprocess
import unittest
import urllib.request
import ssl

import s3_servers
from client import Connection
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from deployment import BIN, Deployment, wait_for

BUCKET = "trail"
NAME = re.compile(r"deep/AWSLogs/(\d{12})/CloudTrail/([a-z0-9-]+)/(\d{4})/(\d\d)/(\d\d)/"
                  r"\1_CloudTrail_\2_\3\4\5T\d{4}Z_[A-Za-z0-9]{16}\.json\.gz")


class OnItsWay(Exception):
    """Files are in the bucket whose digest is not there yet."""


class InABucket(unittest.TestCase):
    """`self.d`, and a bucket that it can deliver to and whose content a test looks through."""

    def make_bucket(self):
        self.swift = s3_servers.Swift(self.d.root)
        self.addCleanup(self.swift.stop)
        self.proxy = s3_servers.FaultProxy(self.swift.url)
        self.addCleanup(self.proxy.stop)
        self.s3 = {**os.environ, **s3_servers.environment(self.swift.url)}
        self.aws_s3("s3api", "create-bucket", "--bucket", BUCKET)
        self.deliver_from(self.d)

    def deliver_from(self, deployment):
        """From its next start on."""
        deployment.stop()
        keys = self.d.root / "bucket-keys"
        keys.write_text(f"[trail]\naws_access_key_id = {s3_servers.ACCESS_KEY}\naws_secret_access_key = {s3_servers.SECRET}\n")
        keys.chmod(0o600)
        self.settings(deployment, s3_bucket=BUCKET, s3_prefix="deep", s3_region=s3_servers.REGION,
                      s3_endpoint=self.proxy.url, s3_profile="trail", s3_credentials_file=str(keys))

    def settings(self, deployment, **values):
        file = deployment.data / "strongroom.toml"
        text = file.read_text()
        for name, value in values.items():
            text, changed = re.subn(rf'^{name} = .*$', f'{name} = "{value}"', text, flags=re.M)
            self.assertEqual(changed, 1, name)
        file.write_text(text)

    def aws_s3(self, *arguments):
        return subprocess.run(["aws", *arguments, "--endpoint-url", self.swift.url], check=True, capture_output=True,
                              env=self.s3).stdout.decode()

    def objects(self):
        """What is in the bucket: names and contents."""
        self.aws_s3("s3", "sync", "--delete", f"s3://{BUCKET}", str(self.d.root / "copy"))
        copy = self.d.root / "copy"
        return {str(f.relative_to(copy)): f.read_bytes() for f in copy.rglob("*") if f.is_file()} if copy.exists() else {}

    def records(self):
        """The records in files that digests name, after looking through all of it."""
        there = self.objects()
        digests = sorted(name for name in there if "/CloudTrail-Digest/" in name and name.endswith(".gz"))
        key = serialization.load_pem_public_key((self.d.data / "service" / "audit" / "digest-key.pub.pem").read_bytes())
        named, records, last = [], [], {}
        for name in digests:
            body = gzip.decompress(there[name])
            digest = json.loads(body)
            signature = there[name + ".sig"].decode()
            signed = "\n".join([digest["digestEndTime"], f"{BUCKET}/{name}", hashlib.sha256(body).hexdigest(),
                                digest["previousDigestSignature"] or "null"])
            before = last.get(digest["strongroom"]["frontEnd"])
            key.verify(bytes.fromhex(signature), signed.encode(), ec.ECDSA(hashes.SHA256()))
            self.assertEqual(digest["previousDigestS3Object"], before and before[0])
            self.assertEqual(digest["previousDigestHashValue"], before and before[1])
            self.assertEqual(digest["previousDigestSignature"], before and before[2])
            last[digest["strongroom"]["frontEnd"]] = (name, hashlib.sha256(body).hexdigest(), signature)
            in_files = 0
            for file in digest["logFiles"]:
                self.assertRegex(file["s3Object"], NAME)
                content = gzip.decompress(there[file["s3Object"]])
                self.assertEqual(hashlib.sha256(content).hexdigest(), file["hashValue"])
                own = json.loads(content)["Records"]
                in_files += len(own)
                records += own
                named.append(file["s3Object"])
            self.assertEqual(in_files, digest["strongroom"]["records"])
            self.assertEqual(digest["strongroom"]["unreadableBlocks"], 0)
        self.assertEqual(self.proxy.bad_signatures, [])
        files = [n for n in there if "/CloudTrail/" in n]
        self.assertEqual(sorted(set(named) - set(files)), [])
        if len(files) > len(named):
            raise OnItsWay(f"without a digest: {sorted(set(files) - set(named))}")
        return records

    def exported(self):
        out = self.d.run(BIN / "strongroom", "audit", "export", "--data", self.d.data).out
        return [json.loads(line) for line in out.splitlines()]

    @staticmethod
    def calls(records, name):
        """Ids of the Encrypt calls that call() has made under this name."""
        return sorted(r["eventID"] for r in records if f'"{name} ' in json.dumps(r["requestParameters"]))

    def delivered(self, name, count=40):
        """All records, once these calls are among them; each must be there once."""
        def look():
            try:
                found = self.records()
            except (KeyError, FileNotFoundError, OnItsWay):
                return None
            return found if len(self.calls(found, name)) >= count else None
        records = wait_for(name, look)
        ids = [record["eventID"] for record in records]
        self.assertEqual(len(ids), len(set(ids)))
        return records

    def alarms(self):
        context = ssl.create_default_context(cafile=self.d.environment["AWS_CA_BUNDLE"])
        text = {}
        for page in ("healthz", "metrics"):
            with urllib.request.urlopen(f"{self.d.endpoint}/{page}", context=context) as answer:
                text[page] = answer.read().decode()
        return text

    def call(self, description, count=40, through=None):
        """A key of that description and some calls with it."""
        through = through or self.d
        key = through.ok("kms", "create-key", "--description", description)["KeyMetadata"]["KeyId"]
        kms = Connection(through.environment, "kms")
        for i in range(count):
            kms.call("Encrypt", KeyId=key, Plaintext="c2VjcmV0LXRleHQ=", EncryptionContext={"n": f"{description} {i}"})
        kms.close()


class DeliveryTest(InABucket):
    def setUp(self):
        self.d = Deployment().start()
        self.addCleanup(self.d.close)
        self.make_bucket()

    def test_every_record_arrives_once_whatever_the_bucket_does(self):
        # 503, a cut line and a lost answer: the first segments, and what was recorded before there was a bucket.
        self.proxy.fault("PUT", "/CloudTrail/", 503)
        self.proxy.fault("PUT", "/CloudTrail/", "cut-request")
        self.proxy.fault("PUT", "/CloudTrail-Digest/", "lose-answer")
        self.d.start()
        self.call("first")
        self.d.stop()
        self.d.start()
        self.assertEqual(len(self.calls(self.delivered("first"), "first")), 40)
        wait_for("nothing waits or fails", lambda: (m := self.alarms()["metrics"]) and "delivery_waiting_segments 0" in m
                 and "strongroom_audit_delivery_failing 0" in m)

        # The bucket is away for a while, over a kill and a restart: service goes on, and says so.
        self.proxy.fault("PUT", "", 503, 1 << 30)
        before = len(self.records())
        self.call("second")
        self.d.stop(signal.SIGKILL)
        self.d.start()
        wait_for("the alarm", lambda: "do not reach the bucket" in self.alarms()["healthz"])
        self.assertIn("strongroom_audit_delivery_failing 1", self.alarms()["metrics"])
        self.call("third")
        self.assertEqual(len(self.records()), before)
        self.d.stop()
        self.d.start()
        wait_for("two segments wait", lambda: re.search(r"delivery_waiting_segments [2-9]", self.alarms()["metrics"]))
        with self.proxy.lock:
            self.proxy.faults.clear()
        last = self.delivered("third")
        wait_for("no alarm", lambda: "bucket" not in self.alarms()["healthz"])
        exported = self.exported()
        for name in ("first", "second", "third"):
            # What grouped mode had not written when it was killed is in no trail; nothing else is missing.
            self.assertEqual(self.calls(exported, name), self.calls(last, name))
            self.assertTrue(len(self.calls(last, name)) == 40 or name == "second")

        # A restart sends nothing again, and nothing of it has the secret.
        sent = self.proxy.count("PUT", "/CloudTrail/")
        names = len(self.objects())
        self.call("fourth", 1)
        self.d.stop()
        self.d.start()
        self.delivered("fourth", 1)
        self.assertLess(self.proxy.count("PUT", "/CloudTrail/") - sent, 8)
        self.assertLess(len(self.objects()) - names, 12)
        self.assertNotIn(s3_servers.SECRET, (self.d.data / "run" / "strongroomd.toml").read_text())

    def test_wrong_keys_alarm_and_hinder_nobody(self):
        (self.d.root / "bucket-keys").write_text("[trail]\naws_access_key_id = test:tester\naws_secret_access_key = wrong-one\n")
        self.d.start()
        self.call("unsent", 3)
        self.d.stop()
        self.d.start()
        wait_for("the alarm", lambda: "do not reach the bucket" in self.alarms()["healthz"])
        self.d.ok("kms", "list-keys")
        wait_for("the log", lambda: f"delivery to bucket {BUCKET}" in self.d.whole_log())
        self.assertNotIn("wrong-one", self.d.whole_log())
        self.assertEqual(self.objects(), {})


class MissingFilesTest(unittest.TestCase):
    SETTINGS = (("audit", "s3_credentials_file"), ("audit", "s3_config_file"), ("audit", "s3_ca_file"), ("xks", "ca_file"),
                ("xks", "client_certificate"), ("xks", "client_key"), ("oidc", "ca_file"), ("kms", "attestation_roots"))

    def test_serve_refuses_a_file_that_is_not_there_and_names_its_setting(self):
        d = Deployment()
        self.addCleanup(d.close)
        made = d.run(BIN / "strongroom", "init", "--data", d.data, "--development")
        self.assertEqual(made.status, 0, made.err)
        file = d.data / "strongroom.toml"
        whole = file.read_text()
        for section, key in self.SETTINGS:
            for value in ("no-such-file", str(d.root)):
                with self.subTest(section=section, key=key, value=value):
                    text, changed = re.subn(rf'(^\[{section}\]$(?:(?!^\[).)*?^{key} = )""$', rf'\1"{value}"', whole,
                                           flags=re.M | re.S)
                    self.assertEqual(changed, 1)
                    file.write_text(text)
                    refused = d.run(BIN / "strongroom", "serve", "--data", d.data)
                    self.assertEqual(refused.status, 2, refused.err)
                    self.assertIn(f"[{section}] {key} in strongroom.toml: ", refused.err)
                    self.assertIn(value, refused.err)


if __name__ == "__main__":
    unittest.main()

"""`strongroom archive` in a bucket, over a line with faults, on servers with and without conditional writes."""

import concurrent.futures
import json
import os
import subprocess
import unittest

import s3_servers
from archive_case import MIB, blob, described
from aws_semantics import AwsProxy
from deployment import BIN, Deployment


class S3Test(unittest.TestCase):
    """The same in a bucket, with what lines and servers do. An offline key opens it, so there is no KMS at all."""

    proxy_class = s3_servers.FaultProxy

    @classmethod
    def setUpClass(cls):
        s3_servers.give_swift(cls)
        cls.environment = {**os.environ, **s3_servers.environment(cls.swift.url), "HOME": str(cls.root),
                           "XDG_CONFIG_HOME": f"{cls.root}/config", "XDG_STATE_HOME": f"{cls.root}/state",
                           "TMPDIR": str(cls.root)}
        subprocess.run(["aws", "s3api", "--endpoint-url", cls.swift.url, "create-bucket", "--bucket", "backup"], check=True,
                       capture_output=True, env=cls.environment)
        subprocess.run("openssl genrsa -out safe.pem 3072 && openssl pkey -in safe.pem -pubout -out public.pem", shell=True,
                       check=True, capture_output=True, cwd=cls.root)

    def archive(self, status, *arguments, stdin=None):
        done = subprocess.run([BIN / "strongroom", "archive", *map(os.fspath, arguments)], input=stdin, capture_output=True,
                              env=self.environment, cwd=self.root, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        return done

    def s3(self, *arguments):
        return subprocess.run(["aws", "s3", "--endpoint-url", self.swift.url, *arguments], check=True, capture_output=True,
                              env=self.environment).stdout.decode()

    def two_that_put_at_once(self, location, content):
        """Both send, from two machines, under the name 'one'. Exactly one wins, and the other one is told."""
        writers = [subprocess.Popen([BIN / "strongroom", "archive", "put", location, "-", "--name", "one", "--quiet"],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env={**self.environment, "XDG_STATE_HOME": f"{self.root}/state{i}"}) for i in range(2)]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            said = list(pool.map(lambda pair: pair[0].communicate(pair[1], timeout=120)[1], zip(writers, content)))
        self.assertEqual(sorted(writer.returncode for writer in writers), [0, 1], said)
        won = 0 if writers[0].returncode == 0 else 1
        self.assertIn(b"Somebody else has finished", said[1 - won])
        offline = ["--offline-key", self.root / "safe.pem"]
        self.assertEqual(self.archive(0, "get", location, "one", "-", *offline).stdout, content[won])
        report = json.loads(self.archive(0, "verify", location, "one", "--json", *offline).stdout)
        self.assertEqual((report["ok"], report["unknown"]), (True, []))

    def test_two_that_put_one_snapshot_at_once(self):
        proxy = self.proxy_class(self.swift.url)
        self.addCleanup(proxy.stop)
        name = f"race-{self.proxy_class.__name__.lower()}"
        self.archive(0, "location", "add", name, f"s3://backup/{name}", "--endpoint", proxy.url, "--offline-public-key",
                     self.root / "public.pem")
        for turn in range(4):
            self.two_that_put_at_once(name, [f"{turn} of {who}".encode() * 1000 for who in range(2)])
            self.archive(0, "delete", name, "one")

    def test_a_tree_through_a_bad_line(self):
        proxy = self.proxy_class(self.swift.url)
        self.addCleanup(proxy.stop)
        tree = self.root / "tree"
        tree.mkdir()
        (tree / "large").write_bytes(blob(40 * MIB + 1, 1))
        for i in range(50):
            (tree / f"n{i}").write_bytes(blob(i * 100, i))
        offline = ["--offline-key", self.root / "safe.pem"]
        self.archive(0, "location", "add", "s3", "s3://backup/deep/down", "--endpoint", proxy.url, "--offline-public-key",
                     self.root / "public.pem")
        proxy.fault("PUT", "partNumber=2", 503)
        proxy.fault("PUT", "partNumber=3", "cut-request")
        proxy.fault("POST", "uploadId", "lose-answer")  # the object is there, and the upload is gone
        proxy.fault("POST", "uploadId", ("error", "InternalError"))
        proxy.fault("PUT", "/one/manifest", "lose-answer")  # so the same bytes are there when it is sent again
        self.archive(0, "put", "s3", tree, "--name", "one")
        self.assertGreaterEqual(proxy.count("PUT", "/one/manifest"), 2)
        proxy.fault("GET", "/one/data/", ("cut-answer", MIB))
        self.archive(0, "restore", "s3", "one", self.root / "back", *offline)
        self.assertEqual(described(self.root / "back"), described(tree))
        self.assertEqual(proxy.bad_signatures, [])
        # What the server said it took, but has not.
        proxy.fault("PUT", "/two/manifest", "swallow")
        done = subprocess.run([BIN / "strongroom", "archive", "put", "s3", tree, "--name", "two"], capture_output=True,
                              env=self.environment, cwd=self.root, timeout=300)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"two  unfinished", self.archive(0, "list", "s3").stdout)
        self.archive(0, "put", "s3", tree, "--name", "two")
        self.archive(0, "verify", "s3", "two", *offline)
        self.archive(0, "delete", "s3", "two")
        # The store loses an object; then everything is deleted.
        names = [line.split()[-1] for line in self.s3("ls", "--recursive", "s3://backup/deep/down/snapshots/one/data/").splitlines()]
        self.assertEqual(len(names), 2)
        self.s3("rm", f"s3://backup/{names[0]}")
        self.assertIn(b"is missing", self.archive(1, "verify", "s3", "one", "--quick", *offline).stderr)
        self.assertIn(b"is missing", self.archive(1, "verify", "s3", "one", *offline).stderr)
        self.archive(0, "delete", "s3", "one")
        self.assertEqual(self.archive(0, "list", "s3").stdout, b"")
        self.assertEqual(self.s3("ls", "--recursive", "s3://backup/deep/down/").split()[3:], ["deep/down/strongroom-archive.json"])


class AwsS3Test(S3Test):
    """Before a server with AWS's conditions and checksums."""

    proxy_class = AwsProxy

    def test_two_whose_conditions_meet(self):
        proxy = AwsProxy(self.swift.url)
        self.addCleanup(proxy.stop)
        self.archive(0, "location", "add", "race", "s3://backup/race", "--endpoint", proxy.url, "--offline-public-key",
                     self.root / "public.pem")
        proxy.race("/snapshots/one/manifest")
        self.two_that_put_at_once("race", [blob(9 * MIB, seed) for seed in (1, 2)])
        self.assertTrue(proxy.met.is_set())


class TwoProvidersTest(unittest.TestCase):
    """KMS is Strongroom's and the bucket somebody else's: credentials, addresses and CAs of two kinds."""

    def test_kms_has_a_profile_of_its_own(self):
        s3_servers.give_swift(type(self))
        d = Deployment().start()
        self.addCleanup(d.close)
        key = d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        config = self.root / "aws-config"
        config.write_text(f"[profile vault]\naws_access_key_id = {d.environment['AWS_ACCESS_KEY_ID']}\n"
                          f"aws_secret_access_key = {d.environment['AWS_SECRET_ACCESS_KEY']}\n"
                          f"endpoint_url = {d.endpoint}\nca_bundle = {d.environment['AWS_CA_BUNDLE']}\n")
        environment = {**os.environ, **s3_servers.environment(self.swift.url), "HOME": str(self.root), "XDG_CONFIG_HOME": f"{self.root}/config",
                       "XDG_STATE_HOME": f"{self.root}/state", "TMPDIR": str(self.root), "AWS_CONFIG_FILE": str(config)}
        subprocess.run(["aws", "s3api", "--endpoint-url", self.swift.url, "create-bucket", "--bucket", "backup"], check=True,
                       capture_output=True, env=environment)

        def archive(status, *arguments, stdin=b""):  # sees the environment as it is when it is called
            done = subprocess.run([BIN / "strongroom", "archive", *arguments], input=stdin, capture_output=True, env=environment,
                                  cwd=self.root, timeout=300)
            self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
            return done

        place = ["s3://backup/two", "--kms-key-id", key]
        archive(1, "location", "add", "none", *place, "--kms-profile", "nobody")
        archive(0, "location", "add", "two", *place, "--kms-profile", "vault")
        self.assertEqual(json.loads(archive(0, "location", "show", "two", "--json").stdout)["kms_profile"], "vault")
        archive(0, "put", "two", "-", "--name", "one", stdin=b"precious")
        self.assertEqual(archive(0, "get", "two", "one", "-").stdout, b"precious")
        bare = ["--location-url", "s3://backup/two", "--kms-key-id", key]
        self.assertEqual(archive(0, "get", *bare, "--kms-profile", "vault", "one", "-").stdout, b"precious")
        archive(2, "get", "two", "one", "-", "--kms-profile", "vault")
        # What the environment says of addresses and CAs is the bucket's.
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null",
                        "-subj", "/CN=another", "-out", self.root / "another-ca.pem"], check=True, capture_output=True)
        wrong = {**environment, "AWS_ENDPOINT_URL": self.swift.url, "AWS_CA_BUNDLE": str(self.root / "another-ca.pem")}
        environment, own = wrong, environment
        self.assertEqual(archive(0, "get", "two", "one", "-").stdout, b"precious")
        environment = own
        # Whoever takes KMS for the bucket hears which address that is.
        environment.update(AWS_ENDPOINT_URL_S3=d.endpoint, AWS_CA_BUNDLE=d.environment["AWS_CA_BUNDLE"])
        said = archive(1, "location", "add", "mixed", *place, "--kms-profile", "vault")
        self.assertIn(f"{d.endpoint} has no place for s3://backup/two/", said.stderr.decode())


if __name__ == "__main__":
    unittest.main()

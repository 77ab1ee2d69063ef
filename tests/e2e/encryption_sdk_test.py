"""Messages of the AWS Encryption SDK, exchanged with the official one for JavaScript in both directions: under raw keys, and
under keys of a deployment."""

import json
import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile
import unittest

import node_clients
from deployment import BIN, Deployment, wait_for

SUITES = ("0014", "0046", "0078", "0114", "0146", "0178", "0214", "0346", "0378", "0478", "0578")
FRAMES = (16, 48, 4096, 1 << 20)
CONTEXTS = (
    {},
    {"purpose": "backup", "empty": ""},
    {"Zeta": "1", "a": "2", "é": "3", "\uff5e": "4", "\U0001f600": "5"},
    {"large": "x" * 60_000},
)


class Jobs:
    """One process of either implementation; each line of JSON has one of answer."""

    def __init__(self, command, environment, folder):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
                                        cwd=folder)

    def __call__(self, **job):
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError(f"the process ended at {job}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Exchange(unittest.TestCase):
    """Both implementations, and a folder for what they exchange."""

    @classmethod
    def begin(cls, environment):
        node_clients.install()
        shutil.copy(node_clients.SOURCE / "message_jobs.mjs", node_clients.PLACE / "message_jobs.mjs")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-messages-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.ours = Jobs([BIN / "strongroom_message_jobs"], environment, cls.folder)
        cls.addClassCleanup(cls.ours.close)
        cls.official = Jobs([node_clients.node(), "message_jobs.mjs"], environment, node_clients.PLACE)
        cls.addClassCleanup(cls.official.close)

    def file(self, name, content=None):
        path = self.folder / name
        if content is not None:
            path.write_bytes(content)
        return str(path)

    def there(self, writer, reader, plaintext, suite, frame, context, keyring, opening=None):
        """One message from writer to reader."""
        source, message, back = self.file("plain", plaintext), self.file("message"), self.file("back", b"")
        made = writer(do="encrypt", suite=suite, frame=frame, context=context, keyring=keyring, **{"in": source, "out": message})
        self.assertNotIn("error", made)
        if "expectedBytes" in made:
            self.assertEqual((made["bytes"], made["expectedBytes"]), (os.path.getsize(message),) * 2)
        read = reader(do="decrypt", keyring=opening or keyring, **{"in": message, "out": back})
        self.assertNotIn("error", read)
        self.assertEqual(pathlib.Path(back).read_bytes(), plaintext)
        self.assertEqual(read["suite"], suite)
        self.assertEqual({name: value for name, value in read["context"].items() if name != "aws-crypto-public-key"}, context)
        return pathlib.Path(message).read_bytes()

    def both_ways(self, *arguments, **named):
        self.there(self.ours, self.official, *arguments, **named)
        self.there(self.official, self.ours, *arguments, **named)


def example(*arguments, given=b"", environment=None):
    """The example program of archive.hpp."""
    return subprocess.run([BIN / "strongroom-archive-example", *arguments], input=given, capture_output=True, env=environment)


class RawKeys(Exchange):
    @classmethod
    def setUpClass(cls):
        cls.begin({"PATH": os.environ["PATH"]})

    @staticmethod
    def aes(size=32):
        return {"type": "aes", "namespace": "tests", "name": "wrapping", "key": secrets.token_hex(size)}

    def test_every_suite_size_and_frame_length(self):
        keyring = self.aes()
        for suite in SUITES:
            for frame in FRAMES:
                for size in (0, 1, frame - 1, frame, frame + 1, 3 * frame, 3 * frame + 5):
                    with self.subTest(suite=suite, frame=frame, size=size):
                        self.both_ways(os.urandom(size), suite, frame, {"a": "b"}, keyring)

    def test_contexts(self):
        for context in CONTEXTS:
            for suite in ("0178", "0478", "0578"):
                with self.subTest(entries=len(context), suite=suite):
                    self.both_ways(b"some plaintext", suite, 4096, context, self.aes())

    def test_wrapping_keys(self):
        for size in (16, 24, 32):
            with self.subTest(bytes=size):
                self.both_ways(b"some plaintext", "0578", 4096, {"B": "1", "a": "2"}, self.aes(size))

    def test_rsa(self):
        private, public = self.file("rsa.key"), self.file("rsa.pub")
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private],
                       check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        for padding in ("pkcs1", "oaep_sha1", "oaep_sha256", "oaep_sha384", "oaep_sha512"):
            sealing = {"type": "rsa", "namespace": "tests", "name": "offline", "padding": padding, "public": public}
            opening = {**sealing, "private": private}
            for suite in ("0014", "0478", "0578"):
                with self.subTest(padding=padding, suite=suite):
                    self.both_ways(b"some plaintext", suite, 4096, {"a": "b"}, sealing, opening=opening)

    def test_example_of_the_library_with_an_offline_key(self):
        private, public = self.file("example.key"), self.file("example.pub")
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private],
                       check=True, capture_output=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        plaintext = os.urandom(3_000_000)
        made = example("encrypt-offline", public, given=plaintext)
        self.assertEqual((made.returncode, made.stderr), (0, b""))
        read = example("decrypt-offline", private, given=made.stdout)
        self.assertEqual((read.returncode, read.stdout == plaintext, read.stderr), (0, True, b""))
        back = self.file("back")
        answer = self.official(do="decrypt", keyring={"type": "rsa", "namespace": "example", "name": "offline",
                                                      "padding": "oaep_sha256", "private": private},
                               **{"in": self.file("message", made.stdout), "out": back})
        self.assertNotIn("error", answer)
        self.assertEqual(pathlib.Path(back).read_bytes(), plaintext)
        damaged = example("decrypt-offline", private, given=made.stdout[:-1])
        self.assertEqual((damaged.returncode, damaged.stderr.split(b":")[0]), (2, b"Truncated"))

    def test_two_keys_either_of_which_opens(self):
        keys = [self.aes(), {**self.aes(16), "name": "other"}]
        both = {"type": "multi", "generator": keys[0], "children": keys[1:]}
        for key in keys:
            self.both_ways(b"some plaintext", "0578", 16, {}, both, opening=key)


class KmsKeys(Exchange):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.addClassCleanup(cls.d.close)
        environment = {name: cls.d.environment[name] for name in
                       ("PATH", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CA_BUNDLE")}
        cls.region = cls.d.environment["AWS_DEFAULT_REGION"]
        environment.update(AWS_REGION=cls.region, NODE_EXTRA_CA_CERTS=environment["AWS_CA_BUNDLE"],
                           AWS_EC2_METADATA_DISABLED="true", HOME=str(cls.d.root))
        cls.environment = environment
        cls.begin(environment)
        cls.key = cls.d.ok("kms", "create-key")["KeyMetadata"]

    @staticmethod
    def strict(*arns):
        return {"type": "kms", "generator": arns[0], "others": list(arns[1:])}

    def refused(self, reader, message, keyring):
        answer = reader(do="decrypt", keyring=keyring, **{"in": self.file("refused", message), "out": self.file("nowhere")})
        self.assertIn("error", answer)
        return answer["error"]

    def test_default_key_store(self):
        for suite in SUITES:
            with self.subTest(suite=suite):
                self.both_ways(os.urandom(5000), suite, 4096, {"snapshot": "monday"}, self.strict(self.key["Arn"]))

    def test_custom_key_store_and_its_owner(self):
        _, store = self.d.connected_store()
        arn = self.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", store)["KeyMetadata"]["Arn"]
        self.both_ways(os.urandom(5000), "0578", 4096, {}, self.strict(arn))
        message = self.there(self.ours, self.official, b"mine", "0478", 4096, {}, self.strict(arn, self.key["Arn"]))
        self.d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", store)
        self.d.wait_store(store, "DISCONNECTED")
        self.assertIn("NoDataKey", self.refused(self.ours, message, self.strict(arn)))
        opened = self.ours(do="decrypt", keyring=self.strict(self.key["Arn"]),
                           **{"in": self.file("other", message), "out": self.file("back")})
        self.assertNotIn("error", opened)

    def test_two_keys_and_discovery(self):
        other = self.d.ok("kms", "create-key")["KeyMetadata"]
        both = self.strict(self.key["Arn"], other["Arn"])
        for key in (self.key, other):
            self.both_ways(b"some plaintext", "0478", 4096, {}, both, opening=self.strict(key["Arn"]))
        message = self.there(self.ours, self.official, b"some plaintext", "0478", 4096, {}, both)
        found = {"type": "kms-discovery", "regions": [self.region]}
        self.there(self.ours, self.ours, b"some plaintext", "0478", 4096, {}, both, opening=found)
        self.there(self.ours, self.ours, b"some plaintext", "0478", 4096, {}, both,
                   opening={**found, "accounts": [self.key["AWSAccountId"]]})
        self.assertIn("NoDataKey", self.refused(self.ours, message, {**found, "accounts": ["999988887777"]}))

    def test_alias_encrypts_but_does_not_decrypt(self):
        self.d.ok("kms", "create-alias", "--alias-name", "alias/messages", "--target-key-id", self.key["KeyId"])
        alias = {"type": "kms-name", "generator": "alias/messages", "region": self.region}
        message = self.there(self.ours, self.official, b"some plaintext", "0478", 4096, {}, alias,
                             opening=self.strict(self.key["Arn"]))
        self.assertIn("NoDataKey", self.refused(self.ours, message, alias))

    def test_grant_token(self):
        caller = self.d.ok("sts", "get-caller-identity")["Arn"]
        token = self.d.ok("kms", "create-grant", "--key-id", self.key["Arn"], "--grantee-principal", caller, "--operations",
                          "GenerateDataKey", "Decrypt")["GrantToken"]
        keyring = {**self.strict(self.key["Arn"]), "tokens": [token]}
        self.there(self.ours, self.official, b"some plaintext", "0478", 4096, {}, keyring)
        message = self.there(self.official, self.ours, b"some plaintext", "0478", 4096, {}, keyring)
        self.assertIn("InvalidGrantToken", self.refused(self.ours, message, {**keyring, "tokens": ["no token"]}))

    def test_multi_region_key(self):
        primary = self.d.ok("kms", "create-key", "--multi-region")["KeyMetadata"]["Arn"]
        elsewhere = "eu-west-1"
        self.d.ok("kms", "replicate-key", "--key-id", primary, "--replica-region", elsewhere)
        replica = primary.replace(self.region, elsewhere)
        wait_for("the replica", lambda: self.d.ok("kms", "describe-key", "--key-id", replica, "--region", elsewhere)
                 ["KeyMetadata"]["KeyState"] == "Enabled")
        mrk = lambda arn: {"type": "kms-mrk", "generator": arn}  # noqa: E731
        for sealing, opening in ((primary, replica), (replica, primary)):
            self.both_ways(b"some plaintext", "0578", 4096, {}, mrk(sealing), opening=mrk(opening))
        message = self.there(self.ours, self.ours, b"some plaintext", "0478", 4096, {}, mrk(primary),
                             opening={"type": "kms-mrk-discovery", "regions": [elsewhere]})
        self.assertIn("NoDataKey", self.refused(self.ours, message, self.strict(replica)))
        self.assertIn("other Region", self.refused(self.ours, message, {"type": "kms-discovery", "regions": [elsewhere]}))

    def test_example_of_the_library(self):
        arn = self.key["Arn"]
        made = example("encrypt", arn, "purpose=example", given=b"some plaintext", environment=self.environment)
        self.assertEqual((made.returncode, made.stderr), (0, b""))
        back = self.file("back")
        answer = self.official(do="decrypt", keyring=self.strict(arn), **{"in": self.file("message", made.stdout), "out": back})
        self.assertEqual(answer["context"]["purpose"], "example")
        self.assertEqual(pathlib.Path(back).read_bytes(), b"some plaintext")
        read = example("decrypt", arn, "purpose=example", given=made.stdout, environment=self.environment)
        self.assertEqual((read.returncode, read.stdout, read.stderr), (0, b"some plaintext", b""))
        read = example("decrypt", arn, "purpose=other", given=made.stdout, environment=self.environment)
        self.assertEqual((read.returncode, read.stdout, read.stderr.split(b":")[0]), (2, b"", b"ContextMismatch"))

    def test_disabled_key_says_so(self):
        key = self.d.ok("kms", "create-key")["KeyMetadata"]
        message = self.there(self.official, self.ours, b"some plaintext", "0478", 4096, {}, self.strict(key["Arn"]))
        self.d.ok("kms", "disable-key", "--key-id", key["KeyId"])
        said = self.refused(self.ours, message, self.strict(key["Arn"]))
        self.assertIn("DisabledException", said)
        self.assertIn(key["KeyId"], said)


if __name__ == "__main__":
    unittest.main()

"""The KMS of one deployment keeps its keys in a cluster of another: external key store and proxy, both ours."""

import re
import unittest

from deployment import BIN, Deployment, wait_for

PREFIX, KEY = "/other", "a-key"
LATE = "did not respond in time"
PASSWORD = b"Xkspassword-1\n"


class BothSides(unittest.TestCase):
    """Steps in order; each needs those before it."""

    @classmethod
    def setUpClass(cls):
        cls.theirs, cls.ours = Deployment(), Deployment()
        cls.addClassCleanup(cls.theirs.close)
        cls.addClassCleanup(cls.ours.close)
        cls.theirs.start()
        cls.cluster = cls.theirs.active_cluster()["ClusterId"]
        session = cls.theirs.cmu("loginHSM CO admin Officer-pass-1", f"createUser CU xks {PASSWORD.decode().strip()}", "y", "quit")
        assert session.status == 0, session.out
        cls.ours.start()
        cls.region = cls.ours.environment["AWS_DEFAULT_REGION"]
        cls.proxy = cls.xks("create", "--cluster", cls.cluster, "--user", "xks", "--path-prefix", PREFIX, "--region", cls.region,
                            stdin=PASSWORD).json
        cls.xks("create-key", "--proxy", cls.proxy["ProxyId"], "--key", KEY)
        cls.ours.stop()
        cls.configure(hosts="localhost=" + cls.theirs.endpoint.removeprefix("https://"), ca_file=cls.theirs.environment["AWS_CA_BUNDLE"],
                      timeout_ms=5000)
        cls.ours.start()

    @classmethod
    def xks(cls, command, *arguments, stdin=None):
        answer = cls.theirs.run(BIN / "strongroom", "xks", command, "--data", cls.theirs.data, *arguments, stdin=stdin)
        assert answer.status == 0, answer.err
        return answer

    @classmethod
    def configure(cls, **values):
        file = cls.ours.data / "strongroom.toml"
        before, section = file.read_text().split("[xks]\n", 1)
        for key, value in values.items():
            shown = value if isinstance(value, int) else f'"{value}"'
            section, count = re.subn(rf"^{key} = .*$", lambda _: f"{key} = {shown}", section, count=1, flags=re.M)
            assert count == 1, key
        file.write_text(f"{before}[xks]\n{section}")

    def credential(self, made):
        return f"AccessKeyId={made['AccessKeyId']},RawSecretAccessKey={made['RawSecretAccessKey']}"

    def create_store(self, name, **change):
        with_defaults = {"endpoint": "https://localhost", "path": self.proxy["XksProxyUriPath"], "credential": self.credential(self.proxy),
                         **change}
        return self.ours.aws("kms", "create-custom-key-store", "--custom-key-store-name", name, "--custom-key-store-type",
                             "EXTERNAL_KEY_STORE", "--xks-proxy-connectivity", "PUBLIC_ENDPOINT", "--xks-proxy-uri-endpoint",
                             with_defaults["endpoint"], "--xks-proxy-uri-path", with_defaults["path"],
                             "--xks-proxy-authentication-credential", with_defaults["credential"])

    def in_time(self, what, ask):
        """The answer, once no HSM was late: KMS waits for a proxy a second, not longer."""
        return wait_for(f"{what} in time", lambda: (a := ask()) and LATE not in a.err and a)

    def round_trip(self, context="Department=Tests"):
        made = self.in_time("a data key", lambda: self.ours.aws("kms", "generate-data-key", "--key-id", type(self).key, "--key-spec",
                                                                "AES_256", "--encryption-context", context))
        self.assertEqual(made.status, 0, made.err)
        opened = self.in_time("its decryption", lambda: self.decrypt(made.json["CiphertextBlob"], context))
        self.assertEqual(opened.json["Plaintext"], made.json["Plaintext"], opened.err)
        return made.json["CiphertextBlob"]

    def decrypt(self, blob, context="Department=Tests"):
        return self.ours.run("bash", "-c", 'base64 -d > blob && /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" --output json kms decrypt '
                             f"--ciphertext-blob fileb://blob --encryption-context {context}", stdin=blob.encode())

    def test_1_a_store_is_refused_that_does_not_fit(self):
        wrong = dict(self.proxy, RawSecretAccessKey="x" * 48)
        for what, change, error in (
                ("credential", {"credential": self.credential(wrong)}, "XksProxyIncorrectAuthenticationCredentialException"),
                ("path", {"path": "/nowhere/kms/xks/v1"}, "XksProxyInvalidConfigurationException")):
            with self.subTest(what):
                self.assertEqual(self.create_store("refused", **change).error, error)

    def test_2_keys_work(self):
        made = self.create_store("theirs")
        self.assertEqual(made.status, 0, made.err + self.theirs.serve_log())
        store = made.json["CustomKeyStoreId"]
        self.ours.ok("kms", "connect-custom-key-store", "--custom-key-store-id", store)
        self.ours.wait_store(store, "CONNECTED")
        type(self).store = store
        create = ("kms", "create-key", "--origin", "EXTERNAL_KEY_STORE", "--custom-key-store-id", store, "--xks-key-id")
        absent = self.in_time("a refusal", lambda: self.ours.aws(*create, "absent"))
        self.assertEqual(absent.error, "XksKeyNotFoundException")
        made = self.in_time("a key", lambda: self.ours.aws(*create, KEY))
        self.assertEqual(made.status, 0, made.err)
        key = made.json["KeyMetadata"]
        type(self).key = key["Arn"]
        self.assertEqual(key["XksKeyConfiguration"], {"Id": KEY})
        type(self).blob = self.round_trip()
        self.assertNotEqual(self.decrypt(self.blob, "Department=Others").status, 0)
        log = (self.theirs.root / "serve.log").read_text()
        self.assertIn(f'"kmsKeyArn":"{key["Arn"]}"', log)
        self.assertIn('"kmsOperation":"GenerateDataKey"', log)

    def test_3_the_credential_is_rotated(self):
        rotated = self.xks("rotate-credential", "--proxy", self.proxy["ProxyId"], "--keep-previous", "600").json
        self.round_trip()
        self.ours.ok("kms", "update-custom-key-store", "--custom-key-store-id", self.store,
                     "--xks-proxy-authentication-credential", self.credential(rotated))
        self.round_trip()
        last = self.xks("rotate-credential", "--proxy", self.proxy["ProxyId"], "--keep-previous", "0").json
        refused = self.decrypt(self.blob)
        self.assertEqual(refused.error, "KMSInvalidStateException")
        self.assertIn("could not authenticate AWS KMS", refused.err)
        self.ours.ok("kms", "update-custom-key-store", "--custom-key-store-id", self.store,
                     "--xks-proxy-authentication-credential", self.credential(last))
        wait_for("the new credential", lambda: self.decrypt(self.blob).status == 0)

    def test_4_whoever_has_the_cluster_has_the_last_word(self):
        self.xks("delete", "--proxy", self.proxy["ProxyId"])
        refused = self.decrypt(self.blob)
        self.assertEqual(refused.error, "KMSInvalidStateException")
        self.assertIn("could not authenticate AWS KMS", refused.err)


if __name__ == "__main__":
    unittest.main()

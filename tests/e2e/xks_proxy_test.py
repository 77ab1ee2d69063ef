"""Strongroom as external key store proxy, asked by curl's own SigV4 as AWS's public test client asks a proxy."""

import base64
import hashlib
import json
import re
import unittest

from deployment import BIN, Deployment, wait_for
from manual import Manual

MANUAL = Manual("An external key store proxy")
OFFICER, XKS, OTHER, FRESH = "Officer-pass-1", "Xkspassword-1", "Otherpass-1", "Freshpassword-1"
REGION, PREFIX, KEY = "eu-west-3", "/team-a", "invoices-2026"
METADATA = {"awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice", "kmsOperation": "Encrypt",
            "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae", "kmsViaService": "ebs",
            "kmsKeyArn": "arn:aws:kms:eu-west-3:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"}
# An HSM that is busy with something else is late for KMS, too, which then asks again.
LATE = "DependencyTimeoutException"


def b64(data):
    return base64.b64encode(data).decode()


class Reply:
    def __init__(self, status, text):
        self.status, self.text = status, text
        self.json = json.loads(text)
        self.error = self.json.get("errorName")


class XksProxy(unittest.TestCase):
    """Steps in order; each needs those before it."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.cluster = cls.d.active_cluster(OFFICER, hsms=2)["ClusterId"]
        cls.credential = cls.d.root / "credential"
        cls.proxies = {}

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def manual(self, number, stdin=None, good=True, **words):
        words = {"DIR": self.d.data, "CLUSTER_ID": self.cluster, "REGION": REGION, "KEY_NAME": KEY, "PASSWORD": OFFICER,
                 "XKS_PASSWORD": XKS, "CREDENTIAL": self.credential, "PROXY_ID": self.proxies.get("xks"), **words}
        return MANUAL.run(self.d, "An external key store proxy", number, stdin, good, **words)

    def xks(self, *arguments, stdin=None):
        return self.d.run(BIN / "strongroom", "xks", *arguments, stdin=stdin)

    def keep(self, made):
        """Notes a credential as curl reads it, so that it stands on no command line."""
        self.credential.write_text(f'user = "{made["AccessKeyId"]}:{made["RawSecretAccessKey"]}"\n'
                                   f'cacert = "{self.d.environment["AWS_CA_BUNDLE"]}"\n')
        self.credential.chmod(0o600)

    def ask(self, api, body=None, key=KEY, prefix=PREFIX, credential=None, region=REGION, service="kms-xks-proxy", method=None):
        path = f"{prefix}/kms/xks/v1/" + (api if api == "health" else f"keys/{key}/{api}")
        body = {"requestMetadata": METADATA, **(body or {})} if not isinstance(body, str) else body
        file = self.d.root / "body.json"
        file.write_text(body if isinstance(body, str) else json.dumps(body))
        command = ["curl", "-sS", "--config", credential or self.credential, "-w", "\n%{http_code}", "-H",
                   "Content-Type: application/json", "--data-binary", f"@{file}", "--url", self.d.endpoint + path]
        if service:
            command += ["--aws-sigv4", f"aws:amz:{region}:{service}"]
        if method:
            command += ["-X", method]

        def once():
            answer = self.d.run(*command)
            self.assertEqual(answer.status, 0, answer.err)
            text, _, status = answer.out.rpartition("\n")
            reply = Reply(int(status), text)
            return None if reply.error == LATE else reply

        return wait_for(f"{api} in time", once)

    def encrypt(self, plaintext, aad=None, integrity=False, **how):
        body = {"plaintext": b64(plaintext), "encryptionAlgorithm": "AES_GCM"}
        if aad is not None:
            body["additionalAuthenticatedData"] = b64(aad)
        if integrity:
            body["ciphertextDataIntegrityValueAlgorithm"] = "SHA_256"
        return self.ask("encrypt", body, **how)

    def decrypt(self, made, aad=None, change=None, **how):
        body = {"encryptionAlgorithm": "AES_GCM",
                **{name: made.json[name] for name in ("ciphertext", "initializationVector", "authenticationTag")}}
        if aad is not None:
            body["additionalAuthenticatedData"] = b64(aad)
        body.update(change or {})
        return self.ask("decrypt", body, **how)

    def test_01_a_proxy_is_made(self):
        session = self.manual(1)
        self.assertIn("success", session.out)
        self.d.cmu(f"loginHSM CO admin {OFFICER}", f"createUser CU other {OTHER}", "y", "quit")
        wrong = self.manual(2, stdin=b"not the password\n", good=False)
        self.assertNotEqual(wrong.status, 0)
        self.assertIn("refuses this password", wrong.err)
        made = self.manual(2, stdin=XKS.encode() + b"\n").json
        self.assertEqual(made["XksProxyUriPath"], f"{PREFIX}/kms/xks/v1")
        self.assertRegex(made["AccessKeyId"], "^[A-Z2-7]{20,30}$")
        self.assertRegex(made["RawSecretAccessKey"], "^[A-Za-z0-9/+=]{43,64}$")
        self.proxies["xks"] = made["ProxyId"]
        self.keep(made)
        password = self.d.root / "other-password"
        password.write_text(OTHER + "\n")
        other = self.xks("create", "--data", self.d.data, "--cluster", self.cluster, "--user", "other", "--password-file",
                         password)
        self.assertEqual(other.status, 0, other.err)
        self.proxies["other"] = other.json["ProxyId"]
        self.assertEqual(other.json["XksProxyUriPath"], f"/{other.json['ProxyId']}/kms/xks/v1")

    def test_02_what_does_not_fit_is_refused(self):
        create = ("create", "--data", self.d.data, "--user", "xks")
        for what, arguments, said in (
                ("taken path", (*create, "--cluster", self.cluster, "--path-prefix", PREFIX), "belongs to another proxy"),
                ("unknown cluster", (*create, "--cluster", "cluster-aaaaaaaaaaa"), "There is no cluster"),
                ("wrong prefix", (*create, "--cluster", self.cluster, "--path-prefix", "team"), "path prefix"),
                ("unknown user", ("create", "--data", self.d.data, "--user", "nobody", "--cluster", self.cluster),
                 "no crypto user of this name"),
                ("unknown proxy", ("delete", "--data", self.d.data, "--proxy", "xksp-1"), "There is no proxy"),
                ("no command", (), "subcommand"),
                ("no password", ("set-password", "--data", self.d.data, "--proxy", "x", "--password-file", "/nowhere"),
                 "/nowhere")):
            with self.subTest(what):
                answer = self.xks(*arguments, stdin=XKS.encode() + b"\n")
                self.assertNotEqual(answer.status, 0)
                self.assertIn(said, answer.out + answer.err)

    def test_03_keys_are_made(self):
        made = self.manual(3).json
        self.assertEqual(made["XksKeyId"], KEY)
        again = self.manual(3, good=False)
        self.assertIn("has a key", again.err)
        other = self.xks("create-key", "--data", self.d.data, "--proxy", self.proxies["other"], "--key", "others-key")
        self.assertEqual(other.status, 0, other.err)
        listed = self.d.cmu(f"loginHSM CU xks {XKS}", f"getKeyInfo {made['KeyHandle']}", "quit").out
        self.assertIn("Owned by user", listed)

    def test_04_health(self):
        text = self.manual(4, PROXY_URL=self.d.endpoint).out
        self.assertIn('"healthStatus":"ACTIVE"', text)
        # An HSM that nobody has reached yet is shown as degraded.
        fleet = wait_for("both HSMs", lambda: (f := self.ask("health").json["ekmFleetDetails"]) and
                         {one["healthStatus"] for one in f} == {"ACTIVE"} and f)
        self.assertEqual(len(fleet), 2)
        health = self.ask("health").json
        for member in ("xksProxyFleetSize", "xksProxyVendor", "xksProxyModel", "ekmVendor"):
            self.assertTrue(health[member], member)

    def test_05_metadata(self):
        shown = self.ask("metadata")
        self.assertEqual(shown.status, 200)
        self.assertEqual(shown.json, {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"})

    def test_06_encrypt_and_decrypt(self):
        plaintext = b"a data key, sealed by KMS already"
        for aad in (None, b"", b"the context" * 700):
            for integrity in (False, True):
                with self.subTest(aad=aad and len(aad), integrity=integrity):
                    made = self.encrypt(plaintext, aad, integrity)
                    self.assertEqual(made.status, 200, made.text)
                    parts = {name: base64.b64decode(made.json[name])
                             for name in ("ciphertext", "initializationVector", "authenticationTag")}
                    self.assertEqual([len(part) for part in parts.values()], [len(plaintext), 12, 16])
                    digest = hashlib.sha256((aad or b"") + parts["initializationVector"] + parts["ciphertext"] +
                                            parts["authenticationTag"]).digest()
                    self.assertEqual(made.json.get("ciphertextDataIntegrityValue"), b64(digest) if integrity else None)
                    opened = self.decrypt(made, aad)
                    self.assertEqual(opened.json, {"plaintext": b64(plaintext)})
        largest = bytes(range(256)) * 16 + b"x" * 204
        self.assertEqual(len(largest), 4300)
        self.assertEqual(self.decrypt(self.encrypt(largest)).json["plaintext"], b64(largest))

    def test_07_wrong_signatures(self):
        key, secret = re.search(r'user = "(\w+):([^"]+)"', self.credential.read_text()).groups()
        ca = f'cacert = "{self.d.environment["AWS_CA_BUNDLE"]}"\n'
        wrong = self.d.root / "wrong"
        for what, user in (("secret", f"{key}:{secret[1:]}x"), ("access key", f"{key[1:]}A:{secret}"),
                           ("root's", f"{self.d.environment['AWS_ACCESS_KEY_ID']}:{self.d.environment['AWS_SECRET_ACCESS_KEY']}")):
            wrong.write_text(f'user = "{user}"\n{ca}')
            for path in (PREFIX, "/nowhere"):
                with self.subTest(what, path=path):
                    answer = self.ask("metadata", credential=wrong, prefix=path)
                    self.assertEqual((answer.status, answer.error), (401, "AuthenticationFailedException"))
        for what, how in (("region", {"region": "us-east-1"}), ("service", {"service": "kms"}), ("no signature", {"service": ""})):
            with self.subTest(what):
                answer = self.ask("metadata", **how)
                self.assertEqual((answer.status, answer.error), (401, "AuthenticationFailedException"))

    def test_08_refusals(self):
        made = self.encrypt(b"plaintext", b"aad")
        validation, path, ciphertext = (400, "ValidationException"), (404, "InvalidUriPathException"), (400, "InvalidCiphertextException")
        other = f"/{self.proxies['other']}"
        for what, answer, want in (
                ("unknown key", self.encrypt(b"x", key="absent"), (404, "KeyNotFoundException")),
                ("another user's key", self.encrypt(b"x", key="others-key"), (404, "KeyNotFoundException")),
                ("its metadata", self.ask("metadata", key="others-key"), (404, "KeyNotFoundException")),
                ("another proxy's path", self.encrypt(b"x", key="others-key", prefix=other), path),
                ("unknown path", self.ask("health", prefix="/nowhere"), path),
                ("unknown API", self.ask("destroy"), path),
                ("GET", self.ask("metadata", method="GET"), path),
                ("oversize", self.encrypt(b"x" * 4301), validation),
                ("far oversize", self.encrypt(b"x" * 200_000), validation),
                ("empty", self.encrypt(b""), validation),
                ("AAD oversize", self.encrypt(b"x", b"a" * 8193), validation),
                ("not JSON", self.ask("encrypt", "{"), validation),
                ("other algorithm", self.ask("encrypt", {"plaintext": "eA==", "encryptionAlgorithm": "AES_CBC"}), validation),
                ("no metadata", self.ask("metadata", {"requestMetadata": None}), validation),
                ("tampered", self.decrypt(made, b"aad", {"ciphertext": b64(b"Plaintext")}), ciphertext),
                ("other tag", self.decrypt(made, b"aad", {"authenticationTag": b64(b"t" * 16)}), ciphertext),
                ("other AAD", self.decrypt(made, b"AAD"), ciphertext),
                ("no AAD", self.decrypt(made), ciphertext)):
            with self.subTest(what):
                self.assertEqual((answer.status, answer.error), want, answer.text)
                self.assertLessEqual(len(answer.json.get("errorMessage", "")), 512)

    def test_09_the_log_says_who_asked(self):
        lines = [json.loads(line) for line in re.findall(r" xks (\{.*\})$", (self.d.root / "serve.log").read_text(), re.M)]
        self.assertTrue(lines)
        one = next(line for line in lines if line["api"] == "Encrypt" and line["result"] == "ok")
        self.assertEqual({name: one[name] for name in METADATA}, METADATA)
        self.assertEqual((one["proxy"], one["externalKey"]), (self.proxies["xks"], KEY))
        self.assertIn("KeyNotFoundException", {line["result"] for line in lines})
        text = (self.d.root / "serve.log").read_text()
        for secret in (XKS, OTHER, b64(b"a data key, sealed by KMS already"), self.credential.read_text().split(":")[1][:40]):
            self.assertNotIn(secret, text)

    def test_10_the_credential_is_rotated(self):
        made = self.encrypt(b"before")
        old = self.d.root / "old"
        old.write_text(self.credential.read_text())
        rotated = self.manual(5).json
        self.keep(rotated)
        self.assertEqual(self.decrypt(made).status, 200)
        self.assertEqual(self.decrypt(made, credential=old).status, 200, "the one before counts for a while")
        ended = self.xks("rotate-credential", "--data", self.d.data, "--proxy", self.proxies["xks"], "--keep-previous", "0")
        self.assertEqual(ended.status, 0, ended.err)
        self.assertEqual(self.decrypt(made).error, "AuthenticationFailedException")
        self.keep(ended.json)
        self.assertEqual(self.decrypt(made).status, 200)

    def test_11_one_hsm_is_enough_and_a_restart_changes_nothing(self):
        made = self.encrypt(b"before", b"aad")
        # The client package's programs know the other one.
        gone = max(self.d.cluster(self.cluster)["Hsms"], key=lambda hsm: hsm["AvailabilityZone"])["HsmId"]
        self.d.ok("cloudhsmv2", "delete-hsm", "--cluster-id", self.cluster, "--hsm-id", gone)
        self.assertEqual(self.decrypt(made, b"aad").status, 200)
        self.d.stop()
        self.d.start()
        self.assertEqual(self.decrypt(made, b"aad").json, {"plaintext": b64(b"before")})

    def test_12_the_users_password_is_changed(self):
        self.manual(6)
        refused = self.encrypt(b"x")
        self.assertEqual((refused.status, refused.error), (400, "InvalidStateException"))
        # The HSMs hear within moments that the connections are closed.
        wait_for("logged out", lambda: self.manual(7, good=False, XKS_PASSWORD=FRESH).status == 0)
        wrong = self.manual(8, stdin=XKS.encode() + b"\n", good=False)
        self.assertIn("refuses this password", wrong.err)
        self.manual(8, stdin=FRESH.encode() + b"\n")
        self.assertEqual(self.encrypt(b"x").status, 200)

    def test_13_proxies_are_listed_and_ended(self):
        listed = self.manual(9).json["Proxies"]
        self.assertEqual({one["ProxyId"] for one in listed}, set(self.proxies.values()))
        self.assertNotIn("RawSecretAccessKey", str(listed))
        self.manual(10)
        self.assertEqual(self.encrypt(b"x").error, "AuthenticationFailedException")
        self.assertEqual([one["ProxyId"] for one in self.manual(9).json["Proxies"]], [self.proxies["other"]])
        self.assertEqual(MANUAL.left(), [])


if __name__ == "__main__":
    unittest.main()

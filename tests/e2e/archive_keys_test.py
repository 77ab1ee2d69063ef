"""Whose keys an archive's objects are under: offline keys, new keys, missing permissions, a key store that its owner has
disconnected."""

import json
import os
import subprocess
import time
import unittest

import stock_aws
from archive_case import MIB, ArchiveCase, blob
from deployment import BIN, Deployment, wait_for


class KeysTest(ArchiveCase):
    def test_offline_key_and_disaster_recovery(self):
        self.d.shell("openssl genrsa -aes256 -passout pass:in-the-safe -out safe.pem 3072 2>/dev/null && "
                     "openssl pkey -in safe.pem -passin pass:in-the-safe -pubout -out public.pem && echo in-the-safe > pass")
        key = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        location = self.location("--offline-public-key", self.root / "public.pem", key=key)
        self.fails(2, "location", "add", "x", self.place / "x", "--offline-public-key", self.root / "safe.pem",
                   words=["private key"])
        self.ok("put", location, "-", "--name", "one", "--sign", stdin=b"precious")
        offline = ["--offline-key", self.root / "safe.pem", "--offline-key-password-file", self.root / "pass"]
        nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_KMS": "http://127.0.0.1:1"}
        self.assertEqual(self.ok("get", location, "one", "-", *offline, environment=nowhere), b"precious")
        self.assertIn(b"nothing tells who wrote", self.archive("verify", location, "one", *offline, environment=nowhere).stderr)
        self.assertNotIn(b"nothing tells who wrote", self.archive("verify", location, "one").stderr)
        self.ok("verify", location, "one", *offline, environment=nowhere)
        # A machine that knows nothing but where it is and which key opens it.
        bare = {"XDG_CONFIG_HOME": f"{self.place}/fresh", "XDG_STATE_HOME": f"{self.place}/fresh"}
        url = ["--location-url", self.place / "store"]
        self.assertEqual(self.ok("get", *url, "--kms-key-id", key, "one", "-", environment=bare), b"precious")
        self.assertEqual(self.ok("restore", *url, *offline, "one", "-", environment={**bare, **nowhere}), b"precious")
        self.fails(2, "get", *url, "one", "-", environment=bare, words=["--kms-key-id"])
        self.ok("location", "add", "again", self.place / "store", "--kms-key-id", key, environment=bare)
        self.assertEqual(self.ok("get", "again", "one", "-", environment=bare), b"precious")
        # A key that never was among the wrapping keys opens nothing.
        self.assertNotEqual(self.archive("get", *url, "--kms-key-id", self.key, "one", "-", environment=bare).returncode, 0)

    def test_rekey_and_whose_decision_it_is(self):
        old = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        new = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        third = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        location = self.location(key=old)
        tree = self.place / "tree"
        tree.mkdir()
        (tree / "file").write_bytes(blob(5 * MIB, 9))
        # Begun under the old key; after the rekey it must not be finished with what that one has made.
        large = self.place / "large"
        large.mkdir()
        for i in range(8):
            (large / f"f{i}").write_bytes(blob(8 * MIB, i))
        self.begun(large, location, "begun", 5)
        self.assertIn(b"begun  unfinished", self.ok("list", location))
        # Several data keys.
        self.ok("put", location, tree, "--name", "one", "--object-size", "1", "--key-messages", "2")
        self.ok("put", location, "-", "--name", "two", stdin=b"stream")
        before = {path: path.read_bytes() for path in self.objects("one")}
        # Through, but whoever goes by the exit status hears of the unfinished one.
        report = json.loads(self.fails(5, "rekey", location, "--kms-key-id", new, "--json", words=["1 unfinished snapshot"]).stdout)
        self.assertEqual((report["snapshots"], report["unfinished"]), (2, ["begun"]))
        self.assertGreater(report["data_keys"], 3)
        self.assertEqual(before, {path: path.read_bytes() for path in self.objects("one")})
        self.d.ok("kms", "disable-key", "--key-id", old)
        report = json.loads(self.ok("put", location, large, "--name", "begun", "--object-size", "1", "--json"))
        self.assertEqual((report["sent_bytes"], report["reused_bytes"]), (64 * MIB, 0))
        self.assertEqual(json.loads(self.ok("verify", location, "begun", "--json"))["unknown"], [])
        self.ok("delete", location, "begun")
        self.ok("restore", location, "one", self.place / "back")
        self.assertEqual((self.place / "back" / "file").read_bytes(), blob(5 * MIB, 9))
        # And from there to a third one, with the first still disabled.
        self.ok("rekey", location, "--kms-key-id", third)
        self.d.ok("kms", "disable-key", "--key-id", new)
        self.assertEqual(self.ok("get", location, "two", "-"), b"stream")
        self.ok("verify", location, "one")
        again = json.loads(self.ok("rekey", location, "--kms-key-id", third, "--json"))
        self.assertEqual(again["done_before"], 2)
        self.d.ok("kms", "disable-key", "--key-id", third)
        self.fails(1, "get", location, "two", "-", words=["owner has disabled it"])
        self.fails(1, "put", location, "-", "--name", "three", stdin=b"x", words=["owner has disabled it"])
        self.d.ok("kms", "enable-key", "--key-id", third)
        self.assertEqual(self.ok("get", location, "two", "-"), b"stream")

    def test_rekey_leaves_out_no_key_unasked(self):
        self.d.shell("openssl genrsa -out one.pem 3072 2>/dev/null && openssl pkey -in one.pem -pubout -out one-public.pem")
        location = self.location()
        shown = lambda: json.loads(self.ok("location", "show", location, "--json"))
        self.ok("put", location, "-", "--name", "one", stdin=b"one")
        self.fails(2, "rekey", location, words=["--kms-key-id KEY", "--drop-kms-keys"])
        self.ok("rekey", location, "--offline-public-key", self.root / "one-public.pem")
        self.assertEqual((shown()["keys"]["kms"], len(shown()["keys"]["offline"])), ([self.key], 1))
        self.assertEqual(self.ok("get", location, "one", "-"), b"one")
        self.assertEqual(self.ok("get", location, "one", "-", "--offline-key", self.root / "one.pem"), b"one")
        self.fails(2, "rekey", location, "--drop-kms-keys", "--drop-offline-keys", words=["Name at least one key"])
        self.fails(2, "rekey", location, "--drop-kms-keys", "--kms-key-id", self.key, words=["--drop-kms-keys"])
        self.ok("rekey", location, "--drop-kms-keys")
        self.assertEqual((shown()["keys"]["kms"], len(shown()["keys"]["offline"])), ([], 1))
        self.fails(2, "get", location, "one", "-", words=["--offline-key FILE"])
        offline = ["--offline-key", self.root / "one.pem"]
        self.ok("rekey", location, "--kms-key-id", self.key, "--drop-offline-keys", *offline)
        # One that was interrupted after the switch goes on without a word, to where it was on its way.
        config = self.root / "config" / "strongroom" / "archive.json"
        known = json.loads(config.read_text())
        other = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        known["locations"][location]["previous_keys"] = {"kms": [self.key], "offline": []}
        known["locations"][location]["keys"] = {"kms": [other], "offline": []}
        config.write_text(json.dumps(known))
        self.fails(1, "put", location, "-", "--name", "two", stdin=b"x", words=[f"archive rekey {location}` goes on"])
        text = self.ok("location", "show", location).decode()
        self.assertIn(f"old   {self.key}", text)
        self.assertIn(f"`archive rekey {location}` goes on with it", text)
        self.ok("rekey", location)
        self.assertEqual(shown()["keys"]["kms"], [other])
        self.assertNotIn("previous_keys", shown())
        self.assertEqual(self.ok("get", location, "one", "-"), b"one")

    def test_rekey_that_cannot_be_or_meets_a_put(self):
        old, new, third, disabled = (self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"] for _ in range(4))
        self.d.ok("kms", "disable-key", "--key-id", disabled)
        location = self.location(key=old)
        config = self.root / "config" / "strongroom" / "archive.json"
        self.ok("put", location, "-", "--name", "one", stdin=b"one")
        before = config.read_bytes()
        done = self.archive("rekey", location, "--kms-key-id", disabled)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"Nothing is changed", done.stderr)
        self.assertEqual(config.read_bytes(), before)
        # A stream that begins under the old keys and ends after the new ones came.
        stream = subprocess.Popen([BIN / "strongroom", "archive", "put", location, "-", "--name", "two", "--quiet"],
                                  stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=self.d.environment)
        stream.stdin.write(blob(40 * MIB, 6))
        stream.stdin.flush()
        while not (self.place / "store" / "snapshots" / "two").exists():
            time.sleep(0.02)
        self.fails(5, "rekey", location, "--kms-key-id", new, words=["1 unfinished snapshot"])
        stream.stdin.close()
        self.assertNotEqual(stream.wait(120), 0)
        self.assertIn(b"keys have changed", stream.stderr.read())
        stream.stderr.close()
        self.d.ok("kms", "disable-key", "--key-id", old)
        self.ok("put", location, "-", "--name", "two", stdin=b"two")
        self.assertEqual(json.loads(self.ok("verify", location, "two", "--json"))["unknown"], [])
        # One that was interrupted is finished before another begins.
        known = json.loads(config.read_text())
        known["locations"][location]["next_keys"] = {"kms": [third], "offline": []}
        config.write_text(json.dumps(known))
        done = self.archive("rekey", location, "--kms-key-id", self.key)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"is not through", done.stderr)
        self.assertIn(third.encode(), done.stderr)
        self.ok("rekey", location, "--kms-key-id", third)
        self.d.ok("kms", "disable-key", "--key-id", new)
        for name in ("one", "two"):
            self.assertEqual(self.ok("get", location, name, "-"), name.encode())
        self.assertNotIn("next_keys", json.loads(config.read_text())["locations"][location])
        # Kept keys that lack one are no kept keys.
        kept = self.place / "store" / "snapshots" / "one" / "keys"
        kept.write_bytes((self.place / "store" / "snapshots" / "two" / "keys").read_bytes())
        self.assertNotEqual(self.archive("rekey", location, "--kms-key-id", self.key).returncode, 0)

    def test_a_list_with_a_snapshot_that_cannot_be_opened(self):
        location = self.location()
        for name in ("one", "two", "three"):
            self.ok("put", location, "-", "--name", name, stdin=b"x")
        manifest = self.place / "store" / "snapshots" / "two" / "manifest"
        manifest.write_bytes(manifest.read_bytes()[:-1])
        self.assertEqual(self.ok("list", location).split(), [b"one", b"three", b"two"])
        shown = self.fails(1, "list", location, "--long", words=["1 snapshot cannot be opened"]).stdout.decode().splitlines()
        self.assertEqual([line.split()[0] for line in shown], ["one", "three", "two"])
        self.assertIn("1 entry", shown[0])
        self.assertIn("cannot be opened", shown[2])
        shown = [json.loads(line) for line in self.fails(1, "list", location, "--long", "--json").stdout.splitlines()]
        self.assertEqual(["error" in one for one in shown], [False, False, True])

    def test_an_offline_location_needs_nothing_of_aws(self):
        self.d.shell("openssl genrsa -out alone.pem 3072 2>/dev/null && openssl pkey -in alone.pem -pubout -out alone-public.pem")
        home = self.place / "home"
        (home / ".aws").mkdir(parents=True)
        (home / ".aws" / "config").write_text("[default\nregion = here and there\n")
        (home / ".aws" / "credentials").write_text("this is no such file\n")
        broken = {name: value for name, value in self.d.environment.items() if not name.startswith("AWS_")}
        broken.update(HOME=str(home), XDG_CONFIG_HOME=f"{home}/config", XDG_STATE_HOME=f"{home}/state")

        def run(status, *words, stdin=None):
            done = subprocess.run([BIN / "strongroom", "archive", *map(os.fspath, words)], input=stdin, capture_output=True,
                                  env=broken, timeout=300)
            self.assertEqual(done.returncode, status, done.stderr.decode())
            return done
        run(0, "location", "add", "alone", self.place / "store", "--offline-public-key", self.root / "alone-public.pem")
        run(0, "location", "test", "alone")
        run(0, "put", "alone", "-", "--name", "one", stdin=b"precious")
        offline = ["--offline-key", self.root / "alone.pem"]
        self.assertEqual(run(0, "get", "alone", "one", "-", *offline).stdout, b"precious")
        run(0, "verify", "alone", "one", *offline)
        self.assertEqual(run(0, "get", "--location-url", self.place / "store", *offline, "one", "-").stdout, b"precious")
        run(0, "list", "alone", "--long", *offline)
        run(0, "delete", "alone", "one")
        # Where KMS is needed, what is wrong is said.
        done = run(2, "location", "add", "kms", self.place / "other", "--kms-key-id", "alias/x")
        self.assertIn(b".aws/config, line 1", done.stderr)

    def test_the_permission_that_is_missing_is_named(self):
        location = self.location()
        self.ok("put", location, "-", "--name", "one", stdin=b"x")
        used = ["kms:GenerateDataKey", "kms:Decrypt"]  # of a location with one key
        for missing in used:
            user = "without-" + missing.split(":")[1]
            self.d.ok("iam", "create-user", "--user-name", user)
            allowed = ["kms:DescribeKey", *(action for action in used if action != missing)]
            self.d.ok("iam", "put-user-policy", "--user-name", user, "--policy-name", "p", "--policy-document", json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": self.key}]}))
            made = self.d.ok("iam", "create-access-key", "--user-name", user)["AccessKey"]
            environment = {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}
            wait_for("the key is in force", lambda: stock_aws.run(["--endpoint-url", self.d.endpoint, "sts", "get-caller-identity"], {
                **self.d.environment, **environment}, self.root).returncode == 0)
            tested = self.archive("location", "test", location, "--json", environment=environment)
            self.assertNotEqual(tested.returncode, 0)
            report = json.loads(tested.stdout)
            self.assertFalse(report["ok"])
            bad = [check for check in report["checks"] if not check["ok"]]
            self.assertEqual([check["check"] for check in bad], [f"{missing} on {self.key}"])
            self.assertIn("policy", bad[0]["error"])
            added = self.archive("location", "add", user, self.place / "other", "--kms-key-id", self.key, environment=environment)
            self.assertNotEqual(added.returncode, 0)
            self.assertIn(missing, added.stderr.decode())
            if missing == "kms:Decrypt":
                self.assertNotEqual(self.archive("verify", location, "one", environment=environment).returncode, 0)
            else:
                self.ok("verify", location, "one", environment=environment)
        self.assertNotIn(b"without-", self.ok("location", "list"))


class KeyStoreTest(unittest.TestCase):
    """A key whose material is in the owner's HSMs."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.d.environment.update(HOME=str(cls.d.root), XDG_CONFIG_HOME=f"{cls.d.root}/config",
                                 XDG_STATE_HOME=f"{cls.d.root}/state")
        _, cls.store = cls.d.connected_store()

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def test_disconnected_means_the_owner_decides(self):
        key = self.d.ok("kms", "create-key", "--custom-key-store-id", self.store, "--origin", "AWS_CLOUDHSM")["KeyMetadata"]["Arn"]
        archive = [BIN / "strongroom", "archive"]

        def run(*words, stdin=None):
            return self.d.run(*archive, *words, stdin=stdin)

        self.assertEqual(run("location", "add", "hsm", self.d.root / "store", "--kms-key-id", key).status, 0)
        self.assertEqual(run("put", "hsm", "-", "--name", "one", stdin=b"sealed by the HSM").status, 0)
        self.d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "DISCONNECTED")
        refused = run("restore", "hsm", "one", "-")
        self.assertNotEqual(refused.status, 0)
        self.assertEqual(refused.out, "")
        for words in (self.store, "disconnected", "wner decides to connect it again"):
            self.assertIn(words, refused.err)
        self.d.ok("kms", "connect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "CONNECTED")
        back = run("restore", "hsm", "one", "-")
        self.assertEqual((back.status, back.out), (0, "sealed by the HSM"), back.err)


if __name__ == "__main__":
    unittest.main()

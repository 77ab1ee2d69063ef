"""Machines are gone, and everything comes back: backups, recovery keys as file and shares, restored clusters."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import unittest

from deployment import BIN, Deployment, wait_for
from manual import Manual
from postgres_test import PostgreSql

OFFICER = "Officer-pass-1"
MANUAL = Manual("The recovery key", "Backups", "Everything is lost", "A cluster without HSMs")


class Recovery(unittest.TestCase):
    """Steps in order; each needs those before it."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment()
        cls.pg = PostgreSql()
        MANUAL.run(cls.d, "The recovery key", 2, DIR=cls.d.data, SHARES=cls.d.root / "shares")

    @classmethod
    def tearDownClass(cls):
        cls.d.close()
        cls.pg.close()

    def tearDown(self):
        for _, problem in self._outcome.result.errors + self._outcome.result.failures:
            if problem:
                self._outcome.result.shouldStop = True

    @classmethod
    def strongroom(cls, *arguments, stdin=None):
        return cls.d.run(BIN / "strongroom", *arguments, stdin=stdin)

    def share(self, number):
        return self.d.root / "shares" / f"recovery-share-{number}.txt"

    def shares(self, *numbers):
        return {f"SHARE{at}": self.share(number) for at, number in enumerate(numbers, 1)}

    def encrypt(self, key, text):
        return self.d.ok("kms", "encrypt", "--key-id", key, "--plaintext",
                         base64.b64encode(text).decode())["CiphertextBlob"]

    def decrypt(self, blob):
        return base64.b64decode(self.d.ok("kms", "decrypt", "--ciphertext-blob", blob)["Plaintext"])

    def keys_of(self, user, password):
        """What a user of the cluster sees of its keys, without where it was seen."""
        session = self.d.cmu(f"loginHSM {user} {password}", "listUsers", "findAllKeys 3 0", "quit")
        self.assertEqual(session.status, 0, session.out + session.err)
        return session.out

    def test_01_the_recovery_key_is_not_in_the_data_directory(self):
        for folder, _, files in os.walk(self.d.data):
            for name in files:
                self.assertNotIn(name, ("recovery-key.pem", "recovery-share-1.txt"), folder)
        bare = self.strongroom("init", "--data", self.d.root / "bare")
        self.assertEqual(bare.status, 2)
        self.assertIn("--recovery-shares", bare.err)
        self.assertFalse((self.d.root / "bare" / "strongroom.toml").exists())

        sealed = self.d.root / "sealed"
        sealed.mkdir()
        MANUAL.run(self.d, "The recovery key", 1, stdin=b"a passphrase\n", DIR=sealed / "data", KEY=sealed / "key.pem")
        self.assertIn("ENCRYPTED", (sealed / "key.pem").read_text())

    def test_02_of_what_was_never_started_there_is_no_backup(self):
        refused = MANUAL.run(self.d, "Backups", 1, good=False, DIR=self.d.data, FILE=self.d.root / "early.srb")
        self.assertEqual(refused.status, 1, refused.out)
        self.assertIn("start `strongroom serve` once", refused.err)
        self.assertEqual([f.name for f in self.d.root.iterdir() if f.name.startswith("early")], [])
        self.assertFalse((self.d.data / "service" / "strongroom.sqlite").exists())
        self.assertFalse((self.d.data / "last-backup.json").exists())
        self.d.start()

    def test_03_keys_under_both_stores_and_a_backup_while_running(self):
        cluster, store = self.d.connected_store(OFFICER)
        Recovery.cluster, Recovery.store = cluster["ClusterId"], store
        domain = self.d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        custom = self.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id",
                           store)["KeyMetadata"]["KeyId"]
        Recovery.blobs = {self.encrypt(domain, b"under the domain"): b"under the domain",
                          self.encrypt(custom, b"under the cluster"): b"under the cluster"}
        self.d.cmu_until("the key on both HSMs", lambda session: session.out.count("(o)") == 2, f"loginHSM CO admin {OFFICER}",
                         "findAllKeys 3 0", "quit")
        Recovery.before = self.keys_of("CO admin", OFFICER)
        taken = {"DIR": self.d.data, "FILE": self.d.root / "first.srb"}
        MANUAL.run(self.d, "Backups", 1, **taken)
        again = MANUAL.run(self.d, "Backups", 1, good=False, **taken)
        self.assertNotEqual(again.status, 0)
        self.assertIn("exists already", again.err)

    def test_04_bad_backups_shares_and_places_are_refused(self):
        good = (self.d.root / "first.srb").read_bytes()
        (self.d.root / "cut.srb").write_bytes(good[:-100])
        (self.d.root / "flipped.srb").write_bytes(good[:-5000] + bytes([good[-5000] ^ 1]) + good[-4999:])
        (self.d.root / "foreign.srb").write_bytes(b"PK\x03\x04" + bytes(500))
        (self.d.root / "newer.srb").write_bytes(b"SRB\x09" + good[4:])
        (self.d.root / "empty.srb").write_bytes(without_rows(good))
        shares = ["--shares", self.share(1), self.share(2), self.share(5)]
        for name, words in {"cut": "damaged or cut short", "flipped": "damaged or cut short",
                            "foreign": "not a backup", "empty": "before the deployment was first started",
                            "newer": "version 9", "none": "read"}.items():
            refused = self.strongroom("restore", self.d.root / f"{name}.srb", "--data", self.d.root / "x", *shares)
            self.assertNotEqual(refused.status, 0, name)
            self.assertIn(words, refused.err, name)
        (self.d.root / "typo.txt").write_text(self.share(2).read_text().replace("Share: 2", "Share: 3"))
        for given, words in {(self.share(1), self.share(4)): "3 shares", (self.share(1), self.share(1)): "twice",
                             (self.share(1), self.d.root / "typo.txt"): "checksum",
                             (self.share(1), self.d.root / "first.srb"): "too large"}.items():
            refused = self.strongroom("restore", self.d.root / "first.srb", "--data", self.d.root / "x", "--shares", *given)
            self.assertNotEqual(refused.status, 0, words)
            self.assertIn(words, refused.err)
        occupied = self.strongroom("restore", self.d.root / "first.srb", "--data", self.d.data, *shares)
        self.assertIn("not empty", occupied.err)
        self.assertFalse((self.d.root / "x").exists())

    def test_05_a_drill_says_what_is_good(self):
        good = MANUAL.run(self.d, "Backups", 2, DIR=self.d.data, **self.shares(2, 3, 5))
        found = json.loads(good.out)
        self.assertEqual((found["ok"], found["backup"]), (True, str(self.d.root / "first.srb")))
        self.assertEqual({name: found[name]["decrypted"] for name in
                          ("madeWithTheBackup", "defaultKeyStore", "customKeyStore")},
                         {"madeWithTheBackup": 2, "defaultKeyStore": 1, "customKeyStore": 1})
        self.assertEqual(found["hsms"], {"expected": 3, "active": 3})
        for name in ("cut", "empty"):
            bad = self.strongroom("drill", "--data", self.d.data, "--json", "--backup", self.d.root / f"{name}.srb",
                                  "--shares", self.share(2), self.share(3), self.share(1))
            self.assertNotEqual(bad.status, 0)
            self.assertIs(json.loads(bad.out)["ok"], False)

    def started(self, *arguments, **environment):
        return subprocess.Popen([BIN / "strongroom", *arguments], env=dict(self.d.environment, **environment),
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def test_05a_a_drill_that_is_killed_leaves_nothing(self):
        place = self.d.root / "drills"
        place.mkdir(mode=0o755)
        left = place / "strongroom-drill-before"
        left.mkdir()
        (left / "hsm-root-key").touch()
        drill = self.started("drill", "--data", self.d.data, "--shares", self.share(2), self.share(3), self.share(1),
                             TMPDIR=str(place))
        try:
            wait_for("the drill's HSM", lambda: list(place.glob("strongroom-drill-*/data/host/hsm-root-key")))
        finally:
            drill.kill()
            drill.wait()
        wait_for("nothing there any more", lambda: not list(place.iterdir()))

    def test_05b_a_restoration_that_is_killed_is_no_deployment(self):
        half = self.d.root / "half"
        restore = ("restore", self.d.root / "first.srb", "--data", half, "--shares", self.share(2), self.share(3), self.share(1))
        for when in ("restore-unfinished", "strongroom.toml", "service/strongroom.sqlite"):
            with self.subTest(when):
                killed = self.started(*restore)
                try:
                    wait_for(when, (half / when).exists)
                finally:
                    killed.kill()
                    killed.wait()
                self.assertTrue((half / "restore-unfinished").exists())
                for refused in (("serve", "--data", half), ("backup", self.d.root / "half.srb", "--data", half),
                                ("init", "--data", half)):
                    answer = self.strongroom(*refused)
                    self.assertNotEqual(answer.status, 0)
                    self.assertIn("was interrupted", answer.err)
        again = self.strongroom(*restore)
        self.assertEqual(again.status, 0, again.err)
        self.assertFalse((half / "restore-unfinished").exists())
        self.assertIn("not empty", self.strongroom(*restore).err)
        shutil.rmtree(half)

    def test_06_everything_is_lost_and_comes_back_on_postgresql(self):
        secrets = {name: self.d.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        self.d.stop()
        shutil.rmtree(self.d.data)
        MANUAL.run(self.d, "Everything is lost", 2, FILE=self.d.root / "first.srb", DIR=self.d.root / "data2",
                   CONNINFO=self.pg.conninfo, **self.shares(3, 1, 4))
        self.assertFalse((self.d.data / "service" / "strongroom.sqlite").exists())
        self.d.environment.update(secrets)
        self.everything_is_there()
        package = self.d.root / "package"
        MANUAL.run(self.d, "Everything is lost", 3, DIR=self.d.data, PACKAGE=package,
                   CUSTOMER_CA=self.d.root / "customerCA.crt", HSM_IP=self.address())
        self.d.client_home = package
        self.d.environment["CLOUDHSM_HOME"] = str(package)
        self.assertEqual(self.keys_of("CO admin", OFFICER), self.before)

    def everything_is_there(self):
        """What both key stores had encrypted before is decrypted, each as soon as its HSMs are there."""
        blobs = iter(self.blobs.items())
        blob, text = next(blobs)
        self.assertEqual(self.decrypt(blob), text)
        for hsm in self.d.cluster(self.cluster)["Hsms"]:
            self.d.wait_hsm(self.cluster, hsm["HsmId"])
        self.d.wait_store(self.store, "CONNECTED")
        blob, text = next(blobs)
        wait_for("the custom store's key", lambda: self.d.aws("kms", "decrypt", "--ciphertext-blob", blob).status == 0)
        self.assertEqual(self.decrypt(blob), text)

    def address(self):
        return self.d.cluster(self.cluster)["Hsms"][0]["EniIp"]

    def new_hsm(self, number, cluster, zone):
        made = MANUAL.run(self.d, "A cluster without HSMs", number, CLUSTER_ID=cluster, ZONE=zone).json["Hsm"]
        self.d.wait_hsm(cluster, made["HsmId"])
        MANUAL.run(self.d, "A cluster without HSMs", 2, HSM_IP=self.address())

    def test_07_a_cluster_without_hsms_comes_back_with_its_next_one(self):
        self.d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "DISCONNECTED")
        zones = [hsm["AvailabilityZone"] for hsm in self.d.cluster(self.cluster)["Hsms"]]
        for hsm in self.d.cluster(self.cluster)["Hsms"]:
            self.d.ok("cloudhsmv2", "delete-hsm", "--cluster-id", self.cluster, "--hsm-id", hsm["HsmId"])
        wait_for("no HSM", lambda: not self.d.cluster(self.cluster)["Hsms"])
        self.new_hsm(1, self.cluster, zones[0])
        session = self.d.cmu(f"loginHSM CO admin {OFFICER}", "findAllKeys 3 0", "quit")
        self.assertIn("loginHSM success", session.out, session.err)
        self.assertEqual(session.out.count("(o)"), 1, session.out)

    def test_08_backups_can_be_listed_kept_and_given_up(self):
        def made():
            backups = MANUAL.run(self.d, "A cluster without HSMs", 3, CLUSTER_ID=self.cluster).json["Backups"]
            return backups if len(backups) >= 3 and {b["BackupState"] for b in backups} == {"READY"} else None

        backups = wait_for("three backups that are READY", made)
        self.assertEqual([b["CreateTimestamp"] for b in backups],
                         sorted((b["CreateTimestamp"] for b in backups), reverse=True))
        Recovery.newest, oldest = backups[0]["BackupId"], backups[-1]["BackupId"]
        kept = self.d.ok("cloudhsmv2", "modify-backup-attributes", "--backup-id", oldest, "--never-expires")["Backup"]
        self.assertTrue(kept["NeverExpires"])
        gone = self.d.ok("cloudhsmv2", "delete-backup", "--backup-id", oldest)["Backup"]
        self.assertEqual(gone["BackupState"], "PENDING_DELETION")
        self.assertIn("DeleteTimestamp", gone)
        twice = self.d.aws("cloudhsmv2", "delete-backup", "--backup-id", oldest)
        self.assertEqual(twice.error, "CloudHsmInvalidRequestException")
        back = self.d.ok("cloudhsmv2", "restore-backup", "--backup-id", oldest)["Backup"]
        self.assertEqual(back["BackupState"], "READY")
        self.assertNotIn("DeleteTimestamp", back)
        copied = self.d.ok("cloudhsmv2", "copy-backup-to-region", "--backup-id", self.newest, "--destination-region",
                           "eu-west-1")["DestinationBackup"]
        self.assertEqual((copied["SourceBackup"], copied["SourceCluster"]), (self.newest, self.cluster))
        there = self.d.ok("cloudhsmv2", "--region", "eu-west-1", "describe-backups", "--filters",
                          f"sourceBackupIds={self.newest}")["Backups"]
        self.assertEqual([b["BackupState"] for b in there], ["READY"])

    def test_09_a_cluster_from_the_backup_of_one_that_is_gone(self):
        for hsm in self.d.cluster(self.cluster)["Hsms"]:
            self.d.ok("cloudhsmv2", "delete-hsm", "--cluster-id", self.cluster, "--hsm-id", hsm["HsmId"])
        wait_for("no HSM", lambda: not self.d.cluster(self.cluster)["Hsms"])
        self.d.ok("cloudhsmv2", "delete-cluster", "--cluster-id", self.cluster)
        self.d.wait_cluster(self.cluster, "DELETED")
        made = MANUAL.run(self.d, "A cluster without HSMs", 4, SUBNET_ID="subnet-0123456789abcdef0",
                          BACKUP_ID=self.newest).json["Cluster"]
        self.assertEqual(made["SourceBackupId"], self.newest)
        self.assertIn("BEGIN CERTIFICATE", made["Certificates"]["ClusterCertificate"])
        Recovery.cluster = made["ClusterId"]
        self.d.wait_cluster(self.cluster, "INITIALIZED")
        self.new_hsm(5, self.cluster, next(iter(made["SubnetMapping"])))
        self.d.wait_cluster(self.cluster, "ACTIVE")
        session = self.d.cmu(f"loginHSM CO admin {OFFICER}", "findAllKeys 3 0", "quit")
        self.assertIn("loginHSM success", session.out, session.err)
        self.assertEqual(session.out.count("(o)"), 1, session.out)

    def test_10_the_recovery_key_is_replaced(self):
        before = MANUAL.run(self.d, "The recovery key", 3, DIR=self.d.data).out
        replace = {"DIR": self.d.data, "FILE": self.d.root / "second.srb", "KEY": self.d.root / "new.pem",
                   "stdin": b"a long passphrase\n"}
        busy = MANUAL.run(self.d, "The recovery key", 4, good=False, **replace)
        self.assertIn("in use", busy.err)
        self.assertFalse((self.d.root / "new.pem").exists())
        self.d.stop()
        inside = MANUAL.run(self.d, "The recovery key", 4, good=False, **dict(replace, KEY=self.d.data / "k.pem"))
        self.assertEqual(inside.status, 2)
        MANUAL.run(self.d, "The recovery key", 4, **replace)
        self.assertIn("ENCRYPTED", (self.d.root / "new.pem").read_text())
        self.assertNotEqual(MANUAL.run(self.d, "The recovery key", 3, DIR=self.d.data).out, before)
        old = self.strongroom("restore", self.d.root / "second.srb", "--data", self.d.root / "x", "--shares", self.share(1),
                              self.share(2), self.share(3))
        self.assertIn("is restored with recovery key", old.err)
        wrong = self.strongroom("restore", self.d.root / "second.srb", "--data", self.d.root / "x", "--recovery-key",
                                self.d.root / "new.pem", stdin=b"another passphrase\n")
        self.assertIn("passphrase is wrong", wrong.err)

    def restored(self, number, data):
        self.d.stop()
        return MANUAL.run(self.d, "Everything is lost", number, FILE=self.d.root / "second.srb", DIR=data,
                          KEY=self.d.root / "new.pem", stdin=b"a long passphrase\n")

    def test_11_the_new_key_restores_what_was_backed_up_since(self):
        secrets = {name: self.d.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        self.restored(1, self.d.root / "data3")
        self.d.environment.update(secrets)
        domain = next(iter(self.blobs))
        self.assertEqual(self.decrypt(domain), self.blobs[domain])
        self.d.wait_hsm(self.cluster, self.d.cluster(self.cluster)["Hsms"][0]["HsmId"])

    def test_12_a_lost_root_access_key_is_made_anew(self):
        old = dict(self.d.environment)
        self.restored(4, self.d.root / "data4")
        domain = next(iter(self.blobs))
        self.assertEqual(self.decrypt(domain), self.blobs[domain])
        self.d.environment.update({name: old[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")})
        self.assertIn(self.d.aws("kms", "list-keys").error, ("UnrecognizedClientException", "InvalidClientTokenId"))

    def test_13_all_of_the_text_was_executed(self):
        self.assertEqual(MANUAL.left(), [])


def without_rows(backup):
    """A backup that was taken of a deployment before its first start: the header of another one, and the end."""
    size = int.from_bytes(backup[5:9], "big")
    start = backup[:9 + size]
    return start + b"\x04" + (40).to_bytes(4, "big") + bytes(8) + hashlib.sha256(start).digest()


if __name__ == "__main__":
    unittest.main()

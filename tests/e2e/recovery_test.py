"""Machines are gone, and everything comes back: backups, recovery keys as file and shares, restored clusters."""

import base64
import json
import os
import shutil
import unittest

from deployment import BIN, Deployment, wait_for

OFFICER = "Officer-pass-1"


class Recovery(unittest.TestCase):
    """Steps in order; each needs those before it."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment()
        made = cls.strongroom("init", "--data", cls.d.data, "--recovery-shares", "2/3", "--share-directory",
                              cls.d.root / "shares")
        assert made.status == 0, made.err
        cls.d.start()

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def tearDown(self):
        for _, problem in self._outcome.result.errors + self._outcome.result.failures:
            if problem:
                self._outcome.result.shouldStop = True

    @classmethod
    def strongroom(cls, *arguments, stdin=None):
        return cls.d.run(BIN / "strongroom", *arguments, stdin=stdin)

    def share(self, number):
        return self.d.root / "shares" / f"recovery-share-{number}.txt"

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

    def test_02_keys_under_both_stores_and_a_backup_while_running(self):
        cluster, store = self.d.connected_store(OFFICER)
        Recovery.cluster, Recovery.store = cluster["ClusterId"], store
        domain = self.d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        custom = self.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id",
                           store)["KeyMetadata"]["KeyId"]
        Recovery.blobs = {self.encrypt(domain, b"under the domain"): b"under the domain",
                          self.encrypt(custom, b"under the cluster"): b"under the cluster"}
        Recovery.before = self.keys_of("CO admin", OFFICER)
        backup = self.strongroom("backup", "--data", self.d.data, self.d.root / "first.srb")
        self.assertEqual(backup.status, 0, backup.err)
        again = self.strongroom("backup", "--data", self.d.data, self.d.root / "first.srb")
        self.assertNotEqual(again.status, 0)
        self.assertIn("exists already", again.err)

    def test_03_bad_backups_shares_and_places_are_refused(self):
        good = (self.d.root / "first.srb").read_bytes()
        (self.d.root / "cut.srb").write_bytes(good[:-100])
        (self.d.root / "flipped.srb").write_bytes(good[:-5000] + bytes([good[-5000] ^ 1]) + good[-4999:])
        (self.d.root / "foreign.srb").write_bytes(b"PK\x03\x04" + bytes(500))
        (self.d.root / "newer.srb").write_bytes(b"SRB\x09" + good[4:])
        shares = ["--shares", self.share(1), self.share(2)]
        for name, words in {"cut": "damaged or cut short", "flipped": "damaged or cut short",
                            "foreign": "not a backup", "newer": "version 9", "none": "read"}.items():
            refused = self.strongroom("restore", self.d.root / f"{name}.srb", "--data", self.d.root / "x", *shares)
            self.assertNotEqual(refused.status, 0, name)
            self.assertIn(words, refused.err, name)
        (self.d.root / "typo.txt").write_text(self.share(2).read_text().replace("Share: 2", "Share: 3"))
        for given, words in {(self.share(1),): "2 shares", (self.share(1), self.share(1)): "twice",
                             (self.share(1), self.d.root / "typo.txt"): "checksum",
                             (self.share(1), self.d.root / "first.srb"): "too large"}.items():
            refused = self.strongroom("restore", self.d.root / "first.srb", "--data", self.d.root / "x", "--shares", *given)
            self.assertNotEqual(refused.status, 0, words)
            self.assertIn(words, refused.err)
        occupied = self.strongroom("restore", self.d.root / "first.srb", "--data", self.d.data, *shares)
        self.assertIn("not empty", occupied.err)
        self.assertFalse((self.d.root / "x").exists())

    def test_04_a_drill_says_what_is_good(self):
        drill = ["drill", "--data", self.d.data, "--json", "--shares", self.share(2), self.share(3)]
        good = self.strongroom(*drill)
        self.assertEqual(good.status, 0, good.err)
        found = json.loads(good.out)
        self.assertEqual((found["ok"], found["backup"]), (True, str(self.d.root / "first.srb")))
        self.assertEqual({name: found[name]["decrypted"] for name in
                          ("madeWithTheBackup", "defaultKeyStore", "customKeyStore")},
                         {"madeWithTheBackup": 2, "defaultKeyStore": 1, "customKeyStore": 1})
        self.assertEqual(found["hsms"], {"expected": 3, "active": 3})
        bad = self.strongroom(*drill, "--backup", self.d.root / "cut.srb")
        self.assertNotEqual(bad.status, 0)
        self.assertIs(json.loads(bad.out)["ok"], False)

    def test_05_everything_is_lost_and_comes_back(self):
        secrets = {name: self.d.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        self.d.stop()
        shutil.rmtree(self.d.data)
        self.d.data = self.d.root / "data2"
        restored = self.strongroom("restore", self.d.root / "first.srb", "--data", self.d.data, "--shares", self.share(3),
                                   self.share(1))
        self.assertEqual(restored.status, 0, restored.err)
        self.d.start()
        self.d.environment.update(secrets)
        blobs = iter(self.blobs.items())
        blob, text = next(blobs)
        self.assertEqual(self.decrypt(blob), text)
        for hsm in self.d.cluster(self.cluster)["Hsms"]:
            self.d.wait_hsm(self.cluster, hsm["HsmId"])
        self.d.wait_store(self.store, "CONNECTED")
        blob, text = next(blobs)
        wait_for("the custom store's key", lambda: self.d.aws("kms", "decrypt", "--ciphertext-blob", blob).status == 0)
        self.assertEqual(self.decrypt(blob), text)
        self.take_client_package()
        self.assertEqual(self.keys_of("CO admin", OFFICER), self.before)

    def take_client_package(self):
        shutil.copy(self.d.root / "customerCA.crt", self.d.client_home / "etc" / "customerCA.crt")
        address = self.d.cluster(self.cluster)["Hsms"][0]["EniIp"]
        configured = self.d.run(self.d.client_home / "bin" / "configure", "-a", address)
        self.assertEqual(configured.status, 0, configured.err)

    def test_06_a_cluster_without_hsms_comes_back_with_its_next_one(self):
        self.d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "DISCONNECTED")
        zones = [hsm["AvailabilityZone"] for hsm in self.d.cluster(self.cluster)["Hsms"]]
        for hsm in self.d.cluster(self.cluster)["Hsms"]:
            self.d.ok("cloudhsmv2", "delete-hsm", "--cluster-id", self.cluster, "--hsm-id", hsm["HsmId"])
        wait_for("no HSM", lambda: not self.d.cluster(self.cluster)["Hsms"])
        self.d.create_hsm(self.cluster, zones[0])
        self.take_client_package()
        session = self.d.cmu(f"loginHSM CO admin {OFFICER}", "findAllKeys 3 0", "quit")
        self.assertIn("loginHSM success", session.out, session.err)
        self.assertEqual(session.out.count("(o)"), 1, session.out)

    def test_07_backups_can_be_listed_kept_and_given_up(self):
        backups = self.d.ok("cloudhsmv2", "describe-backups", "--filters", f"clusterIds={self.cluster}")["Backups"]
        self.assertGreaterEqual(len(backups), 3)
        self.assertEqual({b["BackupState"] for b in backups}, {"READY"})
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

    def test_08_a_cluster_from_the_backup_of_one_that_is_gone(self):
        for hsm in self.d.cluster(self.cluster)["Hsms"]:
            self.d.ok("cloudhsmv2", "delete-hsm", "--cluster-id", self.cluster, "--hsm-id", hsm["HsmId"])
        wait_for("no HSM", lambda: not self.d.cluster(self.cluster)["Hsms"])
        self.d.ok("cloudhsmv2", "delete-cluster", "--cluster-id", self.cluster)
        self.d.wait_cluster(self.cluster, "DELETED")
        made = self.d.ok("cloudhsmv2", "create-cluster", "--hsm-type", "hsm1.medium", "--subnet-ids",
                         "subnet-0123456789abcdef0", "--source-backup-id", self.newest)["Cluster"]
        self.assertEqual(made["SourceBackupId"], self.newest)
        self.assertIn("BEGIN CERTIFICATE", made["Certificates"]["ClusterCertificate"])
        Recovery.cluster = made["ClusterId"]
        self.d.wait_cluster(self.cluster, "INITIALIZED")
        self.d.create_hsm(self.cluster, next(iter(made["SubnetMapping"])))
        self.d.wait_cluster(self.cluster, "ACTIVE")
        self.take_client_package()
        session = self.d.cmu(f"loginHSM CO admin {OFFICER}", "findAllKeys 3 0", "quit")
        self.assertIn("loginHSM success", session.out, session.err)
        self.assertEqual(session.out.count("(o)"), 1, session.out)

    def test_09_the_recovery_key_is_replaced(self):
        busy = self.strongroom("recovery-key", "replace", "--data", self.d.data, "--recovery-key", self.d.root / "new.pem")
        self.assertIn("in use", busy.err)
        self.assertFalse((self.d.root / "new.pem").exists())
        self.d.stop()
        inside = self.strongroom("recovery-key", "replace", "--data", self.d.data, "--recovery-key", self.d.data / "k.pem")
        self.assertEqual(inside.status, 2)
        replaced = self.strongroom("recovery-key", "replace", "--data", self.d.data, "--recovery-key",
                                   self.d.root / "new.pem", "--passphrase", stdin=b"a long passphrase\n")
        self.assertEqual(replaced.status, 0, replaced.err)
        self.assertIn("ENCRYPTED", (self.d.root / "new.pem").read_text())
        backup = self.strongroom("backup", "--data", self.d.data, self.d.root / "second.srb")
        self.assertEqual(backup.status, 0, backup.err)
        old = self.strongroom("restore", self.d.root / "second.srb", "--data", self.d.root / "x", "--shares", self.share(1),
                              self.share(2))
        self.assertIn("is restored with recovery key", old.err)
        wrong = self.strongroom("restore", self.d.root / "second.srb", "--data", self.d.root / "x", "--recovery-key",
                                self.d.root / "new.pem", stdin=b"another passphrase\n")
        self.assertIn("passphrase is wrong", wrong.err)
        new = self.strongroom("restore", self.d.root / "second.srb", "--data", self.d.root / "x", "--recovery-key",
                              self.d.root / "new.pem", stdin=b"a long passphrase\n")
        self.assertEqual(new.status, 0, new.err)
        shutil.rmtree(self.d.root / "x")


if __name__ == "__main__":
    unittest.main()

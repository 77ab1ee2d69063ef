"""A custom key store that moves to a cluster restored from a backup (spec/kms.md 7.6, recovery of a lost HSM key): what the backup
has opens, what was made after it is lost and stays lost, and takes nothing with it."""

import base64
import sqlite3
import unittest

from deployment import Deployment, wait_for

SUBNETS = ("subnet-0123456789abcdef0", "subnet-0123456789abcdef1")


class RestoredCluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.addClassCleanup(cls.d.close)

    def made(self, store):
        """A key of the store, and a ciphertext under it."""
        made = self.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", store)
        return made["KeyMetadata"]["KeyId"], self.encrypted(made["KeyMetadata"]["KeyId"])

    def encrypted(self, key):
        return self.d.ok("kms", "encrypt", "--key-id", key, "--plaintext", base64.b64encode(b"hi").decode())["CiphertextBlob"]

    def opens(self, blob):
        return base64.b64decode(self.d.ok("kms", "decrypt", "--ciphertext-blob", blob)["Plaintext"]) == b"hi"

    def assert_lost(self, answer):
        self.assertEqual("KMSInvalidStateException", answer.error, answer.err)
        self.assertIn("material is no longer in the CloudHSM cluster", answer.err)

    def backups(self, cluster):
        return [backup for backup in self.d.ok("cloudhsmv2", "describe-backups", "--filters", f"clusterIds={cluster}")["Backups"]
                if backup["BackupState"] == "READY"]

    def test_a_lost_key_takes_no_other_with_it(self):
        d = self.d
        cluster, store = d.connected_store()
        old = cluster["ClusterId"]
        kept, kept_blob = self.made(store)
        hsm = [hsm for hsm in d.cluster(old)["Hsms"] if hsm["State"] == "ACTIVE"][1]
        before = {backup["BackupId"] for backup in self.backups(old)}
        d.ok("cloudhsmv2", "delete-hsm", "--cluster-id", old, "--hsm-id", hsm["HsmId"])
        [backup] = wait_for("the backup of the deletion",
                            lambda: [b["BackupId"] for b in self.backups(old) if b["BackupId"] not in before])
        d.create_hsm(old, hsm["AvailabilityZone"])
        # Until KMS has heard of the new HSM, it makes no key.
        answer = wait_for("a key on both HSMs", lambda: (a := d.aws("kms", "create-key", "--origin", "AWS_CLOUDHSM",
                                                                    "--custom-key-store-id", store)).status == 0 and a)
        lost = answer.json["KeyMetadata"]["KeyId"]
        lost_blob = self.encrypted(lost)
        d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", store)
        d.wait_store(store, "DISCONNECTED")

        new = d.ok("cloudhsmv2", "create-cluster", "--hsm-type", "hsm1.medium", "--source-backup-id", backup, "--subnet-ids",
                   *SUBNETS)["Cluster"]["ClusterId"]
        wait_for("the restored cluster", lambda: d.cluster(new)["State"] != "CREATE_IN_PROGRESS")
        for zone in sorted(d.cluster(new)["SubnetMapping"]):
            d.create_hsm(new, zone)
        d.ok("kms", "update-custom-key-store", "--custom-key-store-id", store, "--cloud-hsm-cluster-id", new)
        d.ok("kms", "connect-custom-key-store", "--custom-key-store-id", store)
        d.wait_store(store, "CONNECTED")
        self.assertTrue(self.opens(kept_blob))
        self.assertEqual(new, d.ok("kms", "describe-key", "--key-id", kept)["KeyMetadata"]["CloudHsmClusterId"])
        self.assert_lost(d.aws("kms", "decrypt", "--ciphertext-blob", lost_blob))

        # The restored cluster gives the lost key's handle out again.
        later, later_blob = self.made(store)
        with sqlite3.connect(d.data / "service" / "strongroom.sqlite", timeout=20) as database:
            handles = dict(database.execute("SELECT key_id, hsm_handle FROM kms_keys WHERE key_id IN (?, ?)", (lost, later)))
        self.assertEqual(handles[lost], handles[later])
        self.assert_lost(d.aws("kms", "decrypt", "--ciphertext-blob", lost_blob))
        self.assert_lost(d.aws("kms", "encrypt", "--key-id", lost, "--plaintext", "eA=="))
        d.ok("kms", "schedule-key-deletion", "--key-id", lost, "--pending-window-in-days", "7")
        with sqlite3.connect(d.data / "service" / "strongroom.sqlite", timeout=20) as database:
            database.execute("UPDATE kms_keys SET deletion_at = 1 WHERE key_id = ?", (lost,))
        wait_for("the lost key's end", lambda: d.aws("kms", "describe-key", "--key-id", lost).error == "NotFoundException")
        self.assertTrue(self.opens(later_blob))
        self.assertTrue(self.opens(self.encrypted(later)))
        self.assertTrue(self.opens(kept_blob))


if __name__ == "__main__":
    unittest.main()

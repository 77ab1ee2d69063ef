"""Rotation and multi-Region keys of KMS: the stock aws CLI where it knows the operation, signed calls where it does not, with
the service stopped and killed in between."""

import base64
import signal
import sqlite3
import subprocess
import unittest

from client import Connection, Refused
from deployment import BIN, Deployment, wait_for
from postgres_test import PostgreSql

REPLICA, THIRD = "eu-central-1", "ap-southeast-2"


class Rotation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment().start()
        cls.addClassCleanup(cls.deployment.close)
        cls.home = cls.deployment.environment["AWS_DEFAULT_REGION"]

    def setUp(self):
        self.calls = {}

    def tearDown(self):
        for connection in self.calls.values():
            connection.close()

    def restart(self, how=signal.SIGTERM):
        self.tearDown()
        self.calls = {}
        self.deployment.stop(how)
        self.deployment.start()

    def sql(self, statement):
        """On the store of a service that is stopped."""
        with sqlite3.connect(self.deployment.data / "service" / "strongroom.sqlite") as store:
            store.execute(statement)
        store.close()

    def call(self, operation, region=None, **members):
        region = region or self.home
        if region not in self.calls:
            self.calls[region] = Connection(dict(self.deployment.environment, AWS_DEFAULT_REGION=region), "kms")
        return self.calls[region].call(operation, **members)

    def refused(self, code, operation, region=None, **members):
        with self.assertRaises(Refused) as refusal:
            self.call(operation, region, **members)
        self.assertEqual(code, refusal.exception.code, refusal.exception)

    def kms(self, region, *arguments):
        return self.deployment.ok("--region", region, "kms", *arguments)

    def encrypt(self, region, key, text):
        answer = self.kms(region, "encrypt", "--key-id", key, "--plaintext", base64.b64encode(text).decode())
        return answer["CiphertextBlob"]

    def decrypt(self, region, blob):
        return base64.b64decode(self.kms(region, "decrypt", "--ciphertext-blob", blob)["Plaintext"])

    def settled(self, region, key):
        def look():
            state = self.kms(region, "describe-key", "--key-id", key)["KeyMetadata"]["KeyState"]
            return state if state not in ("Creating", "Updating") else None
        return wait_for(f"{key} in {region}", look)

    def test_a_key_rotates_and_goes_on_reading_what_it_wrote(self):
        key = self.kms(self.home, "create-key")["KeyMetadata"]["KeyId"]
        blobs = {self.encrypt(self.home, key, b"text 0"): b"text 0"}
        materials = [self.call("DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]]
        for number in range(1, 4):
            self.call("RotateKeyOnDemand", KeyId=key)
            materials.append(self.call("DescribeKey", KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"])
            text = b"text %d" % number
            blobs[self.encrypt(self.home, key, text)] = text
            if number == 1:
                self.restart()
        self.assertEqual(4, len(set(materials)))
        self.restart(signal.SIGKILL)
        for (blob, text), material in zip(blobs.items(), materials):
            self.assertEqual(text, self.decrypt(self.home, blob))
            self.assertEqual(material, self.call("Decrypt", CiphertextBlob=blob)["KeyMaterialId"])
        moved = self.call("ReEncrypt", CiphertextBlob=next(iter(blobs)), DestinationKeyId=key)
        self.assertEqual((materials[0], materials[3]), (moved["SourceKeyMaterialId"], moved["DestinationKeyMaterialId"]))
        shown = self.call("ListKeyRotations", KeyId=key, Limit=2)
        self.assertTrue(shown["Truncated"])
        rest = self.call("ListKeyRotations", KeyId=key, Limit=2, Marker=shown["NextMarker"])
        self.assertEqual(materials[:0:-1], [entry["KeyMaterialId"] for entry in shown["Rotations"] + rest["Rotations"]])
        everything = self.call("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
        self.assertEqual(["CURRENT"] + 3 * ["NON_CURRENT"], [entry["KeyMaterialState"] for entry in everything])
        self.refused("InvalidMarkerException", "ListKeyRotations", KeyId=key, Marker=shown["NextMarker"] + "x")

    def test_the_schedule_is_kept(self):
        key = self.kms(self.home, "create-key")["KeyMetadata"]["Arn"]
        self.assertFalse(self.kms(self.home, "get-key-rotation-status", "--key-id", key)["KeyRotationEnabled"])
        self.assertIsNone(self.kms(self.home, "enable-key-rotation", "--key-id", key))
        self.call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
        status = self.call("GetKeyRotationStatus", KeyId=key)
        self.assertEqual((key, True, 90), (status["KeyId"], status["KeyRotationEnabled"], status["RotationPeriodInDays"]))
        created = self.call("DescribeKey", KeyId=key)["KeyMetadata"]["CreationDate"]
        self.assertAlmostEqual(90 * 24, (status["NextRotationDate"] - created) / 3600, delta=1)
        self.restart()
        self.assertEqual(status, self.call("GetKeyRotationStatus", KeyId=key))
        self.kms(self.home, "disable-key-rotation", "--key-id", key)
        self.assertEqual({"KeyId": key, "KeyRotationEnabled": False}, self.call("GetKeyRotationStatus", KeyId=key))

    def test_what_is_due_rotates_by_itself(self):
        key = self.kms(self.home, "create-key")["KeyMetadata"]["KeyId"]
        self.kms(self.home, "enable-key-rotation", "--key-id", key)
        blob = self.encrypt(self.home, key, b"before")
        self.tearDown()
        self.calls = {}
        self.deployment.stop()
        self.sql(f"UPDATE kms_keys SET rotation_next = 1000 WHERE key_id = '{key}'")
        self.deployment.start()
        rotations = wait_for("a rotation", lambda: self.call("ListKeyRotations", KeyId=key)["Rotations"])
        self.assertEqual(["AUTOMATIC"], [rotation["RotationType"] for rotation in rotations])
        self.assertEqual(b"before", self.decrypt(self.home, blob))
        self.assertEqual(rotations[0]["KeyMaterialId"],
                         self.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")["KeyMaterialId"])

    def test_asymmetric_keys_do_not_rotate(self):
        key = self.kms(self.home, "create-key", "--key-spec", "ECC_NIST_P256", "--key-usage", "SIGN_VERIFY")
        for operation in ("RotateKeyOnDemand", "EnableKeyRotation", "ListKeyRotations", "GetKeyRotationStatus"):
            self.refused("UnsupportedOperationException", operation, KeyId=key["KeyMetadata"]["KeyId"])

    def test_a_multi_region_key(self):
        key = self.kms(self.home, "create-key", "--multi-region")["KeyMetadata"]["KeyId"]
        self.assertTrue(key.startswith("mrk-"))
        before = self.encrypt(self.home, key, b"before")
        made = self.kms(self.home, "replicate-key", "--key-id", key, "--replica-region", REPLICA, "--description", "copy",
                        "--tags", "TagKey=a,TagValue=b")
        self.assertEqual("Creating", made["ReplicaKeyMetadata"]["KeyState"])
        self.assertEqual([{"TagKey": "a", "TagValue": "b"}], made["ReplicaTags"])
        self.assertEqual("Enabled", self.settled(REPLICA, key))
        self.assertEqual(b"before", self.decrypt(REPLICA, before))
        self.refused("AlreadyExistsException", "ReplicateKey", KeyId=key, ReplicaRegion=REPLICA)

        # What it does in one Region, it has done in the other.
        self.call("RotateKeyOnDemand", KeyId=key)
        after = self.encrypt(REPLICA, key, b"after")
        self.assertEqual(b"after", self.decrypt(self.home, after))
        self.restart(signal.SIGKILL)
        for region in (self.home, REPLICA):
            self.assertEqual([b"before", b"after"], [self.decrypt(region, before), self.decrypt(region, after)])
        self.refused("UnsupportedOperationException", "RotateKeyOnDemand", REPLICA, KeyId=key)

        # The primary Region moves, and with it what only a primary key can do.
        self.kms(self.home, "update-primary-region", "--key-id", key, "--primary-region", REPLICA)
        self.assertEqual("Enabled", self.settled(REPLICA, key))
        self.assertEqual("Enabled", self.settled(self.home, key))
        kinds = {region: self.call("DescribeKey", region, KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]
                 for region in (self.home, REPLICA)}
        self.assertEqual("REPLICA", kinds[self.home]["MultiRegionKeyType"])
        self.assertEqual("PRIMARY", kinds[REPLICA]["MultiRegionKeyType"])
        self.call("ReplicateKey", REPLICA, KeyId=key, ReplicaRegion=THIRD)
        self.assertEqual("Enabled", self.settled(THIRD, key))
        self.assertEqual(b"before", self.decrypt(THIRD, before))

        # The keys of other Regions are keys of their own.
        self.kms(self.home, "disable-key", "--key-id", key)
        self.assertEqual("Disabled", self.settled(self.home, key))
        self.assertEqual(b"after", self.decrypt(REPLICA, after))
        waiting = self.call("ScheduleKeyDeletion", REPLICA, KeyId=key, PendingWindowInDays=7)
        self.assertEqual("PendingReplicaDeletion", waiting["KeyState"])
        self.assertNotIn("DeletionDate", waiting)
        self.refused("KMSInvalidStateException", "Encrypt", REPLICA, KeyId=key, Plaintext="eA==")
        self.assertEqual(b"after", self.decrypt(THIRD, after))


class RotationOnPostgres(Rotation):
    @classmethod
    def setUpClass(cls):
        cls.pg = PostgreSql()
        cls.addClassCleanup(cls.pg.close)
        cls.deployment = Deployment()
        cls.addClassCleanup(cls.deployment.close)
        made = cls.deployment.run(BIN / "strongroom", "init", "--data", cls.deployment.data, "--development", "--postgresql",
                                  cls.pg.conninfo)
        assert made.status == 0, made.err
        cls.deployment.start()
        cls.home = cls.deployment.environment["AWS_DEFAULT_REGION"]

    def sql(self, statement):
        subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement, self.pg.conninfo], check=True)


if __name__ == "__main__":
    unittest.main()

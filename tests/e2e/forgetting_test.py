"""Deleted key material leaves the HSMs' memory at once: it is known here, since it was imported, and looked for there."""

import base64
import os
import sqlite3
import unittest

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from client import Connection
from deployment import Deployment, wait_for
from kill_test import processes
from leak_test import found_in, memory

OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


def load_tests(loader, _tests, _pattern):
    """Not those of the files that lend their tools."""
    return loader.loadTestsFromTestCase(Forgetting)


@unittest.skipUnless(os.geteuid() == 0, "only root may look into these processes")
class Forgetting(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.addClassCleanup(cls.d.close)
        cls.kms = Connection(cls.d.environment, "kms")
        cls.addClassCleanup(cls.kms.close)
        cls.pids = processes(cls.d.process.pid)

    def sql(self, statement, *values):
        with sqlite3.connect(self.d.data / "service" / "strongroom.sqlite", timeout=20) as store:
            return store.execute(statement, values).fetchall()

    def imported(self, material):
        """A key of this material, in use."""
        key = self.kms.call("CreateKey", Origin="EXTERNAL")["KeyMetadata"]["KeyId"]
        got = self.kms.call("GetParametersForImport", KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256",
                            WrappingKeySpec="RSA_2048")
        public = serialization.load_der_public_key(base64.b64decode(got["PublicKey"]))
        wrapped = base64.b64encode(public.encrypt(material, OAEP)).decode()
        self.kms.call("ImportKeyMaterial", KeyId=key, ImportToken=got["ImportToken"], EncryptedKeyMaterial=wrapped,
                      ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
        blob = self.kms.call("Encrypt", KeyId=key, Plaintext=base64.b64encode(b"text").decode())["CiphertextBlob"]
        self.assertEqual(b"text", base64.b64decode(self.kms.call("Decrypt", CiphertextBlob=blob)["Plaintext"]))
        return key

    def holders(self, material):
        """The kinds of processes that have it in their memory."""
        return {kind for kind, pids in self.pids.items() for pid in pids
                if any(found_in(area, {"it": material}) for area in memory(pid))}

    def test_material_that_is_deleted_is_in_no_process(self):
        material = os.urandom(32)
        key = self.imported(material)
        self.assertEqual({"hsm"}, self.holders(material), "in use, in the HSM alone")
        self.kms.call("DeleteImportedKeyMaterial", KeyId=key)
        wait_for("the HSM to forget it", lambda: not self.holders(material))

    def test_a_key_that_is_deleted_is_in_no_process(self):
        material = os.urandom(32)
        key = self.imported(material)
        self.kms.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
        self.assertEqual({"hsm"}, self.holders(material), "it may be cancelled yet")
        self.sql("UPDATE kms_keys SET deletion_at = 1 WHERE key_id = ?", key)
        wait_for("the key's end", lambda: not self.sql("SELECT 1 FROM kms_keys WHERE key_id = ?", key))
        wait_for("the HSM to forget it", lambda: not self.holders(material))


if __name__ == "__main__":
    unittest.main()

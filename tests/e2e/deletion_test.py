"""A deleted key is gone: at once from the deployment, and with its generation of the domain key from old copies, too."""

import base64
import shutil
import sqlite3
import unittest

from deployment import Deployment, Failure, wait_for

DAY = 24 * 60 * 60 * 1000


class Deletion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.addClassCleanup(cls.d.close)

    @property
    def service(self):
        return self.d.data / "service"

    def sql(self, statement, *values):
        with sqlite3.connect(self.service / "strongroom.sqlite", timeout=20) as store:
            return store.execute(statement, values).fetchall()

    def keep_copy(self, name):
        """The store as it is; the service is stopped."""
        (self.d.root / name).mkdir()
        for path in self.service.glob("strongroom.sqlite*"):
            shutil.copy2(path, self.d.root / name)

    def put_back(self, name):
        owner = (self.service / "strongroom.sqlite").stat()
        for path in self.service.glob("strongroom.sqlite*"):
            path.unlink()
        for path in (self.d.root / name).iterdir():
            to = self.service / path.name
            shutil.copy2(path, to)
            shutil.chown(to, owner.st_uid, owner.st_gid)

    def later(self, days, column):
        """Stops, sets a time of the domain key's generations back, and starts again."""
        self.d.stop()
        self.sql(f"UPDATE domain_keys SET {column} = {column} - ?", days * DAY)
        self.d.start()

    def encrypt(self, key):
        plaintext = base64.b64encode(b"a secret").decode()
        return self.d.ok("kms", "encrypt", "--key-id", key, "--plaintext", plaintext)["CiphertextBlob"]

    def decrypt(self, blob):
        return self.d.aws("kms", "decrypt", "--ciphertext-blob", blob)

    def test_an_old_copy_opens_nothing_once_the_generation_is_gone(self):
        d = self.d
        deleted = d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        kept = d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        lost, safe = self.encrypt(deleted), self.encrypt(kept)
        d.ok("kms", "schedule-key-deletion", "--key-id", deleted, "--pending-window-in-days", "7")
        d.ok("kms", "cancel-key-deletion", "--key-id", deleted)
        d.ok("kms", "enable-key", "--key-id", deleted)
        d.stop()
        self.keep_copy("old")
        d.start()
        d.ok("kms", "schedule-key-deletion", "--key-id", deleted, "--pending-window-in-days", "7")
        d.stop()
        self.sql("UPDATE kms_keys SET deletion_at = 1 WHERE key_id = ?", deleted)
        d.start()
        wait_for("the key's end", lambda: d.aws("kms", "describe-key", "--key-id", deleted).error == "NotFoundException")
        self.assertEqual("AccessDeniedException", self.decrypt(lost).error)
        self.assertEqual([], self.sql("SELECT token FROM kms_materials WHERE key_id = ?", deleted))
        self.assertEqual(0, self.decrypt(safe).status)

        wait_for("a first generation", lambda: self.sql("SELECT 1 FROM domain_keys"))
        self.later(31, "made_at")
        wait_for("a second generation", lambda: self.sql("SELECT 1 FROM domain_keys WHERE generation = 2"))
        self.later(1, "made_at")
        wait_for("all wrapped anew", lambda: self.sql("SELECT 1 FROM domain_keys WHERE generation = 1 AND rewrapped_at > 0"))
        tokens = self.sql("SELECT token FROM kms_materials")
        self.assertTrue(tokens)
        self.assertEqual({2}, {int.from_bytes(token[4:8], "big") for (token,) in tokens})
        # Before the last days of the old generation are over, an old copy is a backup like any other.
        d.stop()
        self.keep_copy("new")
        self.put_back("old")
        d.start()
        self.assertEqual(0, self.decrypt(lost).status)
        d.stop()
        self.put_back("new")
        d.start()
        self.later(36, "rewrapped_at")
        wait_for("the old generation's end", lambda: self.sql("SELECT 1 FROM domain_keys WHERE dropped_at > 0"))
        self.assertEqual(0, self.decrypt(safe).status)
        # Secrets of the deployment itself, sealed before, open as ever: the access key that signs all this is one.
        d.ok("sts", "get-caller-identity")

        d.stop()
        shutil.rmtree(d.root / "new")
        self.keep_copy("new")
        self.put_back("old")
        with self.assertRaises(Failure) as whole:
            d.start()
        self.assertIn("Restore a newer backup.", str(whole.exception))
        # The deleted key's rows alone, out of the old copy.
        self.put_back("new")
        with sqlite3.connect(self.service / "strongroom.sqlite") as store:
            store.execute("ATTACH ? AS old", (str(d.root / "old" / "strongroom.sqlite"),))
            for table in ("kms_keys", "kms_materials"):
                store.execute(f"INSERT INTO {table} SELECT * FROM old.{table} WHERE key_id = ?", (deleted,))
        d.start()
        refused = self.decrypt(lost)
        self.assertEqual("KMSInvalidStateException", refused.error, refused.err)
        self.assertIn("material was destroyed", refused.err)
        d.stop()
        self.put_back("new")
        d.start()
        self.assertEqual(b"a secret", base64.b64decode(self.d.ok("kms", "decrypt", "--ciphertext-blob", safe)["Plaintext"]))
        self.assertEqual("NotFoundException", d.aws("kms", "describe-key", "--key-id", deleted).error)


if __name__ == "__main__":
    unittest.main()

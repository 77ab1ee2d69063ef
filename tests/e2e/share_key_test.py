"""shareKey of cloudhsm_mgmt_util: an owner shares a key with another crypto user, on both HSMs."""

import re
import unittest

from deployment import Deployment

OFFICER, OWNER, BOB = "Officer-pass-1", "Ownerpass1", "Bobspass-1"


class ShareKey(unittest.TestCase):
    """Steps in order; each needs those before it."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.cluster, store = cls.d.connected_store(OFFICER)
        cls.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", store)
        cls.d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", store)
        cls.d.wait_store(store, "DISCONNECTED")
        cls.d.take_kmsuser_back(OFFICER, OWNER)
        session = cls.d.cmu(f"loginHSM CO admin {OFFICER}", f"createUser CU bob {BOB}", "y", "createUser CU carol Carolpass-1",
                            "y", "listUsers", "quit")
        cls.ids = {name: int(number) for number, name in re.findall(r"^\s*(\d+)\s+\w+\s+(\w+)\s", session.out, re.M)}
        listed = cls.d.cmu(f"loginHSM CU kmsuser {OWNER}", f"findAllKeys {cls.ids['kmsuser']} 0", "quit").out
        cls.key = int(re.search(r"^(\d+)\(o\)$", listed, re.M).group(1))

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def owner(self, *lines):
        return self.d.cmu(f"loginHSM CU kmsuser {OWNER}", *lines, "quit")

    def bob(self, *lines):
        return self.d.cmu(f"loginHSM CU bob {BOB}", *lines, "quit")

    def share(self, user, on=1, key=None):
        return self.owner(f"shareKey {key or self.key} {user} {on}", "y").out

    def test_1_what_does_not_fit_is_refused(self):
        for what, out, error in (
                ("not the owner", self.bob(f"shareKey {self.key} {self.ids['bob']} 1", "y").out, "no such key"),
                ("an officer", self.d.cmu(f"loginHSM CO admin {OFFICER}", f"shareKey {self.key} {self.ids['bob']} 1", "y",
                                          "quit").out, "does not allow this"),
                ("unknown key", self.share(self.ids["bob"], key=999999), "no such key"),
                ("unknown user", self.share(99), "doesn't exist"),
                ("oneself", self.share(self.ids["kmsuser"]), "The owner has the key already."),
                ("an officer as sharer", self.share(self.ids["admin"]), "crypto users only"),
                ("not shared", self.share(self.ids["bob"], 0), "not shared with this user"),
                ("nonsense", self.share(self.ids["bob"], 2), "Usage: shareKey"),
                ("no number", self.share("bob"), "Usage: shareKey"),
                ("declined", self.owner(f"shareKey {self.key} {self.ids['bob']} 1", "n").out, "continue(y/n)")):
            with self.subTest(what):
                self.assertIn(error, out)
                self.assertNotIn("shareKey success", out)
        self.assertIn("no such key", self.bob(f"getKeyInfo {self.key}").out)

    def test_2_a_shared_key_is_seen_by_who_may_use_it(self):
        session = self.owner(f"shareKey {self.key} {self.ids['bob']} 1", "y", f"getKeyInfo -k {self.key}")
        self.assertEqual(session.status, 0, session.out)
        self.assertIn("CAUTION", session.out)
        self.assertEqual(session.out.count("shareKey success on server"), 2)
        self.assertEqual(session.out.count(f"also, shared to following 1 user(s):\n\t{self.ids['bob']}\n"), 2)
        seen = self.bob(f"getKeyInfo {self.key}", f"findAllKeys {self.ids['bob']} 1").out
        self.assertEqual(seen.count(f"Owned by user {self.ids['kmsuser']}"), 2, seen)
        self.assertEqual(seen.count(f"\n{self.key}(s)\n"), 2, seen)
        self.assertEqual(len(set(re.findall(r"^[0-9a-f]{64}$", seen, re.M))), 1, seen)
        officer = self.d.cmu(f"loginHSM CO admin {OFFICER}", f"findAllKeys {self.ids['bob']} 0", "quit").out
        self.assertEqual(officer.count(f"{self.key}(s)"), 2, officer)
        again = self.bob(f"shareKey {self.key} {self.ids['carol']} 1", "y").out
        self.assertNotIn("success on server 0", again.split("shareKey", 1)[1])

    def test_3_until_it_is_no_longer_shared(self):
        self.assertEqual(self.share(self.ids["bob"], 0).count("shareKey success on server"), 2)
        self.assertIn("no such key", self.bob(f"getKeyInfo {self.key}").out)
        self.assertIn("Number of keys found 0", self.bob(f"findAllKeys {self.ids['bob']} 0").out)

    def test_4_a_deleted_users_share_goes_with_it(self):
        self.assertEqual(self.share(self.ids["carol"]).count("shareKey success on server"), 2)
        deleted = self.d.cmu(f"loginHSM CO admin {OFFICER}", "deleteUser CU carol", "quit")
        self.assertEqual(deleted.status, 0, deleted.out)
        self.assertNotIn("also, shared", self.owner(f"getKeyInfo {self.key}").out)
        self.assertIn("doesn't exist", self.share(self.ids["carol"]))


if __name__ == "__main__":
    unittest.main()

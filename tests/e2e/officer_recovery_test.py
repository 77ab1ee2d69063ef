"""A crypto officer's way back by the customer CA's key: the steps of docs/operations.md, and what does not work."""

import unittest

from deployment import Deployment
from manual import Manual

MANUAL = Manual("An officer who is locked out")
OFFICER, FRESH, LATER = "Officer-pass-1", "Fresh-pass-22", "Later-pass-33"


class OfficerRecovery(unittest.TestCase):
    """Steps in order; each needs those before it."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.d.active_cluster(OFFICER, hsms=2)
        cls.d.cmu(f"loginHSM CO admin {OFFICER}", "createUser CU alice Alicepass-1", "y", "quit")
        cls.d.make_ca("otherCA")

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def login(self, password):
        return self.d.cmu(f"loginHSM CO admin {password}", "quit").out

    def sign(self, challenge, signature, key="customerCA.key"):
        self.d.shell(f"openssl dgst -sha256 -sign {key} -out {signature} {challenge}")

    def recover(self, challenge, signature, password=FRESH):
        return self.d.cmu(f"recoverCO admin {challenge} {signature}", password, "y", "quit")

    def refused(self, challenge, signature, text, password=FRESH):
        session = self.recover(challenge, signature, password)
        self.assertNotEqual(session.status, 0)
        self.assertIn(text, session.out)
        self.assertNotIn("success", session.out)

    def test_1_the_sole_officer_is_locked(self):
        for _ in range(5):
            self.assertIn("RET_USER_LOGIN_FAILURE", self.login("Wrong-pass-1"))
        self.assertIn("locked", self.login(OFFICER))

    def test_2_a_challenge_needs_no_login(self):
        session = MANUAL.run(self.d, "An officer who is locked out", 1)
        self.assertIn("openssl dgst -sha256 -sign customerCA.key -out challenge.sig challenge", session.out)
        text = (self.d.root / "challenge").read_text()
        self.assertIn("\nOfficer: admin\n", text)
        for line, error in (("recoverCO admin challenge", "is there already"),
                            ("recoverCO admin missing/challenge", "missing/challenge"),
                            ("recoverCO alice other", "does not allow this"),
                            ("recoverCO nobody other", "doesn't exist"),
                            ("recoverCO admin", "Usage: recoverCO")):
            with self.subTest(line):
                session = self.d.cmu(line, "quit")
                self.assertNotEqual(session.status, 0)
                self.assertIn(error, session.out)
        self.assertEqual((self.d.root / "challenge").read_text(), text)
        self.assertFalse((self.d.root / "other").exists())
        self.assertIn("recoverCO <name> <challenge file>", self.d.cmu("help recoverCO", "quit").out)

    def test_3_what_does_not_fit_is_refused(self):
        MANUAL.run(self.d, "An officer who is locked out", 2)
        self.sign("challenge", "by-other.sig", "otherCA.key")
        text = (self.d.root / "challenge").read_text()
        files = {"garbage": "garbage\n", "empty": "", "large": "x" * 5000,
                 "elsewhere": text.replace("Cluster: cluster-", "Cluster: cluster-x"),
                 "longer": text.replace("Record: ", "Record: 1")}
        for name, content in files.items():
            (self.d.root / name).write_text(content)
        self.sign("elsewhere", "elsewhere.sig")
        self.sign("longer", "longer.sig")
        for challenge, signature, error in (
                ("challenge", "by-other.sig", "not one of the customer CA's key"),
                ("challenge", "garbage", "not one of the customer CA's key"),
                ("challenge", "empty", "not one of the customer CA's key"),
                ("challenge", "large", "large"),
                ("challenge", "nothing.sig", "nothing.sig"),
                ("garbage", "challenge.sig", "no challenge"),
                ("empty", "challenge.sig", "no challenge"),
                ("elsewhere", "elsewhere.sig", "another cluster's"),
                ("longer", "longer.sig", "was changed")):
            with self.subTest(f"{challenge} {signature}"):
                self.refused(challenge, signature, error)
        self.refused("challenge", "challenge.sig", "7 to 32 characters", "short")
        self.assertIn("locked", self.login(OFFICER))
        declined = self.d.cmu("recoverCO admin challenge challenge.sig", FRESH, "n", "quit")
        self.assertNotIn("success", declined.out)
        self.assertIn("locked", self.login(OFFICER))

    def test_4_the_officer_is_back_on_both_hsms(self):
        session = MANUAL.run(self.d, "An officer who is locked out", 3, PASSWORD=FRESH)
        self.assertIn("Recovering admin(CO) on 2 nodes", session.out)
        self.assertEqual(session.out.count("recoverCO success"), 2)
        self.assertNotIn(FRESH, session.out + session.err)
        self.assertEqual(self.login(FRESH).count("loginHSM success"), 2)
        self.assertIn("RET_USER_LOGIN_FAILURE", self.login(OFFICER))
        self.assertIn("createUser success", self.d.cmu(f"loginHSM CO admin {FRESH}", "createUser CU bob Bobspass-1", "y",
                                                       "quit").out)

    def test_5_a_challenge_is_good_once(self):
        self.refused("challenge", "challenge.sig", "used up", LATER)
        self.assertEqual(self.login(FRESH).count("loginHSM success"), 2)

    def test_6_a_forgotten_password_needs_no_lock(self):
        self.assertEqual(self.d.cmu("recoverCO ADMIN second", "quit").status, 0)
        self.sign("second", "second.sig")
        session = self.d.cmu(f"recoverCO admin second second.sig {LATER}", "y", "quit")
        self.assertEqual(session.out.count("recoverCO success"), 2, session.out)
        self.assertEqual(self.login(LATER).count("loginHSM success"), 2)
        self.assertIn("RET_USER_LOGIN_FAILURE", self.login(FRESH))

    def test_7_it_lasts(self):
        self.d.stop()
        self.d.start()
        self.d.cmu_until("both HSMs", lambda session: session.out.count("loginHSM success") == 2,
                         f"loginHSM CO admin {LATER}", "quit")
        self.refused("second", "second.sig", "used up")
        self.assertEqual(MANUAL.left(), [])


if __name__ == "__main__":
    unittest.main()

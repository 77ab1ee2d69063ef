"""A cluster's log that was set back, holds what nobody can verify, or is forked; HSMs that an officer has to approve, and HSMs
that are gone."""

import base64
import re
import shutil
import sqlite3
import unittest

from deployment import Deployment, wait_for
from manual import Manual

OFFICER = "Officer-pass-1"
MANUAL = Manual("A record that cannot be verified", "A forked log", "Approval of new HSMs", "An HSM is gone")


class OneCluster(unittest.TestCase):
    """A cluster of two HSMs, its officer, and its log in SQLite. Steps in order."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def tearDown(self):
        for _, problem in self._outcome.result.errors + self._outcome.result.failures:
            if problem:
                self._outcome.result.shouldStop = True

    @property
    def database(self):
        return self.d.data / "service" / "strongroom.sqlite"

    def officer(self, *lines):
        return self.d.cmu(f"loginHSM CO admin {OFFICER}", *lines, "quit").out

    def create_user(self, name):
        return self.officer(f"createUser CU {name} Userpass-1", "y")

    def changes_possible(self, servers=2):
        out = self.d.cmu("getHSMInfo", "quit").out
        return out if out.count("Changes possible     :yes") == servers else None

    def users(self):
        """{server's address: names of its users}"""
        out = self.d.cmu("listUsers", "quit").out
        shown = re.findall(r"^Users on server \d+\(([^)]*)\):\n(.*?)(?=^Users on|^\S*success|\Z)", out, re.M | re.S)
        return {server: set(re.findall(r"^ +\d+ +(?:CO|CU|AU) +(\S+)", text, re.M)) for server, text in shown}

    def rows(self, sql, *values):
        with sqlite3.connect(self.database) as store:
            return store.execute(sql, values).fetchall()

    def head(self):
        return self.rows("SELECT MAX(number) FROM cluster_log WHERE cluster_id = ?", self.cluster_id)[0][0]


class ClusterLog(OneCluster):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster_id = cls.d.active_cluster(OFFICER, hsms=2)["ClusterId"]

    def repair(self, **how):
        return MANUAL.run(self.d, "A record that cannot be verified", DIR=self.d.data, CLUSTER_ID=self.cluster_id, **how)

    def test_1_a_store_that_was_set_back_gets_the_tail_again(self):
        self.create_user("before")
        self.d.stop()
        for path in self.database.parent.glob("strongroom.sqlite*"):
            shutil.copy2(path, self.d.root / path.name)
        self.d.start()
        wait_for("changes", self.changes_possible)
        for name in ("lost1", "lost2", "lost3"):
            self.assertIn("createUser success", self.create_user(name))
        head = self.head()
        self.d.stop()
        for path in self.database.parent.glob("strongroom.sqlite*"):
            path.unlink()
        for path in self.d.root.glob("strongroom.sqlite*"):
            shutil.copy2(path, self.database.parent / path.name)
        self.assertLess(self.head(), head)
        self.d.start()
        wait_for("the tail", lambda: self.head() == head)
        wait_for("changes", self.changes_possible)
        self.assertIn("createUser success", self.create_user("after"))
        users = self.d.cmu("listUsers", "quit").out
        for name in ("before", "lost1", "lost2", "lost3", "after"):
            self.assertEqual(len(re.findall(rf"\b{name}\b", users)), 2, users)

    def test_2_a_row_that_nobody_can_verify_is_moved_aside(self):
        self.assertIn("nothing to repair", self.repair(good=False).err)
        head = self.head()
        with sqlite3.connect(self.database, timeout=20) as store:
            store.execute("INSERT INTO cluster_log (cluster_id, number, prev_hash, record, appended_at) VALUES (?,?,?,?,0)",
                          (self.cluster_id, head + 1, bytes(32), b"garbage"))
        out = wait_for("the problem", lambda: (o := self.d.cmu("getHSMInfo", "quit").out).count("repair-log") == 2 and o)
        self.assertIn(f"Record {head + 1} of the cluster's log cannot be verified", out)
        self.assertIn("failed", self.create_user("refused"))
        shown = wait_for("StateMessage", lambda: [h for h in self.d.cluster(self.cluster_id)["Hsms"] if "StateMessage" in h])
        self.assertIn("repair-log", shown[0]["StateMessage"])
        self.assertEqual(self.repair().out, f"Record {head + 1} was moved aside.\n")
        wait_for("changes", self.changes_possible)
        self.assertIn("createUser success", self.create_user("again"))
        self.assertEqual(self.rows("SELECT number, record FROM cluster_log_aside"), [(head + 1, b"garbage")])
        wait_for("no StateMessage",
                 lambda: not [h for h in self.d.cluster(self.cluster_id)["Hsms"] if "StateMessage" in h])

    def approval(self, number, **words):
        return MANUAL.run(self.d, "Approval of new HSMs", number, PASSWORD=OFFICER, **words).out

    def test_3_an_officer_approves_a_new_hsm(self):
        self.assertIn("setHSMApproval success", self.approval(1))
        zone = self.d.cluster(self.cluster_id)["Hsms"][0]["AvailabilityZone"]
        made = self.d.ok("cloudhsmv2", "create-hsm", "--cluster-id", self.cluster_id, "--availability-zone", zone)["Hsm"]

        def waits():
            for hsm in self.d.cluster(self.cluster_id)["Hsms"]:
                if hsm["HsmId"] == made["HsmId"] and "approval" in hsm.get("StateMessage", ""):
                    return hsm["StateMessage"]
            return None

        fingerprint = re.search(r"[0-9a-f]{64}", wait_for("an HSM that waits", waits)).group()
        listed = self.approval(2)
        self.assertIn(made["HsmId"], listed)
        self.assertIn(fingerprint, listed)
        self.assertIn("failed", self.approval(3, FINGERPRINT="0" * 64, good=False))
        self.assertIn("approveHSM success", self.approval(3, FINGERPRINT=fingerprint))
        active = self.d.wait_hsm(self.cluster_id, made["HsmId"])
        self.assertNotIn("StateMessage", active)
        self.assertIn("setHSMApproval success", self.officer("setHSMApproval off", "y"))
        ClusterLog.third = made["HsmId"]

    def test_4_after_a_removal_the_rest_starts_again(self):
        self.d.ok("cloudhsmv2", "delete-hsm", "--cluster-id", self.cluster_id, "--hsm-id", self.third)
        wait_for("the HSM gone", lambda: len(self.d.cluster(self.cluster_id)["Hsms"]) == 2)
        self.assertNotIn("StateMessage", self.d.cluster(self.cluster_id), "it proved that it zeroised itself")
        self.d.stop()
        before = len(self.d.whole_log())
        self.d.start()
        wait_for("changes", self.changes_possible)
        log = self.d.whole_log()[before:]
        for line in ("does not belong to", "of no cluster", "counts as compromised"):
            self.assertNotIn(line, log)

    def test_5_an_hsm_whose_disk_is_lost_is_replaced(self):
        lost = self.d.cluster(self.cluster_id)["Hsms"][0]
        self.d.stop()
        shutil.rmtree(self.d.data / "hsm" / lost["HsmId"])
        self.d.start()
        MANUAL.run(self.d, "An HSM is gone", CLUSTER_ID=self.cluster_id, HSM_ID=lost["HsmId"], ZONE=lost["AvailabilityZone"])

        def replaced():
            hsms = self.d.cluster(self.cluster_id)["Hsms"]
            return len(hsms) == 2 and all(h["State"] == "ACTIVE" and h["HsmId"] != lost["HsmId"] for h in hsms) and hsms

        hsms = wait_for("another HSM in its place", replaced)
        message = self.d.cluster(self.cluster_id)["StateMessage"]
        self.assertIn(lost["HsmId"], message)
        self.assertIn("counts as compromised", message)
        self.d.run(self.d.client_home / "bin" / "configure", "-a", hsms[0]["EniIp"])
        wait_for("changes", self.changes_possible)
        self.assertIn("createUser success", self.create_user("replaced"))
        seen = self.users()
        self.assertEqual(set(seen), {h["EniIp"] for h in hsms})
        for names in seen.values():
            self.assertLessEqual({"before", "lost3", "again", "replaced"}, names)


class Fork(OneCluster):
    """One of two HSMs and the store have gone different ways, as after putting back disk images of different days."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cluster, store = cls.d.connected_store(OFFICER)
        cls.cluster_id, cls.addresses = cluster["ClusterId"], {h["HsmId"]: h["EniIp"] for h in cluster["Hsms"]}
        cls.forked, cls.other = sorted(cls.addresses)
        key = cls.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", store)["KeyMetadata"]["KeyId"]
        cls.blob = cls.d.ok("kms", "encrypt", "--key-id", key, "--plaintext", "Zm9ya2Vk")["CiphertextBlob"]

    def image(self, name):
        """Of the store and all HSMs, with the service stopped."""
        (self.d.root / name).mkdir()
        self.copy("service", "hsm", source=self.d.data, to=self.d.root / name)

    def copy(self, *parts, source, to):
        for part in parts:
            shutil.rmtree(to / part, ignore_errors=True)
            self.d.shell(f"cp -a {source / part} {(to / part).parent}/")  # owners and all

    def server(self, hsm):
        """Its number in the client tool."""
        listed = re.findall(r"Connected to server '([^']*)'", self.d.cmu("listUsers", "quit").out)
        return listed.index(self.addresses[hsm])

    def choose(self, hsm, number, good=True):
        return MANUAL.run(self.d, "A forked log", number, good=good, PASSWORD=OFFICER, N=self.server(hsm)).out

    def decrypts(self):
        answer = self.d.aws("kms", "decrypt", "--ciphertext-blob", self.blob)
        return answer.status == 0 and base64.b64decode(answer.json["Plaintext"]) == b"forked"

    def has(self, hsm):
        return self.users().get(self.addresses[hsm], set()) & {"before", "left1", "left2", "right1", "after"}

    def wait_whole(self, names):
        wait_for("changes", self.changes_possible)
        wait_for("no StateMessage", lambda: not [h for h in self.d.cluster(self.cluster_id)["Hsms"] if "StateMessage" in h])
        self.assertIn("createUser success", self.create_user("after"))
        for hsm in self.addresses:
            self.assertEqual(self.has(hsm), names | {"after"})
        wait_for("decryption", self.decrypts)

    def test_1_two_histories(self):
        self.assertIn("createUser success", self.create_user("before"))
        self.d.stop()
        self.image("common")
        self.d.start()
        wait_for("changes", self.changes_possible)
        for name in ("left1", "left2"):
            self.assertIn("createUser success", self.create_user(name))
        self.d.stop()
        self.image("left")
        self.copy("service", "hsm", source=self.d.root / "common", to=self.d.data)
        self.d.start()
        wait_for("changes", self.changes_possible)
        self.assertIn("createUser success", self.create_user("right1"))
        self.d.stop()
        self.copy(f"hsm/{self.forked}", source=self.d.root / "left", to=self.d.data)
        self.image("forked")

    def test_2_changes_stop_and_crypto_goes_on(self):
        self.d.start()
        shown = wait_for("the fork", lambda: (m := {h["HsmId"]: h["StateMessage"] for h in self.d.cluster(self.cluster_id)["Hsms"]
                                                    if "StateMessage" in h}) and m)
        self.assertEqual(list(shown), [self.forked])
        self.assertIn("forked", shown[self.forked])
        self.assertIn("chooseLog", shown[self.forked])
        wait_for("both HSMs", lambda: len(self.users()) == 2)
        seen = MANUAL.run(self.d, "A forked log", 1, PASSWORD=OFFICER).out
        self.assertEqual(seen.count("The cluster's log is forked"), 1, seen)
        self.assertEqual(self.has(self.forked), {"before", "left1", "left2"})
        self.assertEqual(self.has(self.other), {"before", "right1"})
        refused = self.d.cmu(f"server {self.server(self.forked)}", f"loginHSM CO admin {OFFICER}",
                             "createUser CU never Userpass-1", "y", "quit").out
        self.assertIn("createUser failed", refused)
        self.assertIn("forked", refused)
        wait_for("decryption", self.decrypts)  # the key store connects again by itself after a start
        for _ in range(4):  # more than there are HSMs
            answer = self.d.ok("kms", "decrypt", "--ciphertext-blob", self.blob)
            self.assertEqual(base64.b64decode(answer["Plaintext"]), b"forked")

    def test_3_the_officer_chooses_the_store(self):
        self.assertIn("chooseLog success", self.choose(self.forked, 2))
        self.wait_whole({"before", "right1"})
        self.assertIn("not forked", self.choose(self.forked, 2, good=False))

    def test_4_the_officer_chooses_the_hsm(self):
        self.d.stop()
        self.copy("service", "hsm", source=self.d.root / "forked", to=self.d.data)
        self.d.start()
        wait_for("the fork", lambda: "forked" in self.d.cmu("getHSMInfo", "quit").out)
        wait_for("both HSMs", lambda: len(self.users()) == 2)  # or their numbers are others by the next session
        self.assertIn("chooseLog success", self.choose(self.forked, 3))
        wait_for("the other one differs", lambda: any("forked" in h.get("StateMessage", "") and h["HsmId"] == self.other
                                                      for h in self.d.cluster(self.cluster_id)["Hsms"]))
        self.assertIn("chooseLog success", self.choose(self.other, 2))
        self.wait_whole({"before", "left1", "left2"})
        self.assertTrue(self.rows("SELECT number FROM cluster_log_aside WHERE cluster_id = ?", self.cluster_id))


class Text(unittest.TestCase):
    def test_all_of_it_was_executed(self):
        self.assertEqual(MANUAL.left(), [])


def load_tests(loader, standard, pattern):
    suite = unittest.TestSuite()
    for case in (ClusterLog, Fork, Text):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()

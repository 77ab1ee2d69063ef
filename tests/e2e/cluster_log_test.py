"""A cluster's log that was set back or holds what nobody can verify; new HSMs that an officer has to approve."""

import re
import shutil
import sqlite3
import unittest

from deployment import BIN, Deployment, wait_for

OFFICER = "Officer-pass-1"


class ClusterLog(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.cluster_id = cls.d.active_cluster(OFFICER, hsms=2)["ClusterId"]

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

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

    def rows(self, sql, *values):
        with sqlite3.connect(self.database) as store:
            return store.execute(sql, values).fetchall()

    def head(self):
        return self.rows("SELECT MAX(number) FROM cluster_log WHERE cluster_id = ?", self.cluster_id)[0][0]

    def repair(self):
        return self.d.run(BIN / "strongroom", "cluster", "repair-log", "--data", self.d.data, "--cluster", self.cluster_id)

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
        self.assertIn("nothing to repair", self.repair().err)
        head = self.head()
        with sqlite3.connect(self.database, timeout=20) as store:
            store.execute("INSERT INTO cluster_log (cluster_id, number, prev_hash, record, appended_at) VALUES (?,?,?,?,0)",
                          (self.cluster_id, head + 1, bytes(32), b"garbage"))
        out = wait_for("the problem", lambda: (o := self.d.cmu("getHSMInfo", "quit").out).count("repair-log") == 2 and o)
        self.assertIn(f"Record {head + 1} of the cluster's log cannot be verified", out)
        self.assertIn("failed", self.create_user("refused"))
        shown = wait_for("StateMessage", lambda: [h for h in self.d.cluster(self.cluster_id)["Hsms"] if "StateMessage" in h])
        self.assertIn("repair-log", shown[0]["StateMessage"])
        repaired = self.repair()
        self.assertEqual((repaired.status, repaired.out), (0, f"Record {head + 1} was moved aside.\n"), repaired.err)
        wait_for("changes", self.changes_possible)
        self.assertIn("createUser success", self.create_user("again"))
        self.assertEqual(self.rows("SELECT number, record FROM cluster_log_aside"), [(head + 1, b"garbage")])
        wait_for("no StateMessage",
                 lambda: not [h for h in self.d.cluster(self.cluster_id)["Hsms"] if "StateMessage" in h])

    def test_3_an_officer_approves_a_new_hsm(self):
        self.assertIn("setHSMApproval success", self.officer("setHSMApproval on", "y"))
        zone = self.d.cluster(self.cluster_id)["Hsms"][0]["AvailabilityZone"]
        made = self.d.ok("cloudhsmv2", "create-hsm", "--cluster-id", self.cluster_id, "--availability-zone", zone)["Hsm"]

        def waits():
            for hsm in self.d.cluster(self.cluster_id)["Hsms"]:
                if hsm["HsmId"] == made["HsmId"] and "approval" in hsm.get("StateMessage", ""):
                    return hsm["StateMessage"]
            return None

        fingerprint = re.search(r"[0-9a-f]{64}", wait_for("an HSM that waits", waits)).group()
        listed = self.officer("listHSMRequests")
        self.assertIn(made["HsmId"], listed)
        self.assertIn(fingerprint, listed)
        self.assertIn("failed", self.officer(f"approveHSM {'0' * 64}", "y"))
        self.assertIn("approveHSM success", self.officer(f"approveHSM {fingerprint}", "y"))
        active = self.d.wait_hsm(self.cluster_id, made["HsmId"])
        self.assertNotIn("StateMessage", active)
        ClusterLog.third = made["HsmId"]

    def test_4_after_a_removal_the_rest_starts_again(self):
        self.d.ok("cloudhsmv2", "delete-hsm", "--cluster-id", self.cluster_id, "--hsm-id", self.third)
        wait_for("the HSM gone", lambda: len(self.d.cluster(self.cluster_id)["Hsms"]) == 2)
        self.assertNotIn("StateMessage", self.d.cluster(self.cluster_id), "it proved that it zeroised itself")
        self.d.stop()
        self.d.start()
        wait_for("changes", self.changes_possible)
        log = self.d.serve_log()
        for line in ("does not belong to", "of no cluster", "counts as compromised"):
            self.assertNotIn(line, log)


if __name__ == "__main__":
    unittest.main()

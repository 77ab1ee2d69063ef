"""A machine that is gone for good is taken out of the deployment: nothing of it is let in again, no key is lost, and what it
had recorded reaches the bucket."""

import os
import signal
import subprocess
import unittest

import audit_delivery_test
import two_front_ends_test
from deployment import BIN, Failure, wait_for
from postgres_test import PostgreSql
from two_front_ends_test import domain_hsms, kill_all


def tree_of(pid):
    """A process and all below it."""
    below = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid, *(one for child in below for one in tree_of(int(child)))]


class RemovalTest(audit_delivery_test.InABucket):
    def setUp(self):
        self.pg = PostgreSql()
        self.addCleanup(self.pg.close)
        self.d = self.a = two_front_ends_test.first_machine(self.pg)
        self.addCleanup(self.a.close)
        self.b = two_front_ends_test.second_machine(self.a)
        self.addCleanup(self.b.close)
        wait_for("an HSM of the domain cluster on each machine", lambda: len(domain_hsms(self.a)) == 2)

    def machines(self, through):
        return self.strongroom("list", "--json", through=through).json

    def strongroom(self, *arguments, through=None):
        data = (through or self.a).data
        return self.a.run(BIN / "strongroom", "machine", arguments[0], "--data", data, *arguments[1:])

    def name_of(self, machine):
        [own] = [m for m in self.machines(machine) if m["self"]]
        return own["machine"]

    def seen(self, name):
        [machine] = [m for m in self.machines(self.a) if m["machine"] == name]
        return machine

    def test_nothing_of_it_is_let_in_and_nothing_that_was_kept_is_lost(self):
        a, b = self.a, self.b
        self.make_bucket()
        self.deliver_from(b)
        logged = {machine: len(machine.whole_log()) for machine in (a, b)}
        for machine in (a, b):
            machine.start()
        # New HSMs are placed on machines that are reached.
        names = {machine: self.name_of(machine) for machine in (a, b)}
        wait_for("each front end to reach both machines", lambda: all(
            f"host {name} is connected" in machine.whole_log()[logged[machine]:] for machine in (a, b) for name in names.values()))
        cluster = a.active_cluster(hsms=2)["ClusterId"]
        a.cmu("loginHSM CO admin Officer-pass-1", "createUser CU keeper Keeperpass1", "y", "quit")
        gone = self.name_of(b)
        on_b = {p["hsm"] for p in b.processes("strongroom-hsm")}
        [lost] = [h for h in a.cluster(cluster)["Hsms"] if h["HsmId"] in on_b]
        self.assertEqual({h["hsm"] for h in self.seen(gone)["hsms"]}, on_b)

        # While it is alive, whoever is meant.
        for through, name, status, text in ((a, gone, 1, "is alive"), (a, self.name_of(a), 2, "from another one"),
                                            (a, "host-nobody", 1, "There is no machine")):
            refused = self.strongroom("remove", name, through=through)
            self.assertEqual(refused.status, status, refused.err)
            self.assertIn(text, refused.err)
        # What it records now is in the store, in a segment that is open when it dies, and in no bucket.
        self.call("last", 30, through=b)
        wait_for("the store has them", lambda: len(self.calls(self.exported(), "last")) == 30)
        kill_all(b)
        self.assertIn("is alive", self.strongroom("remove", gone).err)
        refused = wait_for("silence", lambda: (r := self.strongroom("remove", gone)) and "is alive" not in r.err and r)
        self.assertEqual(refused.status, 1)
        self.assertIn(f"delete-hsm --region us-east-1 --cluster-id {cluster} --hsm-id {lost['HsmId']}", refused.err)
        self.assertEqual(self.seen(gone)["state"], "silent")
        said = self.strongroom("remove", gone, "--delete-hsms", "--dry-run")
        self.assertEqual((said.status, self.seen(gone)["state"]), (0, "silent"), said.err)

        done = self.strongroom("remove", gone, "--delete-hsms")
        self.assertEqual(done.status, 0, done.err + a.serve_log())
        self.assertTrue(done.out.startswith(said.out), done.out)
        self.assertIn(f"create-hsm --region us-east-1 --cluster-id {cluster} --availability-zone {lost['AvailabilityZone']}",
                      done.out)
        self.assertIn("was removed already", self.strongroom("remove", gone).err)
        self.assertEqual(self.seen(gone)["state"], "removed")

        # HSMs: the domain cluster's and the customer's are gone, the others have everything.
        wait_for("its HSMs are gone", lambda: self.seen(gone)["hsms"] == [])
        self.assertEqual(len(domain_hsms(a)), 1)
        self.assertEqual([h["HsmId"] == lost["HsmId"] for h in a.cluster(cluster)["Hsms"]], [False])
        fresh = a.create_hsm(cluster, lost["AvailabilityZone"])
        self.assertIn(fresh["HsmId"], {p["hsm"] for p in a.processes("strongroom-hsm")})
        self.assertIn("keeper", a.cmu("loginHSM CO admin Officer-pass-1", "listUsers", "quit").out)
        key = a.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        blob = two_front_ends_test.encrypt(a, key)
        self.assertEqual(two_front_ends_test.decrypt(a, blob), b"on two machines")

        # Its records: signed, in the bucket, each once; the trail is whole.
        delivered = self.delivered("last", 30)
        self.assertEqual(self.calls(delivered, "last"), self.calls(self.exported(), "last"))
        verified = a.run(BIN / "strongroom", "audit", "verify", "--data", a.data)
        self.assertEqual(verified.status, 0, verified.out)

        # Who came and went is in the trail, once.
        def told():
            return [(event["eventName"], event["serviceEventDetails"]["machine"]) for event in self.exported()
                    if event["eventName"] in ("JoinMachine", "RemoveMachine")]
        wait_for("the trail tells of it", lambda: len(told()) == 2)
        self.assertEqual(told(), [("JoinMachine", gone), ("RemoveMachine", gone)])

        # It turns up again: nobody lets it in, and it says why.
        with self.assertRaises(Failure) as refusal:
            b.start()
        self.assertIn("serve ended with 4", str(refusal.exception))
        self.assertIn("was removed from the deployment", str(refusal.exception))
        self.assertEqual(len(domain_hsms(a)), 1)
        # Another takes its place, its network included.
        (a.root / "join").unlink()  # as `invite` says
        c = two_front_ends_test.second_machine(a)
        self.addCleanup(c.close)
        wait_for("an HSM of the domain cluster on each machine", lambda: len(domain_hsms(a)) == 2)
        self.assertEqual(two_front_ends_test.decrypt(c, blob), b"on two machines")

        # One that only slept when it was taken for gone wakes up, and ends for good.
        frozen = self.name_of(c)
        pids = tree_of(c.process.pid)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        # Meanwhile nothing waits for it: new HSMs are placed elsewhere, though it has none of this cluster, and keys are made.
        wait_for("it is seen to stand still", lambda: f"host {frozen} is connected and does not answer" in a.whole_log())
        elsewhere = a.create_hsm(cluster, lost["AvailabilityZone"])
        self.assertIn(elsewhere["HsmId"], {p["hsm"] for p in a.processes("strongroom-hsm")})
        a.ok("kms", "create-key")
        wait_for("silence", lambda: "is alive" not in self.strongroom("remove", frozen, "--dry-run").err)
        removed = self.strongroom("remove", frozen)
        self.assertEqual(removed.status, 0, removed.err + a.serve_log())
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        wait_for("serve has ended", lambda: c.process.poll() is not None)
        self.assertEqual(c.process.returncode, 4, c.serve_log())
        self.assertIn("was removed from the deployment", c.serve_log())


if __name__ == "__main__":
    unittest.main()

"""A strongroom-hsm process that ends at each step between a change's arrival and its answer, in a real deployment: what was
acknowledged is there, nothing is half-made, and nothing is there twice.

The HSMs run strongroom-hsm-crashpoints, which is strongroom-hsm with a hook: the file `crash-at` in an HSM's directory
says where it ends (src/apps/strongroom_hsm/crash_points.h)."""

import os
import re
import shutil
import unittest

import deployment
from deployment import BIN, Deployment, wait_for

OFFICER, ALICE = "Officer-pass-1", "Alicepass-0"
CRASHING = BIN.parent / "tests" / "strongroom-hsm-crashpoints"

# Whether a change that nobody repeats is made in the end: from the moment it is on the HSM's own disk.
STEPS = {"received": False, "admitted": False, "decided": False, "written-ahead": True, "offered": True, "marked": True,
         "applied": True, "answering": True, "answered": True}


def programs(folder):
    """All programs, with an HSM that can be told to die."""
    folder.mkdir()
    for program in BIN.iterdir():
        if program.is_file():
            source = CRASHING if program.name == "strongroom-hsm" else program
            try:
                os.link(source, folder / program.name)
            except OSError:  # another file system
                shutil.copy2(source, folder / program.name)
    return folder


class Change:
    """One change: how it is made ready, asked for and seen."""

    def __init__(self, test, name):
        self.test, self.name = test, name

    def prepare(self):
        pass


class CreateUser(Change):
    def lines(self):
        return [f"createUser CU {self.name} Userpass-1", "y"]

    def made(self):
        return self.name in self.test.users()


class DeleteUser(CreateUser):
    def prepare(self):
        self.test.officer(*super().lines())

    def lines(self):
        return [f"deleteUser CU {self.name}"]

    def made(self):
        return not super().made()


class ChangePassword(Change):
    def lines(self):
        return [f"changePswd CU alice {self.name}-pass", "y"]

    def made(self):
        return self.test.d.cmu(f"loginHSM CU alice {self.name}-pass", "quit").out.count("loginHSM success") == 2


class RecoverOfficer(Change):
    def prepare(self):
        self.test.d.cmu(f"recoverCO second {self.name}", "quit")
        self.test.d.shell(f"openssl dgst -sha256 -sign customerCA.key -out {self.name}.sig {self.name}")

    def lines(self):
        return [f"recoverCO second {self.name} {self.name}.sig", f"{self.name}-pass", "y"]

    def made(self):
        return self.test.d.cmu(f"loginHSM CO second {self.name}-pass", "quit").out.count("loginHSM success") == 2


CHANGES = {"createUser": CreateUser, "deleteUser": DeleteUser, "changePswd": ChangePassword, "recoverCO": RecoverOfficer}


class CrashPoints(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment()
        deployment.BIN = programs(cls.d.root / "programs")
        cls.d.start()
        cluster = cls.d.active_cluster(OFFICER, hsms=2)
        listed = cls.d.cmu("info server 0", "info server 1", "quit").out
        cls.hsms = [cls.hsm_at(cluster, re.search(rf"^{n}\s+(\S+)", listed, re.M).group(1)) for n in (0, 1)]
        cls.d.cmu(f"loginHSM CO admin {OFFICER}", "createUser CO second Second-pass-1", "y", f"createUser CU alice {ALICE}",
                  "y", "quit")
        cls.crashes = 0

    @staticmethod
    def hsm_at(cluster, address):
        return next(hsm["HsmId"] for hsm in cluster["Hsms"] if hsm["EniIp"] == address)

    @classmethod
    def tearDownClass(cls):
        deployment.BIN = BIN
        cls.d.close()

    def officer(self, *lines):
        return self.d.cmu(f"loginHSM CO admin {OFFICER}", *lines, "quit").out

    def users(self):
        """Names and ids, of which both HSMs say the same, each once."""
        def look():
            lists = [re.findall(r"^\s*(\d+)\s+\w+\s+(\w+)\s", part, re.M)
                     for part in self.d.cmu("listUsers", "quit").out.split("Users on server")[1:]]
            return lists if len(lists) == 2 and lists[0] == lists[1] else None

        [listed, _] = wait_for("one list of users on both HSMs", look)
        names = {name: number for number, name in listed}
        self.assertEqual(len(names), len(listed))
        self.assertEqual(len(set(names.values())), len(listed))
        return names

    def both_serve(self):
        wait_for("both HSMs", lambda: self.d.cmu("getHSMInfo", "quit").out.count("Changes possible     :yes") == 2)

    def crash(self, server, step, change, *before):
        """Asks for the change while one HSM is to die at a step; what cloudhsm_mgmt_util said."""
        directory = self.d.data / "hsm" / self.hsms[server]
        (directory / "crashed-at").unlink(missing_ok=True)
        (directory / "armed").write_text(f"{step} 1\n")
        (directory / "armed").rename(directory / "crash-at")
        out = self.officer(*before, *change.lines())
        # "answered" is passed when the answer is under way.
        wait_for(f"{step} to be passed: {out}", (directory / "crashed-at").exists)
        type(self).crashes += 1
        if self.crashes % 4 == 0:  # the supervisor waits longer each time before it starts an HSM again
            self.d.stop()
            self.d.start()
        self.both_serve()
        return out

    def test_one_client_does_not_repeat(self):
        for step, lasts in STEPS.items():
            for kind in ("createUser", "deleteUser"):
                with self.subTest(f"{kind}, {step}"):
                    change = CHANGES[kind](self, f"one_{kind}_{step.replace('-', '_')}")
                    change.prepare()
                    out = self.crash(1, step, change, "server 1")
                    self.assertEqual(change.made(), lasts, out)
                    acknowledged = f"{kind} success" in out
                    self.assertFalse(acknowledged and step != "answered", out)
                    if not lasts:
                        self.assertIn(f"{kind} success on server 0", self.officer(*change.lines()))
                    self.assertTrue(change.made())

    def test_one_client_repeats_at_the_other_hsm(self):
        for step in STEPS:
            for kind, make in CHANGES.items():
                with self.subTest(f"{kind}, {step}"):
                    change = make(self, f"two_{kind}_{step.replace('-', '_')}"[:26])
                    change.prepare()
                    before = self.users()
                    out = self.crash(0, step, change)
                    self.assertIn(f"{kind} success on server 1", out)
                    self.assertTrue(change.made(), out)
                    after = self.users()
                    self.assertLessEqual(len(set(before.items()) ^ set(after.items())), 1)


if __name__ == "__main__":
    unittest.main()

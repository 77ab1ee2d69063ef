"""kill -9 of one process in the middle of each step of the road: everything acknowledged is there afterwards, nothing is
half-made, and nothing was done twice unless it was asked for twice.

Which process dies and when is chosen by a seed, which is printed. STRONGROOM_KILL_SEEDS="1 2 3" runs these."""

import base64
import os
import pathlib
import random
import shutil
import signal
import threading
import time
import unittest

from client import Connection, Lost, Refused
from deployment import PATIENCE, Deployment, Failure, wait_for

OFFICER, KMSUSER, TAKEN_BACK = "Officer-pass-1", "Kmsuserpass1", "Takenback1"
SUBNETS = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
VICTIMS = ("strongroomd", "supervisor", "relay", "hsm")
MOST = {"strongroomd": 4, "supervisor": 4}  # kills in one walk: `serve` waits longer each time before it starts them again


def processes(serve):
    """The pids beneath `serve` by what they are."""
    parents, programs = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        state, parent = stat.rsplit(") ", 1)[1].split()[:2]
        if state != "Z":
            parents[int(entry.name)] = int(parent)
            programs[int(entry.name)] = os.path.basename(words[0].decode(errors="replace"))
    found = {name: [] for name in VICTIMS}
    for pid, program in programs.items():
        above = parents[pid]
        if program == "strongroomd" and above == serve:
            found["strongroomd"].append(pid)
        elif program == "strongroom-hsm-host" and above == serve:
            found["supervisor"].append(pid)
        elif parents.get(above) == serve and programs.get(above) == "strongroom-hsm-host":
            found["hsm" if program == "strongroom-hsm" else "relay"].append(pid)
    return found


def transient(refused):
    """An answer while a process is coming back."""
    return (refused.code in ("KMSInternalException", "DependencyTimeoutException", "ServiceUnavailableException",
                             "CloudHsmInternalFailureException", "CloudHsmServiceException")
            or "KMS cannot communicate with your CloudHSM cluster" in str(refused))


class Attempt(threading.Thread):
    """One request on a thread of its own: its answer, or what went wrong."""

    def __init__(self, request):
        super().__init__(daemon=True)
        self.request, self.answer, self.failure = request, None, None
        self.start()

    def run(self):
        try:
            self.answer = self.request()
        except (Refused, Lost, Failure) as failure:
            self.failure = failure

    def acknowledged(self):
        self.join()
        return self.failure is None


class Road:
    """The road, each step with a kill in it."""

    def __init__(self, seed, test):
        self.random, self.test = random.Random(seed), test
        self.d = Deployment().start()
        self.kms, self.cloudhsm = Connection(self.d.environment, "kms"), Connection(self.d.environment, "cloudhsm")
        self.blobs = {}  # acknowledged ciphertexts: (blob, key) -> plaintext
        self.attempts = 0  # of the present step
        self.killed = []

    # -- the kill -----------------------------------------------------------------------------------------------------

    def step(self, name, request, found=None, horizon=0.2):
        """Does `request` with a kill in it, then what a user does: unless it was acknowledged or, when looked for, is
        there, it is asked for again. Returns the answer, or what was found."""
        pids = processes(self.d.process.pid)
        victim = self.random.choice([v for v in VICTIMS if self.killed.count(v) < MOST.get(v, 99)])
        self.killed.append(victim)
        pid = self.random.choice(sorted(pids[victim])) if pids[victim] else None
        delay = self.random.uniform(0, horizon)
        print(f"  {name}: kill {victim} after {delay * 1000:.0f} ms", end="", flush=True)
        begin = time.monotonic()
        attempt = Attempt(request)
        time.sleep(delay)
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.attempts = 1
        acknowledged = attempt.acknowledged()
        print("; acknowledged" if acknowledged else "; " + " ".join(str(attempt.failure).split())[-160:], end="", flush=True)
        self.wait_until_served()
        deadline = time.monotonic() + PATIENCE
        while not acknowledged:
            there = found() if found else None
            if there:
                attempt.answer = there
                break
            if time.monotonic() > deadline:
                raise Failure(f"{name} fails on: {attempt.failure}\n{self.d.serve_log()}")
            self.attempts += 1
            attempt = Attempt(request)
            acknowledged = attempt.acknowledged()
            if not acknowledged:
                time.sleep(0.2)
        print(f"; {self.attempts} asked, {time.monotonic() - begin:.1f} s", flush=True)
        return attempt.answer

    def close(self):
        self.kms.close()
        self.cloudhsm.close()
        self.d.close()

    def wait_until_served(self):
        def served():
            try:
                self.kms.call("GenerateRandom", NumberOfBytes=1)
                self.cloudhsm.call("DescribeClusters")
                return True
            except (Lost, Refused):
                return False

        wait_for("being served again", served)

    def call(self, connection, operation, **members):
        """A call outside of a kill: as clients do, it is tried again when a process is still coming back."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return connection.call(operation, **members)
            except Lost:
                if time.monotonic() > deadline:
                    raise
            except Refused as refused:
                if not transient(refused) or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)

    # -- looking ------------------------------------------------------------------------------------------------------

    def clusters(self):
        return [c for c in self.call(self.cloudhsm, "DescribeClusters")["Clusters"] if c["State"] != "DELETED"]

    def cluster(self):
        [cluster] = [c for c in self.clusters() if c["ClusterId"] == self.cluster_id]
        return cluster

    def hsms(self):
        return [h for h in self.cluster()["Hsms"] if h["State"] != "DELETED"]

    def wait_cluster(self, state):
        wait_for(f"cluster {state}", lambda: self.cluster()["State"] == state)

    def wait_hsms(self, count):
        wait_for(f"{count} HSMs ACTIVE", lambda: [h["State"] for h in self.hsms()] == ["ACTIVE"] * count)

    def stores(self):
        try:
            return self.call(self.kms, "DescribeCustomKeyStores")["CustomKeyStores"]
        except Refused as refused:
            if refused.code == "CustomKeyStoreNotFoundException":
                return []
            raise

    def keys(self):
        return [k["KeyId"] for k in self.call(self.kms, "ListKeys")["Keys"]]

    def users(self):
        """What each HSM says of its users: the lines of the lists. The relay may still be coming back."""
        return wait_for("a list of users", lambda: (s := self.d.cmu("listUsers", "quit")).status == 0 and s.out)

    def login_works(self, kind, name, password):
        return "loginHSM success" in self.d.cmu(f"loginHSM {kind} {name} {password}", "quit").out

    def session(self, *lines):
        done = self.d.cmu(*lines, "quit")
        if done.status != 0:
            raise Failure(done.out[-300:] + done.err[-300:])
        return done

    # -- checking -----------------------------------------------------------------------------------------------------

    def check(self):
        """Whatever was acknowledged so far."""
        for (blob, _), plaintext in self.blobs.items():
            opened = self.call(self.kms, "Decrypt", CiphertextBlob=blob)
            self.test.assertEqual(base64.b64decode(opened["Plaintext"]), plaintext)
        for key in self.keys():
            self.test.assertEqual(self.call(self.kms, "DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"], "Enabled")
            self.call(self.kms, "Encrypt", KeyId=key, Plaintext="eA==")

    def check_processes(self):
        """One HSM process for each HSM that there is, and the domain cluster's: nothing half-made runs on."""
        want = 1 + sum(1 for c in self.clusters() for h in c["Hsms"] if h["State"] != "DELETED")
        wait_for(f"{want} HSM processes", lambda: len(processes(self.d.process.pid)["hsm"]) == want)

    def encrypt(self, key, plaintext):
        sealed = self.step("encrypt", lambda: self.kms_now("Encrypt", KeyId=key,
                                                            Plaintext=base64.b64encode(plaintext).decode()))
        self.blobs[sealed["CiphertextBlob"], key] = plaintext

    def kms_now(self, operation, **members):
        return self.once("kms", operation, members)

    def cloudhsm_now(self, operation, **members):
        return self.once("cloudhsm", operation, members)

    def once(self, service, operation, members):
        """One call on a connection of its own, which is what a step does; it is not repeated here."""
        connection = Connection(self.d.environment, service)
        try:
            return connection.call(operation, **members)
        finally:
            connection.close()

    def create_key(self, name, **members):
        before = set(self.keys())
        made = self.step(name, lambda: self.kms_now("CreateKey", **members)["KeyMetadata"]["KeyId"],
                         lambda: next(iter(set(self.keys()) - before), None), horizon=0.1)
        now = set(self.keys())
        self.test.assertIn(made, now)
        self.test.assertLessEqual(len(now - before), self.attempts)
        self.check()
        return made

    # -- the road -----------------------------------------------------------------------------------------------------

    def walk(self):
        self.domain_key = self.create_key("create-key in the domain")
        self.encrypt(self.domain_key, b"in the domain")
        self.step("create-alias", lambda: self.kms_now("CreateAlias", AliasName="alias/a", TargetKeyId=self.domain_key),
                  lambda: self.aliases() == ["alias/a"])
        self.test.assertEqual(self.aliases(), ["alias/a"])
        self.make_cluster()
        self.activate()
        self.second_hsm()
        self.make_kmsuser()
        self.make_store()
        self.use_store()
        self.leave()

    def aliases(self):
        return [a["AliasName"] for a in self.call(self.kms, "ListAliases", KeyId=self.domain_key)["Aliases"]]

    def make_cluster(self):
        made = self.step("create-cluster",
                         lambda: self.cloudhsm_now("CreateCluster", HsmType="hsm1.medium", SubnetIds=SUBNETS)["Cluster"],
                         lambda: next(iter(self.clusters()), None), horizon=0.1)
        self.cluster_id = made["ClusterId"]
        self.test.assertLessEqual(len(self.clusters()), self.attempts)
        self.wait_cluster("UNINITIALIZED")
        self.zones = sorted(self.cluster()["SubnetMapping"])
        self.add_hsm("create-hsm", self.zones[0])
        self.d.make_ca()
        self.d.sign_csr(self.cluster()["Certificates"]["ClusterCsr"], "cluster.crt")
        signed, anchor = ((self.d.root / name).read_text() for name in ("cluster.crt", "customerCA.crt"))
        self.step("initialize-cluster",
                  lambda: self.cloudhsm_now("InitializeCluster", ClusterId=self.cluster_id, SignedCert=signed,
                                            TrustAnchor=anchor),
                  lambda: self.cluster()["State"] != "UNINITIALIZED", horizon=0.5)
        self.wait_cluster("INITIALIZED")
        self.check()

    def add_hsm(self, name, zone):
        before = {h["HsmId"] for h in self.hsms()}
        made = self.step(name, lambda: self.cloudhsm_now("CreateHsm", ClusterId=self.cluster_id,
                                                         AvailabilityZone=zone)["Hsm"]["HsmId"],
                         lambda: next((h["HsmId"] for h in self.hsms() if h["HsmId"] not in before), None), horizon=1.5)
        self.test.assertIn(made, [h["HsmId"] for h in self.hsms()])
        self.test.assertLessEqual(len(self.hsms()) - len(before), self.attempts)
        self.wait_hsms(len(self.hsms()))
        self.check_processes()

    def activate(self):
        shutil.copy(self.d.root / "customerCA.crt", self.d.client_home / "etc" / "customerCA.crt")
        configured = self.d.run(self.d.client_home / "bin" / "configure", "-a", self.hsms()[0]["EniIp"])
        self.test.assertEqual(configured.status, 0, configured.err)
        self.step("activate", lambda: self.session("loginHSM PRECO admin password", f"changePswd PRECO admin {OFFICER}", "y"),
                  lambda: self.login_works("CO", "admin", OFFICER), horizon=0.6)
        self.wait_cluster("ACTIVE")
        self.test.assertFalse(self.login_works("PRECO", "admin", "password"))
        self.check()

    def second_hsm(self):
        self.add_hsm("create-hsm, the second", self.zones[1])
        wait_for("the officer's login", lambda: self.login_works("CO", "admin", OFFICER))

    def make_kmsuser(self):
        self.step("createUser", lambda: self.session(f"loginHSM CO admin {OFFICER}", f"createUser CU kmsuser {KMSUSER}", "y"),
                  lambda: "kmsuser" in self.users(), horizon=0.6)
        # On each HSM, and once.
        wait_for("kmsuser on every HSM", lambda: self.users().count(" kmsuser ") == len(self.hsms()))
        wait_for("kmsuser's login", lambda: self.login_works("CU", "kmsuser", KMSUSER))

    def make_store(self):
        anchor = (self.d.root / "customerCA.crt").read_text()

        def create():
            return self.kms_now("CreateCustomKeyStore", CustomKeyStoreName="store", CloudHsmClusterId=self.cluster_id,
                                TrustAnchorCertificate=anchor, KeyStorePassword=KMSUSER)["CustomKeyStoreId"]

        def found():
            return next((s["CustomKeyStoreId"] for s in self.stores()), None)

        first = self.step("create-custom-key-store", create, found)
        self.test.assertEqual([s["CustomKeyStoreId"] for s in self.stores()], [first])
        self.step("delete-custom-key-store", lambda: self.kms_now("DeleteCustomKeyStore", CustomKeyStoreId=first),
                  lambda: not self.stores())
        self.test.assertEqual(self.stores(), [])
        self.store = self.step("create-custom-key-store again", create, found)
        self.test.assertEqual([s["CustomKeyStoreId"] for s in self.stores()], [self.store])

    def state(self):
        [store] = self.stores()
        return store["ConnectionState"]

    def settled(self):
        return wait_for("connection settled", lambda: (s := self.state()) not in ("CONNECTING", "DISCONNECTING") and s)

    def connect(self):
        self.step("connect-custom-key-store",
                  lambda: self.kms_now("ConnectCustomKeyStore", CustomKeyStoreId=self.store),
                  lambda: self.state() in ("CONNECTING", "CONNECTED"), horizon=0.4)
        deadline = time.monotonic() + PATIENCE
        while self.settled() == "FAILED" and time.monotonic() < deadline:
            # The HSMs are still coming back. The owner tries again, with the password as it is: it must not be lost.
            self.test.assertIn(self.stores()[0]["ConnectionErrorCode"], ("NETWORK_ERRORS", "INTERNAL_ERROR"))
            time.sleep(0.5)
            self.call(self.kms, "DisconnectCustomKeyStore", CustomKeyStoreId=self.store)
            self.call(self.kms, "ConnectCustomKeyStore", CustomKeyStoreId=self.store)
        self.test.assertEqual(self.settled(), "CONNECTED")

    def disconnect(self):
        self.step("disconnect-custom-key-store",
                  lambda: self.kms_now("DisconnectCustomKeyStore", CustomKeyStoreId=self.store),
                  lambda: self.state() in ("DISCONNECTING", "DISCONNECTED"), horizon=0.4)
        self.test.assertEqual(self.settled(), "DISCONNECTED")

    def hsm_keys(self):
        """The KMS keys whose material each HSM has, as its owner sees them; he has taken kmsuser back."""
        def look():
            done = self.d.cmu(f"loginHSM CU kmsuser {TAKEN_BACK}", "findAllKeys 3 0", "quit")
            return done.status == 0 and done.out

        listed = wait_for("the list of keys", look)
        return [line.rsplit("/", 1)[1] for line in listed.splitlines() if "label: arn:" in line]

    def use_store(self):
        self.connect()
        self.test.assertFalse(self.login_works("CU", "kmsuser", KMSUSER))
        made = self.create_key("create-key in the store", Origin="AWS_CLOUDHSM", CustomKeyStoreId=self.store)
        asked = self.attempts
        self.encrypt(made, b"through the cluster")
        self.encrypt(made, b"through the cluster again")
        self.check()
        self.disconnect()
        # Each key of KMS has one key in the cluster, the same on each HSM, and none is left over that nobody asked for.
        wait_for("kmsuser taken back", lambda: self.login_works("CU", "kmsuser", TAKEN_BACK) or (
            self.d.cmu(f"loginHSM CO admin {OFFICER}", f"changePswd CU kmsuser {TAKEN_BACK}", "y", "quit"), None)[1])
        labels = self.hsm_keys()
        for key in set(labels):
            self.test.assertEqual(labels.count(key), len(self.hsms()), labels)
        self.test.assertIn(made, labels)
        self.test.assertLessEqual(len(set(labels)), asked)
        self.call(self.kms, "UpdateCustomKeyStore", CustomKeyStoreId=self.store, KeyStorePassword=TAKEN_BACK)
        self.connect()
        self.check()

    def leave(self):
        self.disconnect()
        for blob in [b for b in self.blobs if b[1] != self.domain_key]:
            del self.blobs[blob]
        [*_, last] = sorted(h["HsmId"] for h in self.hsms())
        left = len(self.hsms()) - 1
        self.step("delete-hsm", lambda: self.cloudhsm_now("DeleteHsm", ClusterId=self.cluster_id, HsmId=last),
                  lambda: all(h["HsmId"] != last or h["State"] == "DELETE_IN_PROGRESS" for h in self.hsms()), horizon=0.6)
        wait_for("the HSM gone", lambda: len(self.hsms()) == left)
        self.wait_hsms(left)
        self.check_processes()

    def restart(self):
        """After a clean stop and start everything is as it was."""
        self.test.assertEqual(self.d.stop(), 0)
        self.d.start()
        self.wait_until_served()
        for (blob, _), plaintext in self.blobs.items():
            self.test.assertEqual(base64.b64decode(self.call(self.kms, "Decrypt", CiphertextBlob=blob)["Plaintext"]), plaintext)


class Kill(unittest.TestCase):
    def test_each_step_survives_a_kill(self):
        seeds = os.environ.get("STRONGROOM_KILL_SEEDS", "").split() or ["972364"]
        for seed in seeds:
            print(f"\nseed {seed}", flush=True)
            with self.subTest(seed=seed):
                begin = time.monotonic()
                road = Road(int(seed), self)
                try:
                    road.walk()
                    road.restart()
                finally:
                    keep = os.environ.get("STRONGROOM_KEEP_LOGS")
                    if keep:
                        shutil.copy(road.d.root / "serve.log", pathlib.Path(keep) / f"kill-{seed}.log")
                    road.close()
                print(f"seed {seed}: {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    unittest.main()

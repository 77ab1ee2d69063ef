"""Two machines of one deployment, each with a front end and a host of HSMs, on one PostgreSQL: everything works through
either, and one of them is enough."""

import base64
import concurrent.futures
import json
import os
import shutil
import signal
import threading
import time
import unittest

from client import Connection, Refused
from deployment import BIN, Deployment, Failure, wait_for
from manual import Manual
from postgres_test import PostgreSql

MANUAL = Manual("A second machine", "A network for each machine", "A machine is gone for good")
LOOKS_EVERY = 30  # seconds between two looks of a front end for what is due
HEARD_OF = 20  # seconds: a change is in force on every front end after one, on a machine that is not busy; a key that nobody
# tells of is read again after half a minute or more


def first_machine(pg):
    a = Deployment()
    MANUAL.run(a, "A second machine", 1, DIR=a.data, SHARES=a.root / "shares", CONNINFO=pg.conninfo)
    return a


def invite(a, file):
    said = None

    def made():
        nonlocal said
        said = MANUAL.run(a, "A second machine", 2, good=False, DIR=a.data, JOINFILE=file)
        return said.status == 0

    try:
        return wait_for("an invitation", made)
    except Failure as failure:
        raise Failure(f"{failure}\n{said.out}{said.err}") from failure


def second_machine(a):
    b = Deployment()
    invite(a, a.root / "join")
    joined = MANUAL.run(b, "A second machine", 3, JOINFILE=a.root / "join", DIR2=b.data)
    assert "has not let it in" not in joined.out, joined.out + a.serve_log()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        b.environment[name] = a.environment[name]
    return b


def domain_hsms(d):
    """Ids of the domain cluster's HSMs that are ACTIVE."""
    clusters = [c for c in d.status()["clusters"] if c["kind"] == "domain"]
    return [h["hsm"] for c in clusters for h in c["hsms"] if h["state"] == "ACTIVE"]


def kill_all(d):
    """kill -9 of everything on this machine, `serve` first, so that it starts nothing again."""
    victims = [p["pid"] for p in d.status()["processes"]]
    d.process.kill()
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    d.stop()


class Pair(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pg = PostgreSql()
        cls.machines = []
        try:
            cls.a = first_machine(cls.pg)
            cls.machines.append(cls.a)
            cls.b = second_machine(cls.a)
            cls.machines.append(cls.b)
            wait_for("an HSM of the domain cluster on each machine", lambda: len(domain_hsms(cls.a)) == 2)
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        for machine in reversed(cls.machines):
            machine.close()
        cls.pg.close()


def encrypt(d, key, text=b"on two machines"):
    return d.ok("kms", "encrypt", "--key-id", key, "--plaintext", base64.b64encode(text).decode())["CiphertextBlob"]


def decrypt(d, blob):
    answer = d.aws("kms", "decrypt", "--ciphertext-blob", blob)
    return base64.b64decode(answer.json["Plaintext"]) if answer.status == 0 else answer.error or answer.err


class Joining(Pair):
    def join(self, file, data):
        return self.a.run(BIN / "strongroom", "join", file, "--data", data)

    def test_each_machine_has_an_hsm_of_the_domain_cluster(self):
        for machine in (self.a, self.b):
            own = {p["hsm"] for p in machine.processes("strongroom-hsm")}
            self.assertEqual(len(own & set(domain_hsms(machine))), 1, own)

    def test_an_invitation_is_for_one_machine(self):
        again = self.join(self.a.root / "join", self.a.root / "third")
        self.assertEqual(again.status, 4)
        self.assertIn("was used already", again.err)
        self.assertFalse((self.a.root / "third" / "strongroom.toml").exists())

    def test_only_whole_files_that_nobody_else_can_read(self):
        whole = (self.a.root / "join").read_bytes()
        for name, content, mode, status, text in (
                ("short", whole[:-1], 0o600, 2, "is not a whole file"), ("long", whole + b"x", 0o600, 2, "is not a whole file"),
                ("empty", b"", 0o600, 2, "is not a whole file"), ("old", b"SRJ\x01" + whole[4:-32], 0o600, 2, "of another version"),
                ("damaged", whole[:300] + bytes([whole[300] ^ 4]) + whole[301:], 0o600, 2, "is damaged"),
                ("open", whole, 0o644, 4, "its mode must be 0600")):
            with self.subTest(name):
                file = self.a.root / name
                file.write_bytes(content)
                file.chmod(mode)
                refused = self.join(file, self.a.root / "never")
                self.assertEqual(refused.status, status, refused.err)
                self.assertIn(text, refused.err)
        self.assertFalse((self.a.root / "never").exists())

    def test_nothing_is_replaced(self):
        file = self.a.root / "taken"
        file.write_text("mine")
        self.assertIn("not replaced", self.a.run(BIN / "strongroom", "invite", "--data", self.a.data, file).err)
        self.assertEqual(file.read_text(), "mine")
        fresh = self.a.root / "fresh"
        invite(self.a, fresh)
        self.assertEqual(fresh.stat().st_mode & 0o777, 0o600)
        self.assertIn("already", self.join(fresh, self.b.data).err)

    def test_sqlite_cannot_be_shared(self):
        alone = self.a.root / "alone"
        self.assertEqual(self.a.run(BIN / "strongroom", "init", "--data", alone, "--development").status, 0)
        refused = self.a.run(BIN / "strongroom", "invite", "--data", alone, self.a.root / "no")
        self.assertEqual(refused.status, 1)
        self.assertIn("PostgreSQL", refused.err)
        self.assertFalse((self.a.root / "no").exists())

    def point_at(self, d, before, conninfo):
        """Another database in a data directory's settings."""
        settings = d.data / "strongroom.toml"
        text = settings.read_text()
        self.assertIn(f'postgresql = "{before}"', text)
        settings.write_text(text.replace(f'postgresql = "{before}"', f'postgresql = "{conninfo}"'))

    def refused(self, d, text, *commands):
        for command in commands:
            with self.subTest(command[0]):
                answer = d.run(BIN / "strongroom", *command, "--data", d.data)
                self.assertEqual(answer.status, 2, answer.out + answer.err)
                self.assertIn(text, answer.err)

    def test_a_database_of_another_deployment_is_not_worked_on(self):
        text = f"of another deployment (account {self.a.ok('sts', 'get-caller-identity')['Account']})"
        d = Deployment()
        self.addCleanup(d.close)
        self.refused(d, text, ("init", "--development", "--postgresql", self.pg.conninfo))
        self.assertFalse(d.data.exists())
        self.assertEqual(d.run(BIN / "strongroom", "init", "--data", d.data, "--development").status, 0)
        self.point_at(d, "", self.pg.conninfo)
        self.refused(d, text, ("serve",), ("backup", d.root / "file"), ("account", "reset-root"), ("invite", d.root / "no"))
        # Nor is it on a machine that has served elsewhere.
        self.point_at(d, self.pg.conninfo, "")
        d.start()
        d.stop()
        self.point_at(d, "", self.pg.conninfo)
        self.refused(d, text, ("serve",))

    def test_nothing_is_made_in_a_database_that_is_empty_by_mistake(self):
        self.pg.sql("CREATE DATABASE nothing")
        conninfo = self.pg.conninfo.replace("dbname=postgres", "dbname=nothing")
        d, b, file = Deployment(), self.b, self.a.root / "for-nothing"
        self.addCleanup(d.close)
        invite(self.a, file)
        self.refused(d, "There is no deployment in this database", ("join", file, "--postgresql", conninfo))
        self.assertFalse(d.data.exists())
        b.stop()
        self.point_at(b, self.pg.conninfo, conninfo)
        self.refused(b, "is empty, but this machine has served before", ("serve",), ("backup", b.root / "file"),
                     ("machine", "list"))
        tables = d.run("psql", "-qAt", conninfo, "-c", "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'")
        self.assertEqual(tables.out.strip(), "0")
        self.point_at(b, conninfo, self.pg.conninfo)
        b.start()

    def test_the_recovery_key_that_one_replaces_is_known_on_both(self):
        a, b, fresh = self.a, self.b, self.a.root / "fresh.pem"
        wait_for("both HSMs", lambda: len(domain_hsms(a)) == 2)
        before = b.run(BIN / "strongroom", "recovery-key", "show", "--data", b.data).out
        a.stop()
        replaced = a.run(BIN / "strongroom", "recovery-key", "replace", "--data", a.data, "--recovery-key", fresh)
        self.assertEqual(replaced.status, 0, replaced.err)
        shown = [d.run(BIN / "strongroom", "recovery-key", "show", "--data", d.data).out for d in (a, b)]
        self.assertEqual(shown[0], shown[1])
        self.assertNotEqual(shown[1], before)
        taken = b.run(BIN / "strongroom", "backup", b.root / "fresh.srb", "--data", b.data)
        self.assertEqual(taken.status, 0, taken.err)
        back = b.run(BIN / "strongroom", "restore", b.root / "fresh.srb", "--data", b.root / "back", "--recovery-key", fresh)
        self.assertEqual(back.status, 0, back.err)
        shutil.rmtree(b.root / "back")
        a.start()


class Waiting(Pair):
    """Whoever was invited waits for the machine that invited it, and for no other."""

    def join(self, name):
        """A machine that has joined while the one that invited it is away, and the name that it has."""
        d = Deployment()
        self.addCleanup(d.close)
        joined = d.run(BIN / "strongroom", "join", self.a.root / name, "--data", d.data)
        self.assertEqual(joined.status, 0, joined.err)
        self.assertIn("has not let it in yet", joined.out)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            d.environment[name] = self.a.environment[name]
        return d, (d.data / "host" / "host-id").read_text().strip()

    def begin(self, d, pool):
        """`serve`, which says whom it waits for."""
        starting = pool.submit(d.start)
        inviter = (self.a.data / "host" / "host-id").read_text().strip()
        wait_for("what it waits for", lambda: starting.done() or f"waiting to be let in by machine {inviter} " in d.whole_log())
        return starting

    def test_a_joiner_waits_for_its_inviter_though_others_are_up(self):
        a, b = self.a, self.b
        for name in ("never", "later"):
            invite(a, a.root / name)
        key = a.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        blob = encrypt(a, key)
        self.assertEqual(a.stop(), 0)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            # Removed before it was let in: it ends, and says why, then and whenever it is started.
            never, host_id = self.join("never")
            starting = self.begin(never, pool)
            removed = b.run(BIN / "strongroom", "machine", "remove", host_id, "--data", b.data)
            self.assertEqual(removed.status, 0, removed.err)
            for refused in (starting.exception(120), pool.submit(never.start).exception(120)):
                self.assertIn("serve ended with 4", str(refused))
                self.assertIn("was removed from the deployment", str(refused))
            never.close()

            later, host_id = self.join("later")
            starting = self.begin(later, pool)
            time.sleep(15)  # longer than a connection to the domain cluster is tried for
            self.assertFalse(starting.done(), later.serve_log())
            a.start()
            starting.result()
        self.assertEqual(decrypt(later, blob), b"on two machines")
        wait_for("an HSM of the domain cluster on each machine", lambda: len(domain_hsms(later)) == 3)


class Sharing(Pair):
    """What one front end does is the other's truth within a second; when one machine dies, the other goes on."""

    def test_1_what_one_makes_the_other_uses(self):
        for here, there in ((self.a, self.b), (self.b, self.a)):
            key = here.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
            self.assertEqual(decrypt(there, encrypt(here, key)), b"on two machines")
            self.assertEqual(decrypt(here, encrypt(there, key)), b"on two machines")
            alias = f"alias/made-{key}"
            here.ok("kms", "create-alias", "--alias-name", alias, "--target-key-id", key)
            self.assertEqual(there.ok("kms", "describe-key", "--key-id", alias)["KeyMetadata"]["KeyId"], key)

    def test_2_a_disabled_key_is_disabled_everywhere_within_a_second(self):
        longest = 0
        for here, there in ((self.a, self.b), (self.b, self.a)) * 3:
            made, used = Connection(here.environment, "kms"), Connection(there.environment, "kms")
            key = made.call("CreateKey")["KeyMetadata"]["KeyId"]
            used.call("Encrypt", KeyId=key, Plaintext="AAAA")  # warm: from now on it asks no database
            made.call("DisableKey", KeyId=key)
            since = time.monotonic()
            while time.monotonic() - since < HEARD_OF:
                try:
                    used.call("Encrypt", KeyId=key, Plaintext="AAAA")
                except Refused as refused:
                    self.assertEqual(refused.code, "DisabledException")
                    break
            else:
                self.fail(f"a key that was disabled elsewhere still encrypts after {HEARD_OF} s")
            longest = max(longest, time.monotonic() - since)
            made.close()
            used.close()
        print(f"a disabled key was refused by the other front end after at most {longest * 1000:.0f} ms")

    def test_2_rotations_at_once(self):
        """Both front ends are asked at the same moment, again and again: each that is told yes has rotated once, and what
        one has just encrypted the other decrypts."""
        ends = [Connection(d.environment, "kms") for d in (self.a, self.b)]
        key = ends[0].call("CreateKey")["KeyMetadata"]["KeyId"]
        together, texts, answers = threading.Barrier(2, timeout=120), [], []

        def rotate(end, number):
            together.wait()
            try:
                end.call("RotateKeyOnDemand", KeyId=key)
                answers.append("rotated")
            except Refused as refused:
                answers.append(refused.code)
            text = base64.b64encode(b"round %d" % number).decode()
            texts.append((text, end.call("Encrypt", KeyId=key, Plaintext=text)["CiphertextBlob"]))
            together.wait()

        for number in range(8):
            both = [threading.Thread(target=rotate, args=(end, number)) for end in ends]
            for one in both:
                one.start()
            for one in both:
                one.join()
            for text, blob in texts[-2:]:
                for end in ends:
                    self.assertEqual(end.call("Decrypt", CiphertextBlob=blob)["Plaintext"], text)
        self.assertEqual(len(answers), 16)
        self.assertLessEqual(set(answers), {"rotated", "ConflictException"})
        self.assertGreaterEqual(answers.count("rotated"), 8, "one of each two at least")

        def rotations(end, kind):
            listed = end.call("ListKeyRotations", KeyId=key)["Rotations"]
            return [entry["KeyMaterialId"] for entry in listed if entry["RotationType"] == kind]

        for end in ends:
            made = rotations(end, "ON_DEMAND")
            self.assertEqual((len(made), len(set(made))), (answers.count("rotated"),) * 2)
            for text, blob in texts:
                self.assertEqual(end.call("Decrypt", CiphertextBlob=blob)["Plaintext"], text)

        # Automatic: due on both at once, by the database; both look every thirty seconds.
        ends[0].call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
        self.pg.sql(f"UPDATE kms_keys SET rotation_next = 1000 WHERE key_id = '{key}'")
        wait_for("a rotation", lambda: rotations(ends[0], "AUTOMATIC"))
        time.sleep(LOOKS_EVERY + 5)  # so that both have looked, and a second rotation would be there
        for end in ends:
            self.assertEqual(len(rotations(end, "AUTOMATIC")), 1)
            for text, blob in texts:
                self.assertEqual(end.call("Decrypt", CiphertextBlob=blob)["Plaintext"], text)
            end.close()

    def test_3_one_machine_is_enough(self):
        a, b = self.a, self.b
        cluster, store = a.connected_store()
        self.assertEqual(len({h["EniIp"].rsplit(".", 1)[0] for h in cluster["Hsms"]}), 2, "an HSM on each machine")
        inside = a.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", store)["KeyMetadata"]["KeyId"]
        plain = a.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        blobs = {key: encrypt(a, key) for key in (inside, plain)}
        for blob in blobs.values():
            self.assertEqual(decrypt(b, blob), b"on two machines")
        for dead, alive in ((a, b), (b, a)):
            kill_all(dead)
            since = time.monotonic()
            for key, blob in blobs.items():
                wait_for("decryption by the one that is left", lambda: decrypt(alive, blob) == b"on two machines")
                self.assertEqual(decrypt(alive, encrypt(alive, key)), b"on two machines")
            print(f"the other machine had done four calls of the aws CLI after {time.monotonic() - since:.1f} s")
            # Changes go on as well: of the database, and of a cluster whose other HSM is away.
            fresh = alive.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
            wait_for("a key in the cluster", lambda: alive.aws("kms", "create-key", "--origin", "AWS_CLOUDHSM",
                                                               "--custom-key-store-id", store).status == 0)
            fresh_blob = encrypt(alive, fresh)
            dead.start()
            self.assertEqual(decrypt(dead, fresh_blob), b"on two machines")
            for blob in blobs.values():
                wait_for("decryption by the one that is back", lambda: decrypt(dead, blob) == b"on two machines")
        self.assertEqual(a.cluster(cluster["ClusterId"])["State"], "ACTIVE")
        Sharing.cluster, Sharing.blobs = cluster, blobs

    def test_3b_an_external_key_store_proxy_is_one_on_both(self):
        """Strongroom as proxy: made, asked, given a new credential, switched off and on through either front end."""
        a, b, cluster = self.a, self.b, self.cluster["ClusterId"]
        # The machine that was gone has its HSM take part again.
        a.cmu_until("changes on both HSMs", lambda session: session.out.count("Changes possible     :yes") == 2, "getHSMInfo", "quit")
        # A front end that has just started may refuse the one HSM at first; the tool asks again.
        session = a.cmu("loginHSM CO admin Officer-pass-1", "createUser CU xks Xkspassword-1", "y", "quit")
        self.assertEqual(session.status, 0, session.out + session.err)
        credentials = {}
        # The operator brings the account's key to the other machine, which does not get it by joining.
        shutil.copy(a.data / "root-access-key.json", b.data / "root-access-key.json")
        self.addCleanup((b.data / "root-access-key.json").unlink)

        def xks(d, *arguments, good=True):
            answer = d.run(BIN / "strongroom", "xks", *arguments, stdin=b"Xkspassword-1\n")
            if good:
                self.assertEqual(answer.status, 0, answer.err)
            return answer

        def both(*arguments):
            """Through both front ends at once."""
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                return list(pool.map(lambda d: xks(d, arguments[0], "--data", d.data, *arguments[1:], good=False), (a, b)))

        def ask(d, api, body=None, credential="new"):
            text = json.dumps({"requestMetadata": {"awsPrincipalArn": "x", "kmsOperation": "Encrypt", "kmsRequestId": "1"},
                               **(body or {})})
            (a.root / "curl").write_text(f'user = "{credentials[credential]}"\ncacert = "{a.environment["AWS_CA_BUNDLE"]}"\n')
            answer = a.run("curl", "-sS", "--config", a.root / "curl", "--aws-sigv4", "aws:amz:us-east-1:kms-xks-proxy",
                           "-H", "Content-Type: application/json", "--data", text, "--url",
                           f"{d.endpoint}/pair/kms/xks/v1/keys/the-key/{api}")
            self.assertEqual(answer.status, 0, answer.err)
            return json.loads(answer.out)

        def said(d, api="metadata", **how):
            return ask(d, api, **how).get("errorName", "ok")

        def soon(d, want, **how):
            since = time.monotonic()
            wait_for(f"{want} at the other front end", lambda: said(d, **how) == want)
            return time.monotonic() - since

        made = both("create", "--cluster", cluster, "--user", "xks", "--path-prefix", "/pair", "--region", "us-east-1")
        self.assertEqual([answer.status == 0 for answer in made].count(True), 1, [answer.err for answer in made])
        [loser] = [answer for answer in made if answer.status != 0]
        self.assertIn("belongs to another proxy", loser.err)
        [proxy] = [answer.json for answer in made if answer.status == 0]
        credentials["new"] = f"{proxy['AccessKeyId']}:{proxy['RawSecretAccessKey']}"
        for machine in (a, b):
            soon(machine, "KeyNotFoundException")  # so both know the proxy and have reached an HSM
        keys = both("create-key", "--proxy", proxy["ProxyId"], "--key", "the-key")
        self.assertEqual([answer.status == 0 for answer in keys].count(True), 1, [answer.err for answer in keys])
        sealed = {}
        for here, there in ((a, b), (b, a)):
            soon(here, "ok")
            body = {"plaintext": base64.b64encode(b"on two machines").decode(), "encryptionAlgorithm": "AES_GCM"}
            sealed = wait_for("an HSM in time", lambda: (s := ask(here, "encrypt", body)) and "ciphertext" in s and s)
            part = {"encryptionAlgorithm": "AES_GCM", **sealed}
            opened = wait_for("an HSM in time", lambda: (s := ask(there, "decrypt", part)) and "plaintext" in s and s)
            self.assertEqual(opened["plaintext"], body["plaintext"])
        credentials["old"] = credentials["new"]
        fresh = xks(b, "rotate-credential", "--data", b.data, "--proxy", proxy["ProxyId"], "--keep-previous", "0").json
        credentials["new"] = f"{fresh['AccessKeyId']}:{fresh['RawSecretAccessKey']}"
        slowest = max(soon(a, "ok"), soon(a, "AuthenticationFailedException", credential="old"))
        self.assertEqual(said(b, credential="old"), "AuthenticationFailedException")
        xks(a, "disable", "--data", a.data, "--proxy", proxy["ProxyId"])
        slowest = max(slowest, soon(b, "InvalidStateException"))
        wait_for("logged out", lambda: xks(b, "set-password", "--data", b.data, "--proxy", proxy["ProxyId"], good=False).status == 0)
        slowest = max(slowest, soon(a, "ok"), soon(b, "ok"))
        xks(b, "delete", "--data", b.data, "--proxy", proxy["ProxyId"])
        slowest = max(slowest, soon(a, "AuthenticationFailedException"))
        print(f"what changed about a proxy was in force at the other front end after at most {slowest:.1f} s")

    def test_4_a_machine_that_is_gone_for_good_is_replaced_by_the_others(self):
        a, cluster = self.a, self.cluster["ClusterId"]
        on_b = {p["hsm"] for p in self.b.processes("strongroom-hsm")}
        [lost] = [h for h in self.cluster["Hsms"] if h["HsmId"] in on_b]
        kill_all(self.b)
        MANUAL.run(a, "A machine is gone for good", CLUSTER_ID=cluster, HSM_ID=lost["HsmId"], ZONE=lost["AvailabilityZone"])
        known = {h["HsmId"] for h in self.cluster["Hsms"]}
        [fresh] = [h["HsmId"] for h in a.cluster(cluster)["Hsms"] if h["HsmId"] not in known]
        a.wait_hsm(cluster, fresh)
        self.assertIn(fresh, {p["hsm"] for p in a.processes("strongroom-hsm")})
        message = wait_for("what became of the old one", lambda: next(
            (h.get("StateMessage") for h in a.cluster(cluster)["Hsms"] if h["HsmId"] == lost["HsmId"]), None))
        self.assertIn("counts as compromised", message)
        listed = json.loads(a.run(BIN / "strongroom", "machine", "list", "--data", a.data, "--json").out)
        [gone] = [machine["machine"] for machine in listed if not machine["self"]]
        wait_for("silence", lambda: MANUAL.run(a, "A machine is gone for good", 2, good=False, DIR=a.data, MACHINE=gone).status == 0)
        wait_for("the domain cluster has left it", lambda: len(domain_hsms(a)) == 1)
        for key, blob in self.blobs.items():
            self.assertEqual(decrypt(a, blob), b"on two machines")
            self.assertEqual(decrypt(a, encrypt(a, key)), b"on two machines")


class Text(unittest.TestCase):
    def test_all_of_it_was_executed(self):
        self.assertEqual(MANUAL.left(), [])


def load_tests(loader, standard, pattern):
    """The base of the cases is none itself; the text is looked at last."""
    suite = unittest.TestSuite()
    for case in (Joining, Waiting, Sharing, Text):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()

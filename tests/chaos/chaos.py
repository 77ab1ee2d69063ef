#!/usr/bin/env python3
"""Breaks a deployment at random, under load, and then looks whether anything that was acknowledged is gone or differs.

Machines on one PostgreSQL, an HSM of the domain cluster on each; a cluster of three HSMs with a custom key store, and one of two
whose owner shares keys. While programs make keys, encrypt, decrypt, share keys and change users, processes are killed, the store
is stopped, a cluster's log is set back, HSMs are frozen, added and removed. When all is mended, every HSM is asked for what it
has, and everything that was ever encrypted is decrypted. The order of faults comes from the seed; what the machine makes of it
in time does not.
"""

import argparse
import base64
import concurrent.futures
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from client import Connection, Lost, Refused  # noqa: E402
from deployment import Failure, wait_for  # noqa: E402
from postgres_test import PostgreSql  # noqa: E402
from sharing import Sharing  # noqa: E402
from two_front_ends_test import domain_hsms, first_machine, kill_all, second_machine  # noqa: E402

OFFICER = "Officer-pass-1"
REPORT_EVERY = 10  # seconds
# What is made, and so remembered and checked, at most: spread over the whole run, however long that takes.
MOST_KEYS, MOST_SEALED, MOST_USERS = 2000, 20_000, 400


class Pauses:
    """The longest time in which nothing of a kind succeeded."""

    def __init__(self):
        self.lock, self.last, self.longest = threading.Lock(), time.monotonic(), 0.0

    def success(self):
        with self.lock:
            now = time.monotonic()
            self.longest, self.last = max(self.longest, now - self.last), now


class Ledger:
    """What was acknowledged. What was asked for without an answer may or may not be: it is kept apart."""

    def __init__(self):
        self.lock = threading.Lock()
        self.keys = {}        # key id -> "domain" or "cluster"
        self.names = []       # the same ids, to choose from
        self.sealed = []      # (key id, plaintext, blob)
        self.users = {}       # name -> (password, True) or (None, False) when deleted
        self.unsure = set()   # names of users of whom a change got no clear answer
        self.counts = dict.fromkeys(("keys", "encryptions", "decryptions", "user changes", "sharings", "refused",
                                     "lost"), 0)
        self.wrong = []       # a decryption that gave something else

    def count(self, what):
        with self.lock:
            self.counts[what] += 1


class World:
    def __init__(self, options):
        self.random = random.Random(options.seed)
        self.pg = PostgreSql()
        self.machines = []
        self.ledger, self.reads, self.changes = Ledger(), Pauses(), Pauses()
        self.over = threading.Event()
        self.events = []

    # -- making it ------------------------------------------------------------------------------------------------------

    def build(self, machines):
        first = first_machine(self.pg)
        self.machines.append(first)
        for _ in range(machines - 1):
            self.machines.append(second_machine(first))
        wait_for("an HSM of the domain cluster on each machine", lambda: len(domain_hsms(first)) == machines)
        cluster, self.store = first.connected_store(OFFICER)
        self.cluster_id, self.zones = cluster["ClusterId"], sorted(cluster["SubnetMapping"])
        first.create_hsm(self.cluster_id, self.zones[0])
        first.cmu("listUsers", "quit")
        # Each client package knows one cluster, so this one needs a machine of its own.
        self.sharing = Sharing(self.machines[-1]) if machines > 1 else None

    # -- the load -------------------------------------------------------------------------------------------------------

    def guarded(self, connections, randomness, work):
        """One call on a random machine; what came of it is counted."""
        machine = randomness.randrange(len(self.machines))
        try:
            return work(connections[machine])
        except Refused:
            self.ledger.count("refused")
            time.sleep(0.05)
        except Lost:
            self.ledger.count("lost")
            time.sleep(0.05)
        return None

    def room(self, most, have):
        """Whether the load may make one more of something by now."""
        return have < most * min(1, 0.05 + (time.monotonic() - self.begun) / self.seconds)

    def program(self, number):
        """Makes keys of both stores, encrypts, decrypts."""
        randomness = random.Random(f"{number} {self.seed_text}")
        connections = [Connection(m.environment, "kms", timeout=30) for m in self.machines]
        while not self.over.is_set():
            dice = randomness.random()
            known = None
            with self.ledger.lock:
                if self.ledger.names:
                    known = randomness.choice(self.ledger.names)
                earlier = randomness.choice(self.ledger.sealed) if self.ledger.sealed else None
                if dice < 0.08 and not self.room(MOST_KEYS, len(self.ledger.names)):
                    dice = 0.08
                if dice >= 0.08 and not self.room(MOST_SEALED, len(self.ledger.sealed)):
                    dice = 1
            if dice < 0.08 or known is None:
                place = randomness.choice(("domain", "cluster"))
                members = {"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": self.store} if place == "cluster" else {}
                made = self.guarded(connections, randomness, lambda c: c.call("CreateKey", Description="chaos", **members))
                if made:
                    self.changes.success()
                    with self.ledger.lock:
                        self.ledger.keys[made["KeyMetadata"]["KeyId"]] = place
                        self.ledger.names.append(made["KeyMetadata"]["KeyId"])
                        self.ledger.counts["keys"] += 1
            elif dice < 0.5 or earlier is None:
                plaintext = randomness.randbytes(32)
                text = base64.b64encode(plaintext).decode()
                sealed = self.guarded(connections, randomness, lambda c: c.call("Encrypt", KeyId=known, Plaintext=text))
                if sealed:
                    self.reads.success()
                    with self.ledger.lock:
                        self.ledger.sealed.append((known, plaintext, sealed["CiphertextBlob"]))
                        self.ledger.counts["encryptions"] += 1
            else:
                key, plaintext, blob = earlier
                opened = self.guarded(connections, randomness, lambda c: c.call("Decrypt", CiphertextBlob=blob))
                if opened:
                    self.reads.success()
                    self.ledger.count("decryptions")
                    if base64.b64decode(opened["Plaintext"]) != plaintext:
                        with self.ledger.lock:
                            self.ledger.wrong.append(key)
            time.sleep(0.01)

    def officer(self):
        """Creates, changes and deletes users, one at a time, as their CO with the client tool."""
        randomness = random.Random(f"officer {self.seed_text}")
        number = later = 0
        while not self.over.is_set():
            with self.ledger.lock:
                there = [n for n, (_, exists) in self.ledger.users.items() if exists and n not in self.ledger.unsure]
            dice = randomness.random()
            if (dice < 0.6 and self.room(MOST_USERS, number)) or not there:
                number += 1
                name, password = f"user{number}", f"First-pass-{number}"
                line, after = f"createUser CU {name} {password}", (password, True)
            elif dice < 0.85:
                later += 1
                name, password = randomness.choice(there), f"Later-pass-{later}"
                line, after = f"changePswd CU {name} {password}", (password, True)
            else:
                name = randomness.choice(there)
                line, after = f"deleteUser CU {name}", (None, False)
            try:
                session = self.machines[0].cmu(f"loginHSM CO admin {OFFICER}", line, "y", "quit")
                verb = line.split()[0]
                done = re.search(rf"{verb} success", session.out) is not None
            except (OSError, subprocess.SubprocessError):
                done = False
            with self.ledger.lock:
                if done:
                    self.ledger.users[name] = after
                    self.ledger.counts["user changes"] += 1
                else:
                    self.ledger.unsure.add(name)
            if done:
                self.changes.success()
            time.sleep(0.1)

    def owner(self):
        def acknowledged():
            self.ledger.count("sharings")
            self.changes.success()

        if self.sharing:
            self.sharing.work(self.over, self.seed_text, acknowledged)

    # -- what goes wrong -------------------------------------------------------------------------------------------------

    def note(self, text):
        self.events.append(text)
        print(f"  {time.monotonic() - self.begun:6.1f} s  {text}", flush=True)

    def pids(self, machine, name):
        try:
            return [p["pid"] for p in machine.status()["processes"] if p["name"] == name]
        except (ValueError, KeyError):
            return []

    def kill_one(self):
        machine = self.random.randrange(len(self.machines))
        name = self.random.choice(("strongroomd", "strongroom-hsm-host", "strongroom-hsm", "strongroom-hsm"))
        pids = self.pids(self.machines[machine], name)
        if not pids:
            return
        pid = self.random.choice(sorted(pids))
        self.note(f"kill -9 {name} on machine {machine + 1}")
        self.signal(pid, signal.SIGKILL)

    def kill_machine(self):
        machine = self.random.randrange(len(self.machines))
        self.note(f"machine {machine + 1} dies and is started again")
        kill_all(self.machines[machine])
        time.sleep(self.random.uniform(0.5, 2))
        self.machines[machine].start()

    def freeze_hsm(self):
        machine = self.random.randrange(len(self.machines))
        pids = sorted(self.pids(self.machines[machine], "strongroom-hsm"))
        if not pids:
            return
        pid, seconds = self.random.choice(pids), self.random.uniform(0.5, 3)
        self.note(f"an HSM on machine {machine + 1} hangs for {seconds:.1f} s")
        self.signal(pid, signal.SIGSTOP)
        time.sleep(seconds)
        self.signal(pid, signal.SIGCONT)

    def stop_store(self):
        seconds = self.random.uniform(0.5, 3)
        self.note(f"the store is away for {seconds:.1f} s")
        self.pg.stop("immediate")
        time.sleep(seconds)
        self.pg.start()

    def set_back_log(self):
        rows = self.random.randint(1, 3)
        cluster = self.random.choice([self.cluster_id] + ([self.sharing.cluster_id] if self.sharing else []))
        self.note(f"the log of {cluster} loses its last {rows} records")
        self.sql(f"DELETE FROM cluster_log WHERE cluster_id = '{cluster}' AND number > (SELECT MAX(number) - {rows} "
                 f"FROM cluster_log WHERE cluster_id = '{cluster}')")

    def replace_hsm(self):
        d = self.machines[0]
        hsms = [h for h in d.cluster(self.cluster_id)["Hsms"] if h["State"] == "ACTIVE"]
        if len(hsms) < 3:
            return
        gone = self.random.choice(sorted(hsms, key=lambda h: h["HsmId"]))
        self.note(f"{gone['HsmId']} is removed, another one is added")
        d.aws("cloudhsmv2", "delete-hsm", "--cluster-id", self.cluster_id, "--hsm-id", gone["HsmId"])
        d.aws("cloudhsmv2", "create-hsm", "--cluster-id", self.cluster_id, "--availability-zone", gone["AvailabilityZone"])

    @staticmethod
    def signal(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def sql(self, statement):
        return subprocess.run([*self.pg.as_user, f"{self.pg.bin}/psql", "-qAt", self.pg.conninfo, "-c", statement],
                              capture_output=True, text=True, check=True, cwd=self.pg.root).stdout

    FAULTS = ((kill_one, 6), (freeze_hsm, 3), (stop_store, 2), (set_back_log, 1), (replace_hsm, 1), (kill_machine, 1))

    def report(self):
        """How far it is, now and then: a run may take long."""
        while not self.over.wait(REPORT_EVERY):
            with self.ledger.lock:
                counts = ", ".join(f"{n} {what}" for what, n in self.ledger.counts.items())
            print(f"  {time.monotonic() - self.begun:6.1f} s  {counts}", flush=True)

    def run(self, seconds, seed):
        self.begun, self.seconds, self.seed_text = time.monotonic(), seconds, str(seed)
        threads = [threading.Thread(target=self.program, args=(n,), daemon=True) for n in range(3)]
        threads += [threading.Thread(target=work, daemon=True) for work in (self.officer, self.owner, self.report)]
        self.reads.last = self.changes.last = time.monotonic()
        for thread in threads:
            thread.start()
        faults, weights = zip(*self.FAULTS)
        while time.monotonic() - self.begun < seconds:
            time.sleep(self.random.uniform(0.5, 2.5))
            try:
                self.random.choices(faults, weights)[0](self)
            except (Failure, subprocess.SubprocessError, OSError, TypeError, KeyError, ValueError) as failure:
                self.note(f"(a fault could not be made now: {str(failure)[:200]})")
        self.mend()
        self.over.set()
        for thread in threads:
            thread.join(120)
        if any(thread.is_alive() for thread in threads):
            raise Failure("a program hangs")

    def mend(self):
        self.note("all is mended")
        for machine in self.machines:
            if machine.process is None or machine.process.poll() is not None:
                machine.start()
        d = self.machines[0]

        def whole(cluster_id=self.cluster_id):
            answer = d.aws("cloudhsmv2", "describe-clusters", "--filters", f"clusterIds={cluster_id}")
            if answer.status != 0:
                return None
            [cluster] = answer.json["Clusters"]
            hsms = [h for h in cluster["Hsms"] if h["State"] != "DELETED"]
            return len(hsms) >= 2 and all(h["State"] == "ACTIVE" for h in hsms) and hsms

        self.hsms = wait_for("every HSM is ACTIVE again", whole, 180)
        if self.sharing:
            wait_for("the owner's HSMs are ACTIVE again", lambda: whole(self.sharing.cluster_id), 180)

        def connected():
            answer = d.aws("kms", "describe-custom-key-stores", "--custom-key-store-id", self.store)
            return answer.status == 0 and answer.json["CustomKeyStores"][0]["ConnectionState"] == "CONNECTED"

        wait_for("the key store is connected", connected)
        time.sleep(2)  # some load after all faults

    # -- the reckoning -----------------------------------------------------------------------------------------------------

    def check_keys(self, machine):
        """(checked, lost, differing) of KMS's keys and of all that was encrypted under them, as one machine has them."""
        checked, lost, differing = 0, [], []
        connection = Connection(machine.environment, "kms")
        for key in self.ledger.names:
            checked += 1
            try:
                if connection.call("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"] != "Enabled":
                    lost.append(f"key {key} is not enabled")
            except (Refused, Lost) as problem:
                lost.append(f"key {key}: {problem}")
        for number, (key, plaintext, blob) in enumerate(self.ledger.sealed):
            checked += 1
            if number % 5000 == 4999:
                print(f"  {time.monotonic() - self.begun:6.1f} s  {number + 1} ciphertexts looked at", flush=True)
            try:
                opened = connection.call("Decrypt", CiphertextBlob=blob)
                if base64.b64decode(opened["Plaintext"]) != plaintext:
                    differing.append(f"a ciphertext of {key}")
            except (Refused, Lost) as problem:
                lost.append(f"a ciphertext of {key} ({self.ledger.keys.get(key)}): {problem}")
        return checked, lost, differing

    def check(self):
        checked, lost, differing = 0, [], [f"a decryption under {key} while faults went on" for key in self.ledger.wrong]
        with concurrent.futures.ThreadPoolExecutor(len(self.machines)) as pool:
            for found in pool.map(self.check_keys, self.machines):
                checked, lost, differing = checked + found[0], lost + found[1], differing + found[2]
        if self.sharing:
            found = self.sharing.check(2)
            checked, lost, differing = checked + found[0], lost + found[1], differing + found[2]
        d = self.machines[0]
        address = self.hsms[0]["EniIp"]
        d.run(d.client_home / "bin" / "configure", "-a", address)
        d.cmu("listUsers", "quit")
        d.run(d.client_home / "bin" / "configure", "-m")
        session = d.cmu(f"loginHSM CO admin {OFFICER}", "listUsers", "findAllKeys 3 0", "quit")
        users = re.findall(r"^Users on server \d+\(([^)]*)\):\n(.*?)(?=^Users on|^Keys on|^\S*success|\Z)", session.out, re.M | re.S)
        keys = re.findall(r"^Keys on server \d+\(([^)]*)\):\nNumber of keys found (\d+)", session.out, re.M)
        if len(users) != len(self.hsms):
            lost.append(f"{len(users)} of {len(self.hsms)} HSMs answered: {session.out[-2000:]}{session.err[-2000:]}")
        tables = {server: sorted(re.findall(r"^ +\d+ +(?:PRECO|CO|CU|AU) +(\S+)", text, re.M)) for server, text in users}
        for server, names in tables.items():
            for name, (_, exists) in self.ledger.users.items():
                if name in self.ledger.unsure:
                    continue
                checked += 1
                if exists != (name in names):
                    lost.append(f"user {name} on {server}: {'missing' if exists else 'is back'}")
        if len({tuple(names) for names in tables.values()}) > 1:
            differing.append(f"users: {tables}")
        counts = {count for _, count in keys}
        checked += len(keys)
        in_cluster = sum(1 for place in self.ledger.keys.values() if place == "cluster")
        if len(counts) > 1:
            differing.append(f"keys: {keys}")
        if counts and int(min(counts, key=int)) < in_cluster:
            lost.append(f"the cluster has {counts} keys, {in_cluster} were acknowledged")
        there = [(name, password) for name, (password, exists) in self.ledger.users.items()
                 if exists and name not in self.ledger.unsure]
        for name, password in self.random.sample(there, min(20, len(there))):
            checked += 1
            session = d.cmu(f"loginHSM CU {name} {password}", "quit")
            if session.out.count("loginHSM success") != len(self.hsms):
                lost.append(f"{name}'s password: {session.out[-300:]}")
        return checked, lost, differing

    def close(self):
        for machine in self.machines:
            machine.close()
        self.pg.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long faults are made (60)")
    parser.add_argument("--seed", type=int, default=None, help="of the faults' order; default: a new one, which is printed")
    parser.add_argument("--machines", type=int, default=2, help="with a front end and a host each (2)")
    parser.add_argument("--keep", action="store_true", help="leave the directories when something was found")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    print(f"chaos: seed {options.seed}, {options.seconds} s", flush=True)
    world = World(options)
    bad = True
    try:
        world.build(options.machines)
        world.run(options.seconds, options.seed)
        checked, lost, differing = world.check()
        bad = bool(lost or differing or not checked)
        counts = world.ledger.counts
        acknowledged = sum(counts[what] for what in ("keys", "encryptions", "user changes", "sharings"))
        print(f"faults       {len(world.events) - 1}")
        print("load         " + ", ".join(f"{n} {what}" for what, n in counts.items()))
        print(f"acknowledged {acknowledged}\nchecked      {checked}\nlost         {len(lost)}\ndiffering    {len(differing)}")
        print(f"longest pause: reads {world.reads.longest:.1f} s, changes {world.changes.longest:.1f} s")
        for what in (lost + differing)[:20]:
            print(f"  {what}")
        if acknowledged == 0:
            bad = True
            print("  nothing was acknowledged: nothing was shown")
    finally:
        if bad and options.keep:
            print("left: " + " ".join(str(m.root) for m in world.machines))
            for machine in world.machines:
                machine.stop()
            world.pg.stop("immediate")
        else:
            if bad:
                for machine in world.machines:
                    print(machine.serve_log()[-3000:])
            world.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

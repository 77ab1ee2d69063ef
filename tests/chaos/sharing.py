"""Sharing of keys under faults: a cluster of its own, since a key's owner has to log in, and KMS keeps its users' passwords."""

import random
import re
import subprocess
import threading
import time

OFFICER, OWNER = "Officer-pass-1", "Ownerpass1"
NO_ANSWER = "no answer"
KEYS, FRESH_PAIRS, MOST_USERS = 4, 12, 100


class Sharing:
    """An owner who shares keys with users and takes them back; what was acknowledged, and whether the HSMs agree."""

    def __init__(self, machine):
        """`machine`'s client package becomes this cluster's."""
        self.d = machine
        self.lock = threading.Lock()
        self.shared = {}      # (key, user id) -> True or False, as acknowledged
        self.unsure = set()   # pairs without a clear answer: they are left alone
        self.users = 0
        cluster, store = machine.connected_store(OFFICER, name="sharing")
        self.cluster_id = cluster["ClusterId"]
        for _ in range(KEYS):
            machine.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", store)
        machine.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", store)
        machine.wait_store(store, "DISCONNECTED")
        machine.take_kmsuser_back(OFFICER, OWNER)
        made = machine.cmu("listUsers", "quit").out
        owner = re.search(r"^ +(\d+) +CU +kmsuser ", made, re.M).group(1)
        listed = machine.cmu(f"loginHSM CU kmsuser {OWNER}", f"findAllKeys {owner} 0", "quit").out
        self.keys = sorted({int(key) for key in re.findall(r"(\d+)\(o\)", listed)})
        if len(self.keys) != KEYS:
            raise RuntimeError(f"keys to share: {listed}")

    def session(self, *lines):
        """What the client tool prints; a session without an end may have done everything."""
        try:
            return self.d.cmu(*lines, "quit").out
        except (OSError, subprocess.SubprocessError):
            return NO_ANSWER

    def add_user(self):
        self.users += 1
        name = f"sharer{self.users}"
        out = self.session(f"loginHSM CO admin {OFFICER}", f"createUser CU {name} Sharerpass-1", "y", "listUsers")
        found = re.search(rf"^ +(\d+) +CU +{name} ", out, re.M)
        if "createUser success" in out and found:
            with self.lock:
                self.shared.update({(key, int(found.group(1))): False for key in self.keys})

    def change(self, randomness):
        """One change; whether it was acknowledged."""
        with self.lock:
            pairs = sorted(set(self.shared) - self.unsure)
        if len(pairs) < FRESH_PAIRS and self.users < MOST_USERS:
            self.add_user()
            return False
        if not pairs:
            return False
        pair = randomness.choice(pairs)
        wanted = not self.shared[pair]
        out = self.session(f"loginHSM CU kmsuser {OWNER}", f"shareKey {pair[0]} {pair[1]} {int(wanted)}", "y")
        done = "shareKey success" in out
        with self.lock:
            if done:
                self.shared[pair] = wanted
            elif out == NO_ANSWER or "loginHSM success" in out:
                self.unsure.add(pair)
        return done

    def work(self, over, seed, acknowledged):
        """Until `over`; calls `acknowledged` for each change."""
        randomness = random.Random(f"sharing {seed}")
        while not over.is_set():
            if self.change(randomness):
                acknowledged()
            time.sleep(0.1)

    def check(self, hsms):
        """(checked, lost, differing): what each of the HSMs says of every key against what was acknowledged."""
        out = self.session(f"loginHSM CU kmsuser {OWNER}", *[f"getKeyInfo {key}" for key in self.keys])
        seen = {}
        infos = re.findall(r"^Key Info on server \d+\(([^)]*)\):\n(.*?)^getKeyInfo success", out, re.M | re.S)
        for number, (server, text) in enumerate(infos):
            key = self.keys[number // hsms] if len(infos) == hsms * KEYS else None
            _, _, users = text.partition("also, shared to following")
            seen.setdefault(server, {})[key] = {int(user) for user in re.findall(r"^\t(\d+)$", users, re.M)}
        if len(seen) != hsms or any(set(keys) != set(self.keys) for keys in seen.values()):
            return 0, [f"sharing: {len(seen)} of {hsms} HSMs answered: {out[-2000:]}"], []
        checked, lost = 0, []
        for server, keys in seen.items():
            for (key, user), on in self.shared.items():
                if (key, user) in self.unsure:
                    continue
                checked += 1
                if on != (user in keys[key]):
                    lost.append(f"key {key} for user {user} on {server}: {'not shared' if on else 'shared'}")
        differing = [f"sharing: {seen}"] if any(keys != next(iter(seen.values())) for keys in seen.values()) else []
        return checked, lost, differing

"""An HSM that hangs (SIGSTOP) while a load runs: calls go to the other one, and it is used again when it comes back."""

import base64
import os
import signal
import threading
import time
import unittest

from client import Connection
from deployment import Deployment, wait_for

WORKERS = 4


class Load:
    """Threads that encrypt and decrypt without pause; what went wrong, and how long each call took."""

    def __init__(self, environment, key):
        self.environment, self.key = environment, key
        self.errors, self.times, self.stopping = [], [], False
        self.done = [0] * WORKERS
        self.threads = [threading.Thread(target=self.work, args=(i,)) for i in range(WORKERS)]
        for thread in self.threads:
            thread.start()

    def work(self, worker):
        connection = Connection(self.environment, "kms")
        number = 0
        while not self.stopping:
            number += 1
            plaintext = f"{worker} {number}".encode()
            begin = time.monotonic()
            try:
                sealed = connection.call("Encrypt", KeyId=self.key, Plaintext=base64.b64encode(plaintext).decode())
                opened = connection.call("Decrypt", CiphertextBlob=sealed["CiphertextBlob"])
                if base64.b64decode(opened["Plaintext"]) != plaintext:
                    self.errors.append(f"{plaintext} came back as something else")
            except Exception as failure:  # what it is, the test prints
                self.errors.append(repr(failure))
            self.times.append((begin, time.monotonic() - begin))
            self.done[worker] += 1

    def wait_for_more(self, calls=100):
        """Until each worker has gone on: one whose call got no answer stands still."""
        before = list(self.done)
        wait_for("calls to go on", lambda: all(now >= then + calls for now, then in zip(self.done, before)))

    def stop(self):
        self.stopping = True
        for thread in self.threads:
            thread.join()


class Hang(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment()
        cls.addClassCleanup(cls.d.close)
        cls.d.start()
        cls.cluster, cls.store = cls.d.connected_store()
        cls.key = cls.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id",
                           cls.store)["KeyMetadata"]["KeyId"]

    def pid(self, hsm_id):
        [pid] = [p["pid"] for p in self.d.processes("strongroom-hsm") if p["hsm"] == hsm_id]
        return pid

    def test_no_call_fails_whichever_hangs(self):
        load = Load(self.d.environment, self.key)
        stopped = None
        try:
            load.wait_for_more()
            for hsm in self.cluster["Hsms"]:
                stopped = self.pid(hsm["HsmId"])
                begin = time.monotonic()
                os.kill(stopped, signal.SIGSTOP)
                load.wait_for_more()
                os.kill(stopped, signal.SIGCONT)
                stopped = None
                load.wait_for_more()
                longest = max(took for at, took in load.times if at + took >= begin)
                print(f"{hsm['HsmId']} hung: the longest pair of calls took {longest * 1000:.0f} ms", flush=True)
        finally:
            if stopped:
                os.kill(stopped, signal.SIGCONT)
            load.stop()
        self.assertEqual(load.errors, [])
        ordinary = sorted(took for _, took in load.times)[len(load.times) // 2]
        print(f"{len(load.times)} pairs of calls, half of them within {ordinary * 1000:.1f} ms", flush=True)

    def test_then_changes_go_on_too(self):
        [first, _] = self.cluster["Hsms"]
        pid = self.pid(first["HsmId"])
        os.kill(pid, signal.SIGSTOP)
        try:
            made = [self.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id",
                              self.store)["KeyMetadata"] for _ in range(3)]
        finally:
            os.kill(pid, signal.SIGCONT)
        # One HSM key each, on both HSMs: what the hanging one was asked, too, it did not do a second time. Only kmsuser sees
        # whose keys they are, so its owner takes it back.
        self.d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "DISCONNECTED")
        self.d.take_kmsuser_back("Officer-pass-1", "Takenback1")
        found = self.d.cmu("loginHSM CU kmsuser Takenback1", "findAllKeys 3 0", "quit")
        for arn in [key["Arn"] for key in made]:
            self.assertEqual(found.out.count(arn), 2, found.out)


if __name__ == "__main__":
    unittest.main()

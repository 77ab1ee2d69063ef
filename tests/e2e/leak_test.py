"""Where secrets must not be: every byte that the host, its relay, the HSMs and strongroomd read or write, files, logs, command
lines, environments, core dumps and the memory of those who only pass bytes on. What is searched for is known, and that the
search would find it is shown first."""

import base64
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

from client import Connection
from deployment import Deployment, wait_for
from kill_test import processes

OFFICER, FIRST, CHANGED = "Officer-leak-7316", "Firstpass-leak-8402", "Changed-leak-9155"
KMSUSER = "Kmsuser-leak-2271"
PLAINTEXT = b"plaintext that must not leak: 5501-7743-9921"
CALLS = "read,write,readv,writev,pread64,pwrite64,sendto,recvfrom,sendmsg,recvmsg,sendmmsg,recvmmsg"


def forms(secret):
    """The secret as it might appear: as it is, in hex, and in base64 at each of the three alignments."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + secret)
        whole = encoded[4 if shift else 0:(shift + len(secret)) // 3 * 4]  # the groups of four that are the secret's alone
        yield whole
        yield whole.replace(b"+", b"-").replace(b"/", b"_")


def found_in(data, secrets):
    return sorted({name for name, secret in secrets.items() for form in forms(secret) if form in data})


class Trace:
    """strace of running processes; afterwards the bytes of each thread and descriptor, in order."""

    def __init__(self, directory, pids=(), command=None):
        directory.mkdir()
        self.directory = directory
        target = [word for pid in pids for word in ("-p", str(pid))] + list(command or ())
        self.attached_to = pids
        self.strace = subprocess.Popen(["strace", "-ff", "-xx", "-s", "1048576", "-e", f"trace={CALLS}", "-o", directory / "t",
                                        *target], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if pids:
            wait_for("strace to be attached", lambda: self.strace.poll() is not None or all(self.attached(p) for p in pids))

    def attached(self, pid):
        """To every thread."""
        try:
            threads = [int(t.name) for t in pathlib.Path(f"/proc/{pid}/task").iterdir()]
            return all(not re.search(r"TracerPid:\t0\n", pathlib.Path(f"/proc/{pid}/task/{t}/status").read_text())
                       for t in threads)
        except OSError:
            return False

    def end(self, stdin=b""):
        if self.attached_to and self.strace.poll() is None:
            self.strace.send_signal(signal.SIGINT)
        _, err = self.strace.communicate(stdin, timeout=300)
        streams = {}
        for file in self.directory.iterdir():
            for line in file.read_text(errors="replace").splitlines():
                call = re.match(r"(\w+)\((\d+), ", line)
                if call is None:
                    continue
                data = b"".join(bytes.fromhex(s.replace("\\x", "")) for s in re.findall(r'"((?:\\x[0-9a-f]{2})+)"', line))
                streams.setdefault((file.suffix, call[1], call[2]), bytearray()).extend(data)
        return streams, err.decode()


def memory(pid):
    """What a process has in its writable memory."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            begin, end = (int(x, 16) for x in span.split("-"))
            try:
                mem.seek(begin)
                yield mem.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue


class Watch(threading.Thread):
    """Looks at command lines and environments all the while."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.stopping = {}, False
        self.start()

    def run(self):
        me = os.getpid()
        while not self.stopping:
            for entry in pathlib.Path("/proc").iterdir():
                if not entry.name.isdigit() or int(entry.name) == me:
                    continue
                for name in ("cmdline", "environ"):
                    try:
                        self.seen[entry.name, name] = self.seen.get((entry.name, name), b"") or (entry / name).read_bytes()
                    except OSError:
                        pass
            time.sleep(0.02)

    def end(self):
        self.stopping = True
        self.join()
        return b"\n".join(self.seen.values())


@unittest.skipUnless(os.geteuid() == 0, "only root may look into these processes")
class Leaks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment()
        cls.addClassCleanup(cls.d.close)
        cls.d.start()
        cls.cluster = cls.d.active_cluster("Made-before-1", hsms=2)
        cls.secrets = {"the officer's password": OFFICER.encode(), "a user's first password": FIRST.encode(),
                       "a user's changed password": CHANGED.encode(), "kmsuser's password": KMSUSER.encode(),
                       "a plaintext": PLAINTEXT}
        cls.pids = processes(cls.d.process.pid)
        everyone = [pid for pids in cls.pids.values() for pid in pids]
        trace, watch = Trace(cls.d.root / "trace", everyone), Watch()
        try:
            cls.use()
        finally:
            cls.streams, cls.trace_says = trace.end()
            cls.lines = watch.end()

    @classmethod
    def use(cls):
        # One's own change ends one's logins on other HSMs, so a session of its own.
        own = cls.d.cmu("loginHSM CO admin Made-before-1", f"changePswd CO admin {OFFICER}", "y", "quit")
        session = cls.d.cmu(f"loginHSM CO admin {OFFICER}", f"createUser CU someone {FIRST}", "y",
                            f"createUser CU kmsuser {KMSUSER}", "y", f"changePswd CU someone {CHANGED}", "y", "logoutHSM",
                            f"loginHSM CU someone {CHANGED}", "quit")
        if "changePswd success" not in own.out or session.status != 0:
            raise AssertionError(own.out + own.err + session.out + session.err)
        kms = Connection(cls.d.environment, "kms")
        anchor = (cls.d.root / "customerCA.crt").read_text()
        store = kms.call("CreateCustomKeyStore", CustomKeyStoreName="leaks", CloudHsmClusterId=cls.cluster["ClusterId"],
                         TrustAnchorCertificate=anchor, KeyStorePassword=KMSUSER)["CustomKeyStoreId"]
        kms.call("ConnectCustomKeyStore", CustomKeyStoreId=store)
        cls.d.wait_store(store, "CONNECTED")
        for members in ({}, {"Origin": "AWS_CLOUDHSM", "CustomKeyStoreId": store}):
            key = kms.call("CreateKey", **members)["KeyMetadata"]["KeyId"]
            sealed = kms.call("Encrypt", KeyId=key, Plaintext=base64.b64encode(PLAINTEXT).decode())["CiphertextBlob"]
            opened = kms.call("Decrypt", CiphertextBlob=sealed)["Plaintext"]
            assert base64.b64decode(opened) == PLAINTEXT
            where = "the custom key store" if members else "the domain"
            data = kms.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")
            cls.secrets[f"a data key of {where}"] = base64.b64decode(data["Plaintext"])
            if not members:
                pair = kms.call("GenerateDataKeyPair", KeyId=key, KeyPairSpec="RSA_2048")
                cls.secrets["a private key of a pair"] = base64.b64decode(pair["PrivateKeyPlaintext"])[-64:]
        kms.close()

    def assert_nothing_in(self, data, where):
        self.assertEqual(found_in(bytes(data), self.secrets), [], where)

    def test_the_search_finds_each_form(self):
        for name, secret in self.secrets.items():
            for text in (secret, secret.hex().encode(), secret.hex().upper().encode(), base64.b64encode(secret),
                         base64.b64encode(b"x" + secret + b"yy"), base64.urlsafe_b64encode(b"xx" + secret)):
                self.assertEqual(found_in(b"before " + text + b" after", self.secrets), [name])
        self.assertEqual(found_in(b"nothing of the kind", self.secrets), [])

    def test_the_trace_finds_what_passes_a_socket_in_pieces(self):
        talk = ("import socket,sys\na,b=socket.socketpair()\ns=sys.stdin.buffer.read()\n"
                "for i in range(0,len(s),7):\n a.sendall(s[i:i+7])\n b.recv(7)\n")
        streams, _ = Trace(self.d.root / "control", command=[sys.executable, "-c", talk]).end(PLAINTEXT)
        for call in ("sendto", "recvfrom", "read"):
            data = b"".join(bytes(stream) for (_, made, _), stream in streams.items() if made == call)
            self.assertEqual(found_in(data, self.secrets), ["a plaintext"], call)

    def test_no_process_reads_or_writes_them(self):
        total = sum(len(stream) for stream in self.streams.values())
        self.assertGreater(total, 100_000, self.trace_says)
        # It is the traffic between host and HSMs that was seen: they call an HSM by its id.
        everything = b"".join(bytes(stream) for stream in self.streams.values())
        self.assertIn(self.cluster["Hsms"][0]["HsmId"].encode(), everything)
        for kind in ("hsm", "relay", "strongroomd"):
            threads = {f".{t.name}" for pid in self.pids[kind] for t in pathlib.Path(f"/proc/{pid}/task").iterdir()}
            self.assertGreater(sum(len(s) for (thread, _, _), s in self.streams.items() if thread in threads), 5_000, kind)
        for (thread, call, fd), stream in self.streams.items():
            self.assert_nothing_in(stream, f"{call} of descriptor {fd} by thread {thread}")

    def test_no_command_line_or_environment_has_them(self):
        self.assertIn(b"strongroom-hsm-host", self.lines)
        self.assert_nothing_in(self.lines, "a command line or environment")

    def test_no_file_or_log_has_them(self):
        names = set()
        logs = [(file, file.read_bytes()) for file in (self.d.root / "serve.log", self.d.root / "serve.out")]
        for file, content in [*self.d.contents(), *logs]:
            names.add(file.name)
            self.assert_nothing_in(content, str(file))
        for looked_at in ("strongroom.sqlite", "device.sealed", "log", "audit", "serve.log"):
            self.assertIn(looked_at, names)

    def test_nobody_leaves_a_core(self):
        for kind, pids in self.pids.items():
            for pid in pids:
                limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
                self.assertRegex(limits, r"Max core file size +0 +0 ", kind)

    def test_the_memory_of_the_host_has_them_not(self):
        for kind in ("supervisor", "relay"):
            for pid in self.pids[kind]:
                read = 0
                for part in memory(pid):
                    read += len(part)
                    self.assert_nothing_in(part, f"memory of the {kind}")
                self.assertGreater(read, 100_000)

    def test_the_search_of_memory_finds_what_is_there(self):
        with subprocess.Popen([sys.executable, "-c", "import sys\nkept=sys.stdin.buffer.readline()\nprint(1,flush=True)\n"
                               "sys.stdin.buffer.readline()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            holder.stdin.write(PLAINTEXT + b"\n")
            holder.stdin.flush()
            holder.stdout.readline()
            self.assertTrue(any(found_in(part, self.secrets) for part in memory(holder.pid)))
            holder.stdin.close()


if __name__ == "__main__":
    unittest.main()

"""What breaks, and what must still be there afterwards: killed processes, damaged files, a second server, bad requests."""

import base64
import json
import os
import pathlib
import signal
import socket
import sqlite3
import ssl
import subprocess
import time
import unittest

from deployment import BIN, Deployment, wait_for


def encrypt(d, key, text=b"kept"):
    return d.ok("kms", "encrypt", "--key-id", key, "--plaintext", base64.b64encode(text).decode())["CiphertextBlob"]


def decrypt(d, blob):
    answer = d.aws("kms", "decrypt", "--ciphertext-blob", blob)
    return base64.b64decode(answer.json["Plaintext"]) if answer.status == 0 else answer.error or answer.err


class Killed(unittest.TestCase):
    """kill -9 of each process while requests run; then everything acknowledged is there."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.key = cls.d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        cls.blob = encrypt(cls.d, cls.key)

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def pid(self, name):
        return self.d.processes(name)[0]["pid"]

    def serves_again(self):
        self.assertTrue(wait_for("serving again", lambda: decrypt(self.d, self.blob) == b"kept"))

    def test_each_process_comes_back(self):
        for name in ("strongroomd", "strongroom-hsm", "strongroom-hsm-host"):
            with self.subTest(name):
                before = self.pid(name)
                alias = f"alias/before-{name}"
                self.d.ok("kms", "create-alias", "--alias-name", alias, "--target-key-id", self.key)
                os.kill(before, signal.SIGKILL)
                wait_for("another process", lambda: (p := self.d.processes(name)) and p[0]["pid"] != before)
                self.serves_again()
                names = [a["AliasName"] for a in self.d.ok("kms", "list-aliases", "--key-id", self.key)["Aliases"]]
                self.assertIn(alias, names)

    def test_serve_itself(self):
        self.d.stop(signal.SIGKILL)
        self.d.start()
        self.serves_again()

    def test_second_serve_is_refused_and_another_directory_runs(self):
        second = self.d.run(BIN / "strongroom", "serve", "--data", self.d.data)
        self.assertNotEqual(second.status, 0)
        self.assertIn("is in use by another", second.err)
        other = Deployment()
        try:
            other.start()
            self.assertNotEqual(other.endpoint, self.d.endpoint)
            other.ok("kms", "list-keys")
        finally:
            other.close()
        self.serves_again()

    def test_wrong_signature_and_no_signature_reach_nothing(self):
        good = dict(self.d.environment)
        try:
            self.d.environment["AWS_SECRET_ACCESS_KEY"] = "x" * 40
            self.assertEqual(self.d.aws("kms", "list-keys").error, "InvalidSignatureException")
            self.d.environment["AWS_ACCESS_KEY_ID"] = "AKIAIOSFODNN7EXAMPLE"
            self.assertEqual(self.d.aws("kms", "list-keys").error, "UnrecognizedClientException")
        finally:
            self.d.environment = good
        self.assertEqual(self.d.aws("kms", "list-keys", "--no-sign-request").error, "MissingAuthenticationTokenException")


class Raw(unittest.TestCase):
    """Bytes that no AWS client sends."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        address, port = cls.d.endpoint.removeprefix("https://").rsplit(":", 1)
        cls.address = (address, int(port))

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def connect(self):
        context = ssl.create_default_context(cafile=self.d.environment["AWS_CA_BUNDLE"])
        return context.wrap_socket(socket.create_connection(self.address, 60), server_hostname=self.address[0])

    def ask(self, data):
        with self.connect() as s:
            s.settimeout(60)
            s.sendall(data)
            out = b""
            try:
                while chunk := s.recv(65536):
                    out += chunk
                    if b"\r\n\r\n" in out and b"Content-Length: 0" in out:
                        break
            except (TimeoutError, OSError):
                pass
            return out

    def test_health_and_metrics(self):
        self.assertIn(b" 200 ", self.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
        self.assertIn(b"strongroom", self.ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))

    def test_nonsense_is_answered_or_closed(self):
        huge = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
        for name, data, status in (
                ("garbage", b"\x00\x01\x02 nonsense\r\n\r\n", b" 400 "),
                ("too large a body", huge, b" 413 "),
                ("too large a form", huge.replace(b"Content-Length", b"Content-Type: application/x-www-form-urlencoded\r\n"
                                                                    b"Content-Length"), b"<Code>RequestEntityTooLarge</Code>"),
                ("too large a header", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40000 + b"\r\n\r\n", b" 4"),
                ("unsigned", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-amz-json-1.1\r\n"
                             b"X-Amz-Target: TrentService.ListKeys\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
                 b"MissingAuthenticationTokenException"),
                ("another path", b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b" 404 ")):
            with self.subTest(name):
                self.assertIn(status, self.ask(data))
        self.d.ok("kms", "list-keys")

    def test_slow_senders_do_not_hold_others_up(self):
        slow = [self.connect() for _ in range(20)]
        for s in slow:
            s.sendall(b"POST / HTTP/1.1\r\nHost:")
        self.d.ok("kms", "list-keys")
        for s in slow:
            s.close()

    def test_tls_garbage_on_an_hsms_ports(self):
        [hsm] = [h for c in self.d.status()["clusters"] for h in c["hsms"]]
        for port in (2223, 2225, 2224):
            address = hsm["address"] if port != 2224 else self.address[0]
            for data in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4000), b"\x16\x03\x01", b""):
                with socket.create_connection((address, port), 60) as s:
                    try:
                        s.sendall(data)
                    except OSError:
                        pass
        self.d.ok("kms", "create-key")


class Damaged(unittest.TestCase):
    """Files that were damaged while nothing ran: a clear refusal, and nothing is reset."""

    def setUp(self):
        self.d = Deployment().start()
        self.d.ok("kms", "create-key")
        self.d.stop()

    def tearDown(self):
        self.d.close()

    def refuses(self, text):
        """It ends, or says why it cannot be ready and is not for a while."""
        begin, said = time.monotonic(), self.d.root / "refused.err"
        with open(said, "wb") as err:
            done = subprocess.Popen([BIN / "strongroom", "serve", "--data", self.d.data], stdout=subprocess.PIPE, stderr=err)
        try:
            wait_for(text, lambda: text in said.read_text(errors="replace") or done.poll() is not None)
            out, _ = done.communicate(timeout=max(1, begin + 20 - time.monotonic()))
        except subprocess.TimeoutExpired:
            done.terminate()
            out, _ = done.communicate(timeout=120)
        finally:
            if done.poll() is None:
                done.kill()
        self.assertNotIn(b"strongroom: ready", out)
        self.assertIn(text, said.read_text(errors="replace"))

    def test_sqlite(self):
        file = self.d.data / "service" / "strongroom.sqlite"
        content = bytearray(file.read_bytes())
        content[100:4096] = os.urandom(3996)
        file.write_bytes(content)
        self.refuses("damaged")
        self.assertEqual(file.read_bytes()[:4096], bytes(content[:4096]))

    def test_sealed_state_of_an_hsm(self):
        [file] = self.d.data.glob("hsm/*/device.sealed")
        content = bytearray(file.read_bytes())
        content[-20] ^= 1
        file.write_bytes(content)
        self.refuses("device.sealed")
        self.assertEqual(file.read_bytes(), bytes(content))

    def test_settings(self):
        file = self.d.data / "strongroom.toml"
        good = file.read_text()
        for bad, text in (("[https]\nport = \"x\"\n", "strongroom.toml:2"), ("nonsense", "strongroom.toml:1"),
                          (good + "\n[unknown]\nkey = 1\n", "unknown key")):
            file.write_text(bad)
            self.refuses(text)
        file.write_text(good)
        self.d.start()
        self.assertEqual(len(self.d.ok("kms", "list-keys")["Keys"]), 1)


class LockedMemory(unittest.TestCase):
    def test_what_cannot_be_locked_is_an_alarm_and_where_that_is_wanted_a_refusal(self):
        d = Deployment().start()
        self.addCleanup(d.close)
        # Whether it can depends on where this test runs.
        cannot = "Process memory cannot be locked" in d.whole_log()
        self.assertEqual(any(line.startswith("memory: ") for line in d.status()["health"].splitlines()), cannot)
        d.stop()
        file = d.data / "strongroom.toml"
        text = file.read_text()
        for value, refusal in (("yes", "service.lock_memory must be"), ("require", "cannot be locked" if cannot else "")):
            with self.subTest(value):
                self.assertIn('lock_memory = "try"', text)
                file.write_text(text.replace('lock_memory = "try"', f'lock_memory = "{value}"'))
                if refusal:
                    refused = d.run(BIN / "strongroom", "serve", "--data", d.data)
                    self.assertNotEqual(refused.status, 0)
                    self.assertIn(refusal, refused.err)
                else:
                    d.start()


if __name__ == "__main__":
    unittest.main()

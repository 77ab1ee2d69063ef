"""The wire between client, host and HSM: what an observer sees, and whom the client refuses."""

import shutil
import socket
import threading
import unittest

from deployment import Deployment

OFFICER = "Secret-officer-77"


class Tap(threading.Thread):
    """A TCP proxy that keeps every byte that passes."""

    def __init__(self, address, target):
        super().__init__(daemon=True)
        self.target, self.seen = target, bytearray()
        self.listener = socket.create_server(address)
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(self.target)
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, source, sink):
        try:
            while data := source.recv(65536):
                self.seen += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


class Secrecy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.cluster = cls.d.active_cluster(OFFICER)
        cls.ip = cls.cluster["Hsms"][0]["EniIp"]
        cls.config = cls.d.client_home / "etc" / "cloudhsm_mgmt_util.cfg"

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def test_a_tap_sees_neither_password_nor_names(self):
        tap_ip = self.ip.rsplit(".", 1)[0] + ".200"
        tap = Tap((tap_ip, 2225), (self.ip, 2225))
        original = self.config.read_text()
        try:
            self.config.write_text(original.replace(self.ip, tap_ip))
            session = self.d.cmu(f"loginHSM CO admin {OFFICER}", "createUser CU tapped Tapped-pass-99", "y", "listUsers", "quit")
            self.assertIn("loginHSM success", session.out)
            self.assertIn("tapped", session.out)
        finally:
            self.config.write_text(original)
            tap.close()
        self.assertGreater(len(tap.seen), 2000)
        for secret in (OFFICER, "Tapped-pass-99", "tapped", "admin"):
            self.assertNotIn(secret.encode(), bytes(tap.seen))

    def test_a_cluster_certificate_of_another_ca_is_refused_before_the_password_is_sent(self):
        ours = self.d.client_home / "etc" / "customerCA.crt"
        good = ours.read_bytes()
        self.d.make_ca("stranger")
        try:
            shutil.copy(self.d.root / "stranger.crt", ours)
            session = self.d.cmu(f"loginHSM CO admin {OFFICER}", "quit")
            self.assertNotEqual(session.status, 0)
            self.assertNotIn("loginHSM success", session.out)
        finally:
            ours.write_bytes(good)
        self.assertIn("loginHSM success", self.d.cmu(f"loginHSM CO admin {OFFICER}", "quit").out)

    def test_an_unknown_host_certificate_is_refused(self):
        certificates = self.d.client_home / "etc" / "certs"
        kept = self.d.root / "kept-certs"
        shutil.move(certificates, kept)
        certificates.mkdir()
        try:
            session = self.d.cmu(f"loginHSM CO admin {OFFICER}", "quit")
            self.assertNotEqual(session.status, 0)
            self.assertNotIn("Connected to server", session.out)
        finally:
            certificates.rmdir()
            shutil.move(kept, certificates)

    def test_a_client_certificate_is_demanded_and_checked(self):
        key, certificate = (self.d.client_home / "etc" / name for name in ("client.key", "client.crt"))
        good = key.read_bytes(), certificate.read_bytes()
        self.d.shell("openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout self.key -out self.crt -subj /CN=self; "
                     "openssl req -new -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=own && "
                     "openssl x509 -req -in own.csr -CA customerCA.crt -CAkey customerCA.key -CAcreateserial -out own.crt -days 30")
        try:
            for name, accepted in (("self", False), ("own", True)):
                with self.subTest(name):
                    key.write_bytes((self.d.root / f"{name}.key").read_bytes())
                    certificate.write_bytes((self.d.root / f"{name}.crt").read_bytes())
                    session = self.d.cmu("listUsers", "quit")
                    self.assertEqual("app_user" in session.out, accepted, session.out + session.err)
        finally:
            key.write_bytes(good[0])
            certificate.write_bytes(good[1])

    def test_passwords_are_in_no_log(self):
        log = self.d.whole_log()
        for secret in (OFFICER, "Tapped-pass-99", self.d.environment["AWS_SECRET_ACCESS_KEY"]):
            self.assertNotIn(secret, log)

    def test_five_wrong_passwords_lock_the_user_everywhere(self):
        self.d.cmu(f"loginHSM CO admin {OFFICER}", "createUser CU lockme Lockme-pass-1", "y", "quit")
        for _ in range(5):
            self.assertIn("RET_USER_LOGIN_FAILURE", self.d.cmu("loginHSM CU lockme wrong-pass-1", "quit").out)
        locked = self.d.cmu("loginHSM CU lockme Lockme-pass-1", "quit")
        self.assertNotIn("loginHSM success", locked.out)
        self.d.cmu(f"loginHSM CO admin {OFFICER}", "changePswd CU lockme Lockme-pass-2", "y", "quit")
        self.assertIn("loginHSM success", self.d.cmu("loginHSM CU lockme Lockme-pass-2", "quit").out)


if __name__ == "__main__":
    unittest.main()

"""External key stores: strongroomd as KMS towards a proxy that a customer runs, with the stock aws CLI."""

import base64
import json
import os
import signal
import sqlite3
import threading
import unittest

from client import Connection, Lost, Refused
from deployment import Deployment, wait_for
from manual import Manual
from xks_proxy import STATUS, Proxy, make_certificates

MANUAL = Manual("External key stores")
HOST = "proxy.example.com"
TEXTS = {
    "ValidationException": "cannot interpret the response",
    "InvalidStateException": "because the external key is not enabled in the external key manager.",
    "InvalidKeyUsageException": "because the external key does not support the requested operation.",
    "InvalidCiphertextException": "because the specified ciphertext or additional authenticated data is corrupted",
    "AuthenticationFailedException": "because it could not authenticate AWS KMS.",
    "AccessDeniedException": "denied access to the operation.",
    "KeyNotFoundException": "because it could not find the external key.",
    "InvalidUriPathException": "because of an invalid URI path.",
    "ThrottlingException": "due to a very high request rate.",
    "InternalException": "because it cannot communicate with the external key manager.",
    "UnsupportedOperationException": "because it does not support the requested cryptographic operation.",
    "DependencyTimeoutException": "did not respond in time.",
}


class XksClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment()
        cls.addClassCleanup(cls.d.close)
        cls.files = cls.d.root / "proxy"
        cls.files.mkdir()
        make_certificates(cls.files, HOST)
        # It asks for a client certificate of its own CA.
        cls.proxy = Proxy(cls.files, HOST, client_ca=cls.files / "ca.crt").start()
        cls.addClassCleanup(cls.proxy.stop)
        cls.d.start()
        cls.d.stop()
        cls.configure(hosts=f"{HOST}=127.0.0.1:{cls.proxy.port}", ca_file=cls.files / "ca.crt",
                      client_certificate=cls.files / "client.crt", client_key=cls.files / "client.key", timeout_ms=5000)
        cls.d.start()
        cls.kms = Connection(cls.d.environment, "kms")
        cls.addClassCleanup(lambda: cls.kms.close())
        cls.store = cls.d.ok("kms", "create-custom-key-store", "--cli-input-json", cls.request("first"))["CustomKeyStoreId"]
        cls.d.ok("kms", "connect-custom-key-store", "--custom-key-store-id", cls.store)
        assert cls.settled(cls.store) == "CONNECTED", cls.d.serve_log()

    @classmethod
    def tearDownClass(cls):
        assert MANUAL.left() == [], MANUAL.left()

    @classmethod
    def configure(cls, **values):
        """Section [xks] of strongroom.toml, as an operator writes it."""
        file = cls.d.data / "strongroom.toml"
        lines, section = [], ""
        for line in file.read_text().splitlines():
            section = line if line.startswith("[") else section
            key = line.split(" = ")[0]
            if section == "[xks]" and key in values:
                value = values[key]
                line = f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"'
            lines.append(line)
        file.write_text("\n".join(lines) + "\n")

    @classmethod
    def restart(cls, **values):
        cls.d.stop()
        cls.configure(**values)
        cls.d.start()
        cls.kms.close()
        cls.kms = Connection(cls.d.environment, "kms")

    @classmethod
    def request(cls, name, **members):
        return json.dumps({"CustomKeyStoreName": name, "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
                           "XksProxyConnectivity": "PUBLIC_ENDPOINT", "XksProxyUriEndpoint": f"https://{HOST}",
                           "XksProxyUriPath": Proxy.PATH,
                           "XksProxyAuthenticationCredential": {"AccessKeyId": Proxy.ACCESS_KEY,
                                                                "RawSecretAccessKey": Proxy.SECRET}, **members})

    @classmethod
    def shown(cls, store):
        return cls.d.ok("kms", "describe-custom-key-stores", "--custom-key-store-id", store)["CustomKeyStores"][0]

    @classmethod
    def settled(cls, store):
        def look():
            entry = cls.shown(store)
            state = entry["ConnectionState"]
            return None if state.endswith("ING") else f"{state} {entry.get('ConnectionErrorCode', '')}".strip()

        return wait_for(f"{store} settled", look)

    def setUp(self):
        self.proxy.script = []
        self.proxy.seen = []

    def new_key(self, name):
        self.proxy.add_key(name, metadata=b"key " + name.encode()[-8:])
        return self.kms.call("CreateKey", Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=self.store,
                             XksKeyId=name)["KeyMetadata"]["KeyId"]

    def refused(self, code, operation, **members):
        with self.assertRaises(Refused) as refusal:
            self.kms.call(operation, **members)
        self.assertEqual(code, refusal.exception.code, refusal.exception)
        self.assertNotIn("ITS OWN WORDS", str(refusal.exception))
        return str(refusal.exception)

    def test_data_keys_with_the_stock_cli(self):
        self.proxy.add_key("cli-key")
        made = self.d.ok("kms", "create-key", "--origin", "EXTERNAL_KEY_STORE", "--custom-key-store-id", self.store,
                         "--xks-key-id", "cli-key")["KeyMetadata"]
        self.assertEqual(("EXTERNAL_KEY_STORE", {"Id": "cli-key"}, "Enabled"),
                         (made["Origin"], made["XksKeyConfiguration"], made["KeyState"]))
        self.assertIn("cks.kms.us-east-1.amazonaws.com", self.proxy.client_names)
        data = self.d.ok("kms", "generate-data-key", "--key-id", made["KeyId"], "--key-spec", "AES_256",
                         "--encryption-context", "project=nile")
        opened = self.d.ok("kms", "decrypt", "--ciphertext-blob", data["CiphertextBlob"], "--encryption-context",
                           "project=nile")
        self.assertEqual(data["Plaintext"], opened["Plaintext"])
        wrong = self.d.aws("kms", "decrypt", "--ciphertext-blob", data["CiphertextBlob"])
        self.assertEqual("KMSInvalidStateException", wrong.error, wrong.err)
        again = self.d.aws("kms", "create-key", "--origin", "EXTERNAL_KEY_STORE", "--custom-key-store-id", self.store,
                           "--xks-key-id", "cli-key")
        self.assertEqual("XksKeyAlreadyInUseException", again.error, again.err)
        text = str(self.shown(self.store)) + self.d.whole_log()
        self.assertNotIn(Proxy.SECRET, text)

    def test_both_layers_are_there(self):
        key = self.new_key("layers")
        plaintext = os.urandom(4096)
        self.proxy.seen = []
        blob = self.kms.call("Encrypt", KeyId=key, Plaintext=base64.b64encode(plaintext).decode(),
                             EncryptionContext={"a": "b"})["CiphertextBlob"]
        [(path, sent)] = self.proxy.seen
        self.assertEqual(f"{Proxy.PATH}/keys/layers/encrypt", path)
        inner = base64.b64decode(sent["plaintext"])
        self.assertEqual(len(plaintext) + 48, len(inner))
        self.assertNotIn(plaintext[:16], inner)
        metadata = sent["requestMetadata"]
        self.assertEqual({"awsPrincipalArn", "kmsKeyArn", "kmsOperation", "kmsRequestId"}, set(metadata))
        self.assertEqual("Encrypt", metadata["kmsOperation"])
        self.assertTrue(metadata["kmsKeyArn"].endswith(key))
        opened = self.kms.call("Decrypt", CiphertextBlob=blob, EncryptionContext={"a": "b"})
        self.assertEqual(plaintext, base64.b64decode(opened["Plaintext"]))
        # What an external key manager sees does not open without KMS, and the other way round.
        self.proxy.add_key("layers")
        self.refused("KMSInvalidStateException", "Decrypt", CiphertextBlob=blob, EncryptionContext={"a": "b"})

    def test_each_error_name_has_its_text(self):
        self.assertEqual(set(STATUS), set(TEXTS))
        key = self.new_key("errors")
        blob = self.kms.call("Encrypt", KeyId=key, Plaintext="eHg=")["CiphertextBlob"]
        for name, text in TEXTS.items():
            with self.subTest(name):
                self.proxy.script = [Proxy.refuse(name)]
                self.assertIn(text, self.refused("KMSInvalidStateException", "Encrypt", KeyId=key, Plaintext="eHg="))
                self.proxy.script = [Proxy.refuse(name)]
                self.assertIn(text, self.refused("KMSInvalidStateException", "Decrypt", CiphertextBlob=blob))
        self.assertEqual("eHg=", self.kms.call("Decrypt", CiphertextBlob=blob)["Plaintext"])

    def test_lies_are_found(self):
        key = self.new_key("lies")

        def change(member, value):
            return self.proxy.lie(lambda said: said.update({member: value}))

        other = base64.b64encode(bytes(50)).decode()
        lies = {
            "another ciphertext": change("ciphertext", other),
            "another length": change("ciphertext", "AAAA"),
            "another iv": change("initializationVector", base64.b64encode(bytes(12)).decode()),
            "an odd iv": change("initializationVector", base64.b64encode(bytes(13)).decode()),
            "another tag": change("authenticationTag", base64.b64encode(bytes(16)).decode()),
            "a wrong integrity value": change("ciphertextDataIntegrityValue", base64.b64encode(bytes(32)).decode()),
            "no integrity value": self.proxy.lie(lambda said: said.pop("ciphertextDataIntegrityValue")),
            "long metadata": change("ciphertextMetadata", base64.b64encode(bytes(21)).decode()),
            "not base64": change("ciphertext", "*"),
            "no JSON": Proxy.say(b"<html>welcome</html>"),
            "nothing": Proxy.say(b""),
            "far too much": Proxy.say(b'{"ciphertext": "' + b"A" * 1_000_000 + b'"}'),
            "a long header": lambda handler: handler.send(200, b"{}", [("x-long", "y" * 60_000)]),
            "a redirect": lambda handler: handler.send(307, b"", [("location", "https://169.254.169.254/")]),
        }
        for what, answer in lies.items():
            with self.subTest(what):
                self.proxy.script = [answer]
                text = self.refused("KMSInvalidStateException", "Encrypt", KeyId=key, Plaintext="eHg=")
                self.assertIn("cannot interpret the response", text)
        blob = self.kms.call("Encrypt", KeyId=key, Plaintext="eHg=")["CiphertextBlob"]
        self.proxy.script = [Proxy.say(b'{"plaintext": "' + other.encode() + b'"}')]
        self.assertIn("that the external key store proxy submitted for decryption",
                      self.refused("KMSInvalidStateException", "Decrypt", CiphertextBlob=blob))

    def test_a_kept_connection_that_breaks_is_replaced_once(self):
        key = self.new_key("kept")
        self.kms.call("Encrypt", KeyId=key, Plaintext="eHg=")
        before = self.proxy.connections
        self.kms.call("Encrypt", KeyId=key, Plaintext="eHg=")
        self.proxy.script = [Proxy.hang_up]
        self.kms.call("Encrypt", KeyId=key, Plaintext="eHg=")
        self.assertLessEqual(self.proxy.connections, before + 2)
        self.proxy.script = [Proxy.hang_up, Proxy.hang_up, Proxy.hang_up]
        self.refused("KMSInvalidStateException", "Encrypt", KeyId=key, Plaintext="eHg=")
        self.assertGreaterEqual(len(self.proxy.script), 1, "more than one repeat")

    def test_an_outage_ends_by_itself(self):
        key = self.new_key("outage")
        blob = self.kms.call("Encrypt", KeyId=key, Plaintext="eHg=")["CiphertextBlob"]
        self.proxy.stop()
        try:
            self.assertIn("cannot communicate with the external key store proxy",
                          self.refused("KMSInvalidStateException", "Decrypt", CiphertextBlob=blob))
            self.assertEqual("CONNECTED", self.settled(self.store))
        finally:
            self.proxy.start()
        self.assertEqual("eHg=", self.kms.call("Decrypt", CiphertextBlob=blob)["Plaintext"])

    def test_disconnected_keys_are_unavailable(self):
        key = self.new_key("away")
        blob = self.kms.call("Encrypt", KeyId=key, Plaintext="eHg=")["CiphertextBlob"]
        self.kms.call("DisconnectCustomKeyStore", CustomKeyStoreId=self.store)
        self.assertEqual("DISCONNECTED", self.settled(self.store))
        self.assertEqual("Unavailable", self.kms.call("DescribeKey", KeyId=key)["KeyMetadata"]["KeyState"])
        self.assertIn("not connected to its external key store proxy",
                      self.refused("KMSInvalidStateException", "Decrypt", CiphertextBlob=blob))
        self.refused("CustomKeyStoreInvalidStateException", "CreateKey", Origin="EXTERNAL_KEY_STORE",
                     CustomKeyStoreId=self.store, XksKeyId="another")
        self.refused("CustomKeyStoreHasCMKsException", "DeleteCustomKeyStore", CustomKeyStoreId=self.store)
        self.proxy.health = "UNAVAILABLE"
        try:
            self.kms.call("ConnectCustomKeyStore", CustomKeyStoreId=self.store)
            self.assertEqual("FAILED XKS_PROXY_NOT_REACHABLE", self.settled(self.store))
            self.kms.call("DisconnectCustomKeyStore", CustomKeyStoreId=self.store)
        finally:
            self.proxy.health = "ACTIVE"
        self.kms.call("ConnectCustomKeyStore", CustomKeyStoreId=self.store)
        self.assertEqual("CONNECTED", self.settled(self.store))
        self.assertEqual("eHg=", self.kms.call("Decrypt", CiphertextBlob=blob)["Plaintext"])

    def test_a_kill_at_each_step_of_connecting(self):
        """strongroomd is killed in the middle; the one that comes after it ends what was begun."""
        key = self.new_key("steps")
        blob = self.kms.call("Encrypt", KeyId=key, Plaintext="eHg=")["CiphertextBlob"]
        health = json.dumps(self.proxy.answer(f"{Proxy.PATH}/health", {})).encode()
        killed = threading.Event()

        def kill(*_):
            os.kill(front_end["pid"], signal.SIGKILL)
            killed.set()

        def half(handler):
            handler.send_response(200)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(health)))
            handler.end_headers()
            handler.wfile.write(health[:len(health) // 2])
            kill()

        def whole(handler):
            handler.send(200, health)
            kill()

        steps = {"as the request is answered": None, "as the proxy is connected to": "accepted", "as it is asked": kill,
                 "in the middle of its answer": half, "as it has answered": whole}
        for name, step in steps.items():
            with self.subTest(name):
                self.kms.call("DisconnectCustomKeyStore", CustomKeyStoreId=self.store)
                self.assertEqual("DISCONNECTED", self.settled(self.store))
                killed.clear()
                [front_end] = self.d.processes("strongroomd")
                if step == "accepted":
                    self.proxy.accepted = kill
                elif step:
                    self.proxy.script = [step]
                try:
                    self.kms.call("ConnectCustomKeyStore", CustomKeyStoreId=self.store)
                except Lost:  # what it began had come to the kill before its answer left
                    self.assertIsNotNone(step)
                if step is None:
                    kill()
                self.assertTrue(killed.wait(60), name)
                self.kms.close()
                # As if the time had passed that the dead one has to finish; a step that waits for it is the first.
                if step:
                    wait_for("the lease to end", lambda: self.sql("UPDATE custom_key_stores SET lease_until = 0 "
                                                                  f"WHERE store_id = '{self.store}'"))
                wait_for("strongroomd is back", lambda: self.d.aws("kms", "list-keys").status == 0)
                self.kms = XksClient.kms = Connection(self.d.environment, "kms")
                self.assertEqual("CONNECTED", self.settled(self.store))
                self.assertEqual("eHg=", self.kms.call("Decrypt", CiphertextBlob=blob)["Plaintext"])
        self.assertNotIn(Proxy.SECRET, self.d.whole_log())

    def sql(self, statement):
        with sqlite3.connect(self.d.data / "service" / "strongroom.sqlite", timeout=30) as store:
            store.execute(statement)
        store.close()
        return True

    def test_stores_that_are_refused(self):
        for code, members in (
                ("XksProxyUriInUseException", {}),
                ("XksProxyUriUnreachableException", {"XksProxyUriEndpoint": "https://localhost"}),  # no place for a proxy
                ("XksProxyUriUnreachableException", {"XksProxyUriEndpoint": "https://127.0.0.1"}),
                ("XksProxyUriUnreachableException", {"XksProxyUriEndpoint": "https://169.254.169.254"}),
                ("XksProxyInvalidConfigurationException", {"XksProxyUriPath": "/elsewhere/kms/xks/v1"}),
                ("XksProxyIncorrectAuthenticationCredentialException",
                 {"XksProxyUriPath": "/elsewhere/kms/xks/v1",
                  "XksProxyAuthenticationCredential": {"AccessKeyId": Proxy.ACCESS_KEY, "RawSecretAccessKey": "x" * 43}}),
                ("XksProxyVpcEndpointServiceNotFoundException",
                 {"XksProxyConnectivity": "VPC_ENDPOINT_SERVICE", "XksProxyUriEndpoint": "https://vpc.example.com",
                  "XksProxyVpcEndpointServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0"})):
            with self.subTest(code, **{name: str(value) for name, value in members.items()}):
                self.refused(code, "CreateCustomKeyStore", **json.loads(self.request("second", **members)))
        self.assertEqual([self.store], [one["CustomKeyStoreId"] for one in self.kms.call("DescribeCustomKeyStores")
                                        ["CustomKeyStores"]])

    def test_the_steps_of_the_manual(self):
        """docs/operations.md: from the settings to a key, for a second proxy without client certificates."""
        files = self.d.root / "second"
        files.mkdir()
        make_certificates(files, "second.example.com")
        second = Proxy(files, "second.example.com").start()
        self.addCleanup(second.stop)
        second.add_key("EXTERNAL_KEY_ID")
        roots = self.files / "both.crt"
        roots.write_text((self.files / "ca.crt").read_text() + (files / "ca.crt").read_text())
        (self.d.root / "store.json").write_text(self.request(
            "second", XksProxyUriEndpoint="https://second.example.com"))
        self.restart(hosts=f"{HOST}=127.0.0.1:{self.proxy.port} second.example.com=127.0.0.1:{second.port}", ca_file=roots)
        made = MANUAL.run(self.d, "External key stores", 1, STORE_FILE=self.d.root / "store.json")
        store = made.out.strip().splitlines()[-1]
        self.assertEqual("CONNECTED", self.settled(store))
        key = MANUAL.run(self.d, "External key stores", 2, STORE_ID=store, XKS_KEY_ID="EXTERNAL_KEY_ID").json["KeyMetadata"]
        self.assertEqual("EXTERNAL_KEY_ID", key["XksKeyConfiguration"]["Id"])
        blob = self.kms.call("Encrypt", KeyId=key["KeyId"], Plaintext="eHg=")["CiphertextBlob"]
        self.assertEqual("eHg=", self.kms.call("Decrypt", CiphertextBlob=blob)["Plaintext"])

    def test_slow_proxy_is_given_up(self):
        key = self.new_key("slow")
        self.restart(timeout_ms=400)

        def given_up():
            """Whether the proxy has been asked; on a busy machine the time may be over before."""
            self.proxy.script, self.proxy.seen = [self.proxy.sleep(5)], []
            self.assertIn("did not respond in time", self.refused("KMSInvalidStateException", "Encrypt", KeyId=key,
                                                                  Plaintext="eHg="))
            return self.proxy.seen

        wait_for("the proxy to be asked", given_up)
        self.proxy.script = []
        self.restart(timeout_ms=5000)
        self.assertTrue(self.kms.call("Encrypt", KeyId=key, Plaintext="eHg=")["CiphertextBlob"])


if __name__ == "__main__":
    unittest.main()

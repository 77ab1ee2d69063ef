"""The road of the seed texts with the stock aws CLI and openssl: from CreateKey to a connected custom key store."""

import base64
import shutil
import unittest

from deployment import BIN, Deployment, wait_for

OFFICER = "Officer-pass-1"
KMSUSER = "Kmsuserpass1"
ALIAS = "alias/cloudhsm-customerCA-key-encryption-key"


class Road(unittest.TestCase):
    """Steps in order; each needs those before it."""

    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def tearDown(self):
        for _, problem in self._outcome.result.errors + self._outcome.result.failures:
            if problem:
                self._outcome.result.shouldStop = True

    def decrypt_to(self, command):
        return self.d.shell(f"aws kms decrypt --ciphertext-blob '{Road.blob}' --key-id {ALIAS} --output text "
                            f"--query Plaintext | base64 --decode | {command}")

    def test_01_caller_is_the_accounts_root(self):
        caller = self.d.ok("sts", "get-caller-identity")
        self.assertEqual(caller["Arn"], f"arn:aws:iam::{caller['Account']}:root")
        Road.account = caller["Account"]

    def test_02_create_key_answers_as_the_seed_shows(self):
        answer = self.d.ok("kms", "create-key", "--description", "CloudHSM customerCA.crt encryption key")
        self.assertEqual(list(answer), ["KeyMetadata"])
        key = answer["KeyMetadata"]
        for name, value in {"AWSAccountId": self.account, "Enabled": True, "KeyUsage": "ENCRYPT_DECRYPT",
                            "KeyState": "Enabled", "Origin": "AWS_KMS", "KeyManager": "CUSTOMER", "MultiRegion": False,
                            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT",
                            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
                            "Description": "CloudHSM customerCA.crt encryption key"}.items():
            self.assertEqual(key[name], value, name)
        Road.key = key

    def test_03_alias_and_data_key_pair(self):
        self.assertEqual(self.d.aws("kms", "create-alias", "--alias-name", ALIAS, "--target-key-id",
                                    self.key["KeyId"]).out, "")
        pair = self.d.ok("kms", "generate-data-key-pair-without-plaintext", "--key-id", ALIAS, "--key-pair-spec", "RSA_2048")
        self.assertEqual(pair["KeyId"], self.key["Arn"])
        self.assertNotIn("PrivateKeyPlaintext", pair)
        self.assertEqual(len(base64.b64decode(pair["PublicKey"])), 294)
        Road.blob, Road.public = pair["PrivateKeyCiphertextBlob"], pair["PublicKey"]
        self.assertEqual(self.decrypt_to("openssl pkey -inform DER -pubout -outform DER | base64 -w0").out, self.public)

    def test_04_customer_ca_from_the_kms_held_key(self):
        made = self.decrypt_to("openssl req -x509 -new -nodes -sha256 -days 3652 -out customerCA.crt -key /dev/stdin "
                               "-keyform der -subj /CN=CloudHSMClusterCA")
        self.assertEqual(made.out + made.err, "")

    def test_05_cluster_and_first_hsm(self):
        made = self.d.ok("cloudhsmv2", "create-cluster", "--hsm-type", "hsm1.medium", "--subnet-ids",
                         "subnet-0123456789abcdef0", "subnet-0123456789abcdef1")["Cluster"]
        self.assertEqual(made["State"], "CREATE_IN_PROGRESS")
        self.assertEqual(len(made["SubnetMapping"]), 2)
        Road.cluster_id = made["ClusterId"]
        Road.zones = sorted(made["SubnetMapping"])
        self.d.wait_cluster(self.cluster_id, "UNINITIALIZED")
        Road.first = self.d.create_hsm(self.cluster_id, self.zones[0])
        running = self.d.run(BIN / "strongroom", "status", "--data", self.d.data)
        self.assertIn(self.first["HsmId"], running.out)

    def test_06_certificates_verify(self):
        certificates = self.d.cluster(self.cluster_id)["Certificates"]
        for name in ("ClusterCsr", "HsmCertificate", "AwsHardwareCertificate", "ManufacturerHardwareCertificate"):
            (self.d.root / name).write_text(certificates[name])
        subject = self.d.shell("openssl req -in ClusterCsr -noout -verify -subject -nameopt compat 2>&1").out
        self.assertRegex(subject, r"/C=US/ST=CA/O=Cavium/OU=N3FIPS/L=SanJose/CN=HSM:[0-9A-F]{30}:PARTN:\d+, for FIPS mode")
        for issuer in ("AwsHardwareCertificate", "ManufacturerHardwareCertificate"):
            self.assertIn("OK", self.d.shell(f"openssl verify -partial_chain -CAfile {issuer} HsmCertificate").out)
        self.d.shell("diff <(openssl x509 -in HsmCertificate -noout -pubkey) <(openssl req -in ClusterCsr -noout -pubkey)")

    def test_07_initialize_refuses_what_does_not_fit(self):
        csr = (self.d.root / "ClusterCsr").read_text()
        self.d.make_ca("otherCA")
        self.decrypt_to("openssl x509 -req -in ClusterCsr -CA customerCA.crt -CAkey /dev/stdin -CAkeyform der "
                        "-CAcreateserial -out cluster.crt -days 3652 -sha256")
        self.d.sign_csr(csr, "by-other.crt", ca="otherCA")
        self.d.shell("openssl req -new -newkey rsa:2048 -nodes -keyout wrong.key -out wrong.csr -subj /CN=wrong")
        self.decrypt_to("openssl x509 -req -in wrong.csr -CA customerCA.crt -CAkey /dev/stdin -CAkeyform der "
                        "-CAcreateserial -out wrong-key.crt -days 3652 -sha256")
        (self.d.root / "not.pem").write_text("not a certificate")
        self.decrypt_to("openssl x509 -req -in ClusterCsr -CA customerCA.crt -CAkey /dev/stdin -CAkeyform der "
                        "-CAcreateserial -out expired.crt -days -1 -sha256")
        for name, signed, anchor, text in (
                ("wrong CA", "by-other.crt", "customerCA.crt", "was not issued by the TrustAnchor"),
                ("wrong key", "wrong-key.crt", "customerCA.crt", "public key does not match"),
                ("not PEM", "not.pem", "customerCA.crt", "The SignedCert is not a valid PEM-encoded certificate."),
                ("anchor not PEM", "cluster.crt", "not.pem", "The TrustAnchor is not a valid PEM-encoded certificate."),
                ("expired", "expired.crt", "customerCA.crt", "validity period")):
            with self.subTest(name):
                answer = self.d.initialize(self.cluster_id, signed, anchor)
                self.assertEqual(answer.error, "CloudHsmInvalidRequestException")
                self.assertIn(text, answer.err)
        self.assertEqual(self.d.cluster(self.cluster_id)["State"], "UNINITIALIZED")

    def test_08_initialize(self):
        answer = self.d.initialize(self.cluster_id)
        self.assertEqual(answer.status, 0, answer.err)
        self.assertEqual(answer.json["State"], "INITIALIZE_IN_PROGRESS")
        cluster = self.d.wait_cluster(self.cluster_id, "INITIALIZED")
        self.assertEqual(list(cluster["Certificates"]), ["ClusterCertificate"])

    def test_09_end_to_end_encryption(self):
        ip = self.first["EniIp"]
        shown = self.d.shell(f"(openssl s_client -connect {ip}:2223 </dev/null 2>/dev/null; true) | openssl x509 -outform PEM | "
                             "tee outer.pem | openssl x509 -noout -serial").out
        self.assertIn("B7FA7A40976CBE82", shown)
        certs = self.d.client_home / "etc" / "certs"
        self.assertEqual(sorted(f.name for f in certs.iterdir()), ["21a10654.0", "712ff948.0"])
        self.d.shell(f"diff outer.pem {certs}/21a10654.0")
        shutil.copy(self.d.root / "customerCA.crt", self.d.client_home / "etc" / "customerCA.crt")

    def test_10_activation(self):
        configured = self.d.run(self.d.client_home / "bin" / "configure", "-a", self.first["EniIp"])
        self.assertEqual(configured.out.count("Updating server config in"), 2)
        session = self.d.cmu("enable_e2e", "listUsers", "loginHSM PRECO admin password",
                             f"changePswd PRECO admin {OFFICER}", "y", "listUsers", "logoutHSM", "quit")
        self.assertEqual(session.status, 0, session.out + session.err)
        for text in ("E2E enabled on server 0", "PRECO", "Changing password for admin(PRECO) on 1 nodes", "app_user",
                     "changePswd success on server 0", "disconnecting from servers"):
            self.assertIn(text, session.out)
        self.assertNotIn(OFFICER, session.out + session.err)
        self.d.wait_cluster(self.cluster_id, "ACTIVE")
        self.assertNotEqual(self.d.cmu("loginHSM PRECO admin password", "quit").status, 0)

    def test_11_second_hsm(self):
        Road.second = self.d.create_hsm(self.cluster_id, self.zones[1])
        self.assertNotEqual(self.second["EniIp"], self.first["EniIp"])
        session = self.d.cmu("listUsers", "quit")
        self.assertIn("lists 1 of 2 HSMs", session.out)
        self.assertEqual(session.out.count("app_user"), 2)
        self.d.run(self.d.client_home / "bin" / "configure", "-a", self.second["EniIp"])
        self.d.run(self.d.client_home / "bin" / "configure", "-m")
        self.assertNotIn("lists", self.d.cmu("listUsers", "quit").out)

    def test_12_one_hsm_only_is_refused_a_store(self):
        lonely = self.d.create_cluster()
        answer = self.d.aws("kms", "create-custom-key-store", "--custom-key-store-name", "lonely", "--cloud-hsm-cluster-id",
                            lonely["ClusterId"], "--trust-anchor-certificate", f"file://{self.d.root}/customerCA.crt",
                            "--key-store-password", KMSUSER)
        self.assertEqual(answer.error, "CloudHsmClusterNotActiveException")
        self.d.ok("cloudhsmv2", "delete-cluster", "--cluster-id", lonely["ClusterId"])

    def test_13_kmsuser_is_on_both_hsms(self):
        session = self.d.cmu(f"loginHSM CO admin {OFFICER}", f"createUser CU kmsuser {KMSUSER}", "y", "listUsers", "quit")
        self.assertEqual(session.status, 0, session.out + session.err)
        self.assertEqual(session.out.count("loginHSM success"), 2)
        self.assertIn("Creating User kmsuser(CU) on 2 nodes", session.out)
        self.assertGreaterEqual(session.out.count("kmsuser  "), 2)

    def test_14_custom_key_store_connects_and_rotates_the_password(self):
        wrong = self.d.aws("kms", "create-custom-key-store", "--custom-key-store-name", "wrong", "--cloud-hsm-cluster-id",
                           self.cluster_id, "--trust-anchor-certificate", f"file://{self.d.root}/otherCA.crt",
                           "--key-store-password", KMSUSER)
        self.assertEqual(wrong.error, "IncorrectTrustAnchorException")
        Road.store = self.d.create_store(self.cluster_id, "Wrongpass1")["CustomKeyStoreId"]
        self.assertEqual(self.d.store(self.store)["ConnectionState"], "DISCONNECTED")
        early = self.d.aws("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", self.store)
        self.assertEqual(early.error, "CustomKeyStoreInvalidStateException")
        self.d.ok("kms", "connect-custom-key-store", "--custom-key-store-id", self.store)
        self.assertEqual(self.d.wait_store(self.store, "FAILED")["ConnectionErrorCode"], "INVALID_CREDENTIALS")
        again = self.d.aws("kms", "connect-custom-key-store", "--custom-key-store-id", self.store)
        self.assertEqual(again.error, "CustomKeyStoreInvalidStateException")
        self.d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.ok("kms", "update-custom-key-store", "--custom-key-store-id", self.store, "--key-store-password", KMSUSER)
        self.d.ok("kms", "connect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "CONNECTED")
        self.assertIn("RET_USER_LOGIN_FAILURE", self.d.cmu(f"loginHSM CU kmsuser {KMSUSER}", "quit").out)

    def test_15_keys_in_the_custom_store(self):
        policy = ('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},'
                  '"Action":"kms:*","Resource":"*"}}' % self.account)
        key = self.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", self.store, "--tags",
                        "TagKey=Project,TagValue=CloudOut", "--description", "archive", "--policy", policy)["KeyMetadata"]
        self.assertEqual((key["Origin"], key["CustomKeyStoreId"], key["CloudHsmClusterId"]),
                         ("AWS_CLOUDHSM", self.store, self.cluster_id))
        Road.custom = key
        self.d.ok("kms", "create-alias", "--alias-name", "alias/rubrik-cloudout", "--target-key-id", key["KeyId"])
        sealed = self.d.ok("kms", "encrypt", "--key-id", "alias/rubrik-cloudout", "--plaintext",
                           base64.b64encode(b"through the cluster").decode(), "--encryption-context", "Department=Archive")
        Road.custom_blob = sealed["CiphertextBlob"]
        self.assertEqual(self.open_custom(), b"through the cluster")
        other = self.d.aws("kms", "decrypt", "--ciphertext-blob", self.custom_blob, "--encryption-context", "Department=X")
        self.assertEqual(other.error, "InvalidCiphertextException")
        data_key = self.d.ok("kms", "generate-data-key", "--key-id", key["Arn"], "--key-spec", "AES_256")
        self.assertEqual(len(base64.b64decode(data_key["Plaintext"])), 32)
        self.d.cmu_until("the key on both HSMs", lambda found: found.out.count("(o)") == 2, f"loginHSM CO admin {OFFICER}",
                         "findAllKeys 3 0", "quit")

    def open_custom(self):
        answer = self.d.ok("kms", "decrypt", "--ciphertext-blob", self.custom_blob, "--encryption-context",
                           "Department=Archive")
        return base64.b64decode(answer["Plaintext"])

    def test_16_goes_on_when_an_hsm_is_killed(self):
        [pid] = [p["pid"] for p in self.d.processes("strongroom-hsm") if p["hsm"] == self.first["HsmId"]]
        for _ in range(3):
            self.d.run("kill", "-9", str(pid))
            self.assertEqual(self.open_custom(), b"through the cluster")
            pid = wait_for("restart", lambda: next((p["pid"] for p in self.d.processes("strongroom-hsm")
                                                    if p["hsm"] == self.first["HsmId"] and p["pid"] != pid), None))

    def test_17_disconnect_makes_keys_unavailable(self):
        self.d.ok("kms", "disconnect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "DISCONNECTED")
        self.assertEqual(self.d.ok("kms", "describe-key", "--key-id", self.custom["KeyId"])["KeyMetadata"]["KeyState"],
                         "Unavailable")
        refused = self.d.aws("kms", "decrypt", "--ciphertext-blob", self.custom_blob, "--encryption-context",
                             "Department=Archive")
        self.assertEqual(refused.error, "KMSInvalidStateException")
        full = self.d.aws("kms", "delete-custom-key-store", "--custom-key-store-id", self.store)
        self.assertEqual(full.error, "CustomKeyStoreHasCMKsException")
        # The owner takes kmsuser back and sees whose key it is: the label is the KMS key's ARN.
        self.d.take_kmsuser_back(OFFICER, "Takenback1")
        session = self.d.cmu("loginHSM CU kmsuser Takenback1", "findAllKeys 3 0", "quit")
        self.assertEqual(session.out.count(self.custom["Arn"]), 2, session.out + session.err)
        self.d.ok("kms", "update-custom-key-store", "--custom-key-store-id", self.store, "--key-store-password", "Takenback1")
        self.d.ok("kms", "connect-custom-key-store", "--custom-key-store-id", self.store)
        self.d.wait_store(self.store, "CONNECTED")
        self.assertEqual(self.open_custom(), b"through the cluster")

    def test_18_everything_is_there_after_a_restart(self):
        self.assertEqual(self.d.stop(), 0)
        self.d.start()
        self.assertEqual(self.decrypt_to("openssl pkey -inform DER -pubout -outform DER | base64 -w0").out, self.public)
        # The cluster's own HSMs are not waited for by a start.
        wait_for("the key store", lambda: self.d.aws("kms", "decrypt", "--ciphertext-blob", self.custom_blob,
                                                     "--encryption-context", "Department=Archive").status == 0)
        self.assertEqual(self.open_custom(), b"through the cluster")
        self.d.cmu_until("both HSMs", lambda session: session.out.count("loginHSM success") == 2,
                         f"loginHSM CO admin {OFFICER}", "listUsers", "quit")


if __name__ == "__main__":
    unittest.main()

"""Keys of every spec with the stock aws CLI, and openssl as the judge of what comes out."""

import base64
import hashlib
import json
import re
import subprocess
import unittest

from client import Connection, Refused
from deployment import Deployment

PSS = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"
RSA_SIGNING = {f"RSASSA_{kind}_SHA_{bits}": f"dgst -sha{bits} {options}"
               for kind, options in (("PKCS1_V1_5", ""), ("PSS", PSS)) for bits in (256, 384, 512)}
# spec: {algorithm: how openssl verifies it}
SIGNING = {
    "RSA_2048": RSA_SIGNING,
    "RSA_3072": {name: RSA_SIGNING[name] for name in ("RSASSA_PSS_SHA_384",)},
    "RSA_4096": {name: RSA_SIGNING[name] for name in ("RSASSA_PKCS1_V1_5_SHA_512",)},
    "ECC_NIST_P256": {"ECDSA_SHA_256": "dgst -sha256"},
    "ECC_NIST_P384": {"ECDSA_SHA_384": "dgst -sha384"},
    "ECC_NIST_P521": {"ECDSA_SHA_512": "dgst -sha512"},
    "ECC_SECG_P256K1": {"ECDSA_SHA_256": "dgst -sha256"},
    "ECC_NIST_EDWARDS25519": {"ED25519_SHA_512": "pkeyutl -rawin"},
    "SM2": {"SM2DSA": "pkeyutl -rawin -digest sm3 -pkeyopt distid:1234567812345678"},
}
MOST = {("RSA_2048", "RSAES_OAEP_SHA_1"): 214, ("RSA_2048", "RSAES_OAEP_SHA_256"): 190,
        ("RSA_4096", "RSAES_OAEP_SHA_256"): 446}
CURVES = {"ECC_NIST_P256": ("P-256", 32), "ECC_NIST_P384": ("P-384", 48), "ECC_NIST_P521": ("P-521", 66)}
MESSAGE = b"signed by a key that never leaves the HSM"


def openssl_version():
    """Of the library that the HSMs have: the system's."""
    found = re.match(r"OpenSSL (\d+)\.(\d+)", subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout)
    return tuple(int(part) for part in found.groups())


class Algorithms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        # SM2 is switched on as an operator would: in the settings, then a restart.
        cls.d.stop()
        settings = cls.d.data / "strongroom.toml"
        text = settings.read_text()
        assert 'sm2 = "off"' in text, text
        settings.write_text(text.replace('sm2 = "off"', 'sm2 = "on"'))
        cls.d.start()
        (cls.d.root / "message").write_bytes(MESSAGE)

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def new_key(self, spec, usage):
        made = self.d.ok("kms", "create-key", "--key-spec", spec, "--key-usage", usage)["KeyMetadata"]
        self.assertEqual((made["KeySpec"], made["KeyUsage"], made["KeyState"]), (spec, usage, "Enabled"))
        return made["KeyId"]

    def public_key(self, key):
        """GetPublicKey into public.pem; the answer."""
        got = self.d.ok("kms", "get-public-key", "--key-id", key)
        (self.d.root / "public.der").write_bytes(base64.b64decode(got["PublicKey"]))
        self.d.shell("openssl pkey -pubin -inform DER -in public.der -out public.pem")
        return got

    def sign(self, key, algorithm, message, kind="RAW"):
        (self.d.root / "signed").write_bytes(message)
        signed = self.d.ok("kms", "sign", "--key-id", key, "--message", "fileb://signed", "--message-type", kind,
                           "--signing-algorithm", algorithm)
        self.assertEqual(signed["SigningAlgorithm"], algorithm)
        (self.d.root / "signature").write_bytes(base64.b64decode(signed["Signature"]))
        return base64.b64decode(signed["Signature"])

    def openssl_verifies(self, how):
        if how.startswith("dgst"):
            return "Verified OK" in self.d.run("bash", "-c", f"openssl {how} -verify public.pem -signature signature message").out
        return "Success" in self.d.run("bash", "-c", f"openssl {how} -verify -pubin -inkey public.pem -in message "
                                                     "-sigfile signature").out

    def test_signatures_verify_with_openssl(self):
        for spec, algorithms in SIGNING.items():
            key = self.new_key(spec, "SIGN_VERIFY")
            got = self.public_key(key)
            self.assertEqual(got["KeyUsage"], "SIGN_VERIFY")
            self.assertLessEqual(set(algorithms), set(got["SigningAlgorithms"]))
            for algorithm, how in algorithms.items():
                with self.subTest(spec=spec, algorithm=algorithm):
                    signature = self.sign(key, algorithm, MESSAGE)
                    self.assertTrue(self.openssl_verifies(how))
                    if re.search(r"_SHA_\d+$", algorithm) and not algorithm.startswith("ED"):
                        digest = hashlib.new("sha" + algorithm[-3:], MESSAGE).digest()
                        self.sign(key, algorithm, digest, "DIGEST")
                        self.assertTrue(self.openssl_verifies(how), "a digest's signature is the message's")
                    (self.d.root / "signature").write_bytes(signature)
                    verify = ("kms", "verify", "--key-id", key, "--signing-algorithm", algorithm, "--signature",
                              "fileb://signature", "--message")
                    self.assertIs(self.d.ok(*verify, "fileb://message")["SignatureValid"], True)
                    wrong = self.d.aws(*verify, "fileb://public.der")
                    self.assertEqual(wrong.error, "KMSInvalidSignatureException", wrong.err)

    def test_ed25519_prehashed(self):
        key = self.new_key("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
        digest = hashlib.sha512(MESSAGE).digest()
        self.assertEqual(len(self.sign(key, "ED25519_PH_SHA_512", digest, "DIGEST")), 64)
        verify = ("kms", "verify", "--key-id", key, "--signature", "fileb://signature", "--message", "fileb://signed")
        prehashed = ("--signing-algorithm", "ED25519_PH_SHA_512", "--message-type", "DIGEST")
        self.assertIs(self.d.ok(*verify, *prehashed)["SignatureValid"], True)
        pure = self.d.aws(*verify, "--signing-algorithm", "ED25519_SHA_512")
        self.assertEqual(pure.error, "KMSInvalidSignatureException", "the two schemes never accept each other's")

    def test_rsa_encryption_both_ways(self):
        for (spec, algorithm), most in MOST.items():
            with self.subTest(spec=spec, algorithm=algorithm):
                key = self.new_key(spec, "ENCRYPT_DECRYPT")
                self.public_key(key)
                (self.d.root / "plain").write_bytes(b"p" * most)
                options = ("--key-id", key, "--encryption-algorithm", algorithm)
                sealed = self.d.ok("kms", "encrypt", *options, "--plaintext", "fileb://plain")
                opened = self.d.ok("kms", "decrypt", *options, "--ciphertext-blob", sealed["CiphertextBlob"])
                self.assertEqual(base64.b64decode(opened["Plaintext"]), b"p" * most)
                sha = "sha1" if algorithm.endswith("_1") else "sha256"
                self.d.shell("openssl pkeyutl -encrypt -pubin -inkey public.pem -in plain -out sealed -pkeyopt "
                             f"rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{sha} -pkeyopt rsa_mgf1_md:{sha}")
                opened = self.d.ok("kms", "decrypt", *options, "--ciphertext-blob", "fileb://sealed")
                self.assertEqual(base64.b64decode(opened["Plaintext"]), b"p" * most)
                (self.d.root / "plain").write_bytes(b"p" * (most + 1))
                refused = self.d.aws("kms", "encrypt", *options, "--plaintext", "fileb://plain")
                self.assertIn(f"Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes.",
                              refused.err)
                other = self.d.aws("kms", "encrypt", "--key-id", key, "--plaintext", "fileb://message")
                self.assertEqual(other.error, "InvalidKeyUsageException")

    def test_sm2_encryption_both_ways(self):
        key = self.new_key("SM2", "ENCRYPT_DECRYPT")
        self.public_key(key)
        options = ("--key-id", key, "--encryption-algorithm", "SM2PKE")
        sealed = self.d.ok("kms", "encrypt", *options, "--plaintext", "fileb://message")
        opened = self.d.ok("kms", "decrypt", *options, "--ciphertext-blob", sealed["CiphertextBlob"])
        self.assertEqual(base64.b64decode(opened["Plaintext"]), MESSAGE)
        self.d.shell("openssl pkeyutl -encrypt -pubin -inkey public.pem -in message -out sealed")
        opened = self.d.ok("kms", "decrypt", *options, "--ciphertext-blob", "fileb://sealed")
        self.assertEqual(base64.b64decode(opened["Plaintext"]), MESSAGE)

    def test_shared_secrets_are_those_of_openssl(self):
        kms = Connection(self.d.environment, "kms")
        for spec, (curve, size) in CURVES.items():
            with self.subTest(spec=spec):
                key = self.new_key(spec, "KEY_AGREEMENT")
                self.public_key(key)
                # A member that the CLI of 2023 does not know.
                self.assertEqual(kms.call("GetPublicKey", KeyId=key)["KeyAgreementAlgorithms"], ["ECDH"])
                self.d.shell(f"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out peer.pem && "
                             "openssl pkey -in peer.pem -pubout -outform DER -out peer.der && "
                             "openssl pkeyutl -derive -inkey peer.pem -peerkey public.pem -out shared")
                peer = base64.b64encode((self.d.root / "peer.der").read_bytes()).decode()
                made = kms.call("DeriveSharedSecret", KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=peer)
                shared = base64.b64decode(made["SharedSecret"])
                self.assertEqual(len(shared), size)
                self.assertEqual(shared, (self.d.root / "shared").read_bytes())
                with self.assertRaises(Refused) as refused:
                    kms.call("DeriveSharedSecret", KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=peer, DryRun=True)
                self.assertEqual(refused.exception.code, "DryRunOperationException")
        kms.close()

    def test_macs(self):
        for bits, size in ((224, 28), (256, 32), (384, 48), (512, 64)):
            with self.subTest(bits=bits):
                key = self.new_key(f"HMAC_{bits}", "GENERATE_VERIFY_MAC")
                options = ("--key-id", key, "--mac-algorithm", f"HMAC_SHA_{bits}", "--message")
                first = self.d.ok("kms", "generate-mac", *options, "fileb://message")
                self.assertEqual(first["Mac"], self.d.ok("kms", "generate-mac", *options, "fileb://message")["Mac"])
                self.assertEqual(len(base64.b64decode(first["Mac"])), size)
                verified = self.d.ok("kms", "verify-mac", *options, "fileb://message", "--mac", first["Mac"])
                self.assertIs(verified["MacValid"], True)
        (self.d.root / "other").write_bytes(b"another message")
        wrong = self.d.aws("kms", "verify-mac", *options, "fileb://other", "--mac", first["Mac"])
        self.assertEqual(wrong.error, "KMSInvalidMacException", wrong.err)

    def test_re_encryption(self):
        symmetric = self.d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        rsa = self.new_key("RSA_2048", "ENCRYPT_DECRYPT")
        first = self.d.ok("kms", "encrypt", "--key-id", symmetric, "--plaintext", "fileb://message",
                          "--encryption-context", "a=b")
        second = self.d.ok("kms", "re-encrypt", "--ciphertext-blob", first["CiphertextBlob"], "--source-encryption-context",
                           "a=b", "--destination-key-id", rsa, "--destination-encryption-algorithm", "RSAES_OAEP_SHA_256")
        self.assertEqual(second["SourceEncryptionAlgorithm"], "SYMMETRIC_DEFAULT")
        third = self.d.ok("kms", "re-encrypt", "--ciphertext-blob", second["CiphertextBlob"], "--source-key-id", rsa,
                          "--source-encryption-algorithm", "RSAES_OAEP_SHA_256", "--destination-key-id", symmetric,
                          "--destination-encryption-context", "c=d")
        opened = self.d.ok("kms", "decrypt", "--ciphertext-blob", third["CiphertextBlob"], "--encryption-context", "c=d")
        self.assertEqual(base64.b64decode(opened["Plaintext"]), MESSAGE)

    def test_data_key_pairs_of_every_spec(self):
        symmetric = self.d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        for spec in ("RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521",
                     "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519", "SM2"):
            with self.subTest(spec=spec):
                pair = self.d.ok("kms", "generate-data-key-pair", "--key-id", symmetric, "--key-pair-spec", spec)
                opened = self.d.ok("kms", "decrypt", "--ciphertext-blob", pair["PrivateKeyCiphertextBlob"])
                self.assertEqual(opened["Plaintext"], pair["PrivateKeyPlaintext"])
                (self.d.root / "private.der").write_bytes(base64.b64decode(pair["PrivateKeyPlaintext"]))
                self.d.shell("openssl pkey -inform DER -in private.der -check -noout" if spec != "SM2" else
                             "openssl pkey -inform DER -in private.der -noout")
                public = self.d.shell("openssl pkey -inform DER -in private.der -pubout -outform DER | base64 -w0").out
                self.assertEqual(public, pair["PublicKey"])

    def test_ml_dsa_works_or_is_refused_clearly(self):
        made = self.d.aws("kms", "create-key", "--key-spec", "ML_DSA_65", "--key-usage", "SIGN_VERIFY")
        if made.status != 0:
            self.assertLess(openssl_version(), (3, 5), made.err)
            self.assertEqual(made.error, "UnsupportedOperationException")
            self.assertIn("KeySpec ML_DSA_65 with KeyUsage SIGN_VERIFY is not supported by the cryptographic library",
                          made.err)
            return
        key = json.loads(made.out)["KeyMetadata"]["KeyId"]
        self.public_key(key)
        self.assertEqual(len(self.sign(key, "ML_DSA_SHAKE_256", MESSAGE)), 3309)
        self.assertTrue(self.openssl_verifies("pkeyutl -rawin"))


if __name__ == "__main__":
    unittest.main()

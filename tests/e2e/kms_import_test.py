"""Imported key material: made and wrapped by stock openssl, imported with the stock aws CLI, judged by openssl again."""

import base64
import hmac
import os
import time
import unittest

from client import Connection, Refused
from deployment import Deployment, wait_for

OAEP = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha{0} -pkeyopt rsa_mgf1_md:sha{0}"
MESSAGE = b"signed by a key that was made elsewhere"
# spec: (usage, how openssl makes it or how many bytes it has, wrapping algorithm, wrapping key, signing algorithm, how openssl
# verifies that)
SPECS = {
    "SYMMETRIC_DEFAULT": ("ENCRYPT_DECRYPT", 32, "RSAES_OAEP_SHA_256", "RSA_2048", None, None),
    "HMAC_224": ("GENERATE_VERIFY_MAC", 28, "RSAES_OAEP_SHA_1", "RSA_3072", None, None),
    "HMAC_256": ("GENERATE_VERIFY_MAC", 32, "RSA_AES_KEY_WRAP_SHA_1", "RSA_2048", None, None),
    "HMAC_384": ("GENERATE_VERIFY_MAC", 48, "RSAES_OAEP_SHA_256", "RSA_4096", None, None),
    "HMAC_512": ("GENERATE_VERIFY_MAC", 64, "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", None, None),
    "ECC_NIST_P256": ("SIGN_VERIFY", "EC -pkeyopt ec_paramgen_curve:P-256", "RSAES_OAEP_SHA_256", "RSA_2048",
                      "ECDSA_SHA_256", "dgst -sha256"),
    "ECC_NIST_P384": ("SIGN_VERIFY", "EC -pkeyopt ec_paramgen_curve:P-384", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048",
                      "ECDSA_SHA_384", "dgst -sha384"),
    "ECC_NIST_P521": ("SIGN_VERIFY", "EC -pkeyopt ec_paramgen_curve:P-521", "RSAES_OAEP_SHA_1", "RSA_3072",
                      "ECDSA_SHA_512", "dgst -sha512"),
    "ECC_SECG_P256K1": ("SIGN_VERIFY", "EC -pkeyopt ec_paramgen_curve:secp256k1", "RSAES_OAEP_SHA_256", "RSA_2048",
                        "ECDSA_SHA_256", "dgst -sha256"),
    "ECC_NIST_EDWARDS25519": ("SIGN_VERIFY", "ED25519", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", "ED25519_SHA_512",
                              "pkeyutl -rawin"),
    "RSA_2048": ("SIGN_VERIFY", "RSA -pkeyopt rsa_keygen_bits:2048", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048",
                 "RSASSA_PSS_SHA_256", "dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"),
    "RSA_3072": ("SIGN_VERIFY", "RSA -pkeyopt rsa_keygen_bits:3072", "RSA_AES_KEY_WRAP_SHA_1", "RSA_2048",
                 "RSASSA_PKCS1_V1_5_SHA_384", "dgst -sha384"),
    "RSA_4096": ("SIGN_VERIFY", "RSA -pkeyopt rsa_keygen_bits:4096", "RSA_AES_KEY_WRAP_SHA_256", "RSA_4096",
                 "RSASSA_PKCS1_V1_5_SHA_512", "dgst -sha512"),
}


class KmsImport(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        (cls.d.root / "message").write_bytes(MESSAGE)

    @classmethod
    def tearDownClass(cls):
        cls.d.close()

    def setUp(self):
        self.kms = Connection(self.d.environment, "kms")
        self.addCleanup(lambda: self.kms.close())

    def new_key(self, spec="SYMMETRIC_DEFAULT", usage="ENCRYPT_DECRYPT"):
        made = self.d.ok("kms", "create-key", "--origin", "EXTERNAL", "--key-spec", spec, "--key-usage", usage)["KeyMetadata"]
        self.assertEqual((made["KeyState"], made["Origin"], made["Enabled"]), ("PendingImport", "EXTERNAL", False))
        return made["KeyId"]

    def make(self, how):
        """Material by openssl into the file material; for pairs also public.pem."""
        if isinstance(how, int):
            (self.d.root / "material").write_bytes(os.urandom(how))
        else:
            self.d.shell(f"openssl genpkey -algorithm {how} -out private.pem\n"
                         "openssl pkcs8 -topk8 -nocrypt -in private.pem -outform DER -out material\n"
                         "openssl pkey -in private.pem -pubout -out public.pem\n"
                         "openssl pkey -in private.pem -pubout -outform DER -out public.der")
        return (self.d.root / "material").read_bytes()

    def wrap(self, key, algorithm="RSAES_OAEP_SHA_256", wrapping="RSA_2048"):
        """GetParametersForImport, and the file material wrapped into the file wrapped; the answer."""
        got = self.d.ok("kms", "get-parameters-for-import", "--key-id", key, "--wrapping-algorithm", algorithm,
                        "--wrapping-key-spec", wrapping)
        (self.d.root / "token").write_bytes(base64.b64decode(got["ImportToken"]))
        (self.d.root / "wrapping.der").write_bytes(base64.b64decode(got["PublicKey"]))
        oaep = "openssl pkeyutl -encrypt -pubin -keyform DER -inkey wrapping.der " + OAEP.format(algorithm.rsplit("_", 1)[1])
        if algorithm.startswith("RSAES"):
            self.d.shell(f"{oaep} -in material -out wrapped")
        else:
            aes = os.urandom(32)
            (self.d.root / "aes").write_bytes(aes)
            self.d.shell(f"{oaep} -in aes -out head\n"
                         f"openssl enc -id-aes256-wrap-pad -iv A65959A6 -K {aes.hex()} -in material -out tail\n"
                         "cat head tail > wrapped")
        return got

    def import_wrapped(self, key, *more):
        more = more or ("--expiration-model", "KEY_MATERIAL_DOES_NOT_EXPIRE")
        return self.d.aws("kms", "import-key-material", "--key-id", key, "--import-token", "fileb://token",
                          "--encrypted-key-material", "fileb://wrapped", *more)

    def imported(self, key, *more):
        answer = self.import_wrapped(key, *more)
        self.assertEqual(answer.status, 0, answer.err)

    def raw_import(self, key, **more):
        """With the members that the stock CLI of Debian does not know."""
        def encoded(name):
            return base64.b64encode((self.d.root / name).read_bytes()).decode()
        return self.kms.call("ImportKeyMaterial", KeyId=key, ImportToken=encoded("token"),
                             EncryptedKeyMaterial=encoded("wrapped"), **more)

    def describe(self, key):
        """The stock CLI of Debian drops the members that it does not know."""
        return self.kms.call("DescribeKey", KeyId=key)["KeyMetadata"]

    def encrypt(self, key, text=b"kept"):
        return self.kms.call("Encrypt", KeyId=key, Plaintext=base64.b64encode(text).decode())["CiphertextBlob"]

    def decrypt(self, blob):
        return base64.b64decode(self.kms.call("Decrypt", CiphertextBlob=blob)["Plaintext"])

    def refused(self, code, call, *arguments, **members):
        with self.assertRaises(Refused) as refused:
            call(*arguments, **members)
        self.assertEqual(refused.exception.code, code, refused.exception)

    def test_every_spec(self):
        for spec, (usage, how, algorithm, wrapping, signing, verifies) in SPECS.items():
            with self.subTest(spec=spec):
                key = self.new_key(spec, usage)
                material = self.make(how)
                self.wrap(key, algorithm, wrapping)
                self.imported(key)
                shown = self.describe(key)
                self.assertEqual((shown["KeyState"], shown["ExpirationModel"]), ("Enabled", "KEY_MATERIAL_DOES_NOT_EXPIRE"))
                self.assertNotIn("ValidTo", shown)
                if usage == "SIGN_VERIFY":
                    self.check_signature(key, signing, verifies)
                elif usage == "GENERATE_VERIFY_MAC":
                    made = self.kms.call("GenerateMac", KeyId=key, MacAlgorithm="HMAC_SHA_" + spec[-3:],
                                         Message=base64.b64encode(MESSAGE).decode())["Mac"]
                    want = hmac.new(material, MESSAGE, "sha" + spec[-3:]).digest()
                    self.assertEqual(base64.b64decode(made), want)
                else:
                    self.assertEqual(self.decrypt(self.encrypt(key)), b"kept")

    def check_signature(self, key, signing, verifies):
        """openssl verifies it with the public key that it wrote itself."""
        got = self.d.ok("kms", "get-public-key", "--key-id", key)
        self.assertEqual(base64.b64decode(got["PublicKey"]), (self.d.root / "public.der").read_bytes())
        signed = self.d.ok("kms", "sign", "--key-id", key, "--message", "fileb://message", "--signing-algorithm", signing)
        (self.d.root / "signature").write_bytes(base64.b64decode(signed["Signature"]))
        if verifies.startswith("dgst"):
            self.d.shell(f"openssl {verifies} -verify public.pem -signature signature message")
        else:
            self.d.shell(f"openssl {verifies} -verify -pubin -inkey public.pem -in message -sigfile signature")

    def test_decryption_and_agreement_with_imported_pairs(self):
        key = self.new_key("RSA_2048", "ENCRYPT_DECRYPT")
        self.make("RSA -pkeyopt rsa_keygen_bits:2048")
        self.wrap(key, "RSA_AES_KEY_WRAP_SHA_256")
        self.imported(key)
        self.d.shell(f"openssl pkeyutl -encrypt -pubin -inkey public.pem {OAEP.format(256)} -in message -out sealed")
        opened = self.d.ok("kms", "decrypt", "--key-id", key, "--encryption-algorithm", "RSAES_OAEP_SHA_256",
                           "--ciphertext-blob", "fileb://sealed")
        self.assertEqual(base64.b64decode(opened["Plaintext"]), MESSAGE)

        key = self.new_key("ECC_NIST_P384", "KEY_AGREEMENT")
        self.make("EC -pkeyopt ec_paramgen_curve:P-384")
        self.wrap(key)
        self.imported(key)
        self.d.shell("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out peer.pem\n"
                     "openssl pkey -in peer.pem -pubout -outform DER -out peer.der\n"
                     "openssl pkeyutl -derive -inkey peer.pem -peerkey public.pem -out secret")
        peer = base64.b64encode((self.d.root / "peer.der").read_bytes()).decode()
        agreed = self.kms.call("DeriveSharedSecret", KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=peer)
        self.assertEqual(base64.b64decode(agreed["SharedSecret"]), (self.d.root / "secret").read_bytes())

    def test_ciphertext_survives_deletion_reimport_and_a_restart(self):
        key = self.new_key()
        material = self.make(32)
        self.wrap(key)
        self.imported(key)
        first = self.describe(key)["CurrentKeyMaterialId"]
        blob = self.encrypt(key)
        self.d.ok("kms", "delete-imported-key-material", "--key-id", key)
        shown = self.describe(key)
        self.assertEqual(shown["KeyState"], "PendingImport")
        self.assertNotIn("ExpirationModel", shown)
        self.refused("KMSInvalidStateException", self.decrypt, blob)
        self.make(32)
        self.wrap(key)
        self.assertEqual(self.import_wrapped(key).error, "IncorrectKeyMaterialException")
        self.kms.close()
        self.d.stop()
        self.d.start()
        self.kms = Connection(self.d.environment, "kms")
        (self.d.root / "material").write_bytes(material)
        self.wrap(key, "RSA_AES_KEY_WRAP_SHA_256", "RSA_3072")
        self.imported(key)
        self.assertEqual(self.describe(key)["CurrentKeyMaterialId"], first)
        self.assertEqual(self.decrypt(blob), b"kept")
        log = self.d.whole_log()
        for text in (material.hex(), base64.b64encode(material).decode()):
            self.assertNotIn(text, log)

    def test_material_expires(self):
        key = self.new_key()
        self.make(32)
        self.wrap(key)
        for seconds in (6, 24, 96):  # whatever the machine needs for the calls before the end
            until = time.time() + seconds
            try:
                self.raw_import(key, ValidTo=until)
                shown = self.describe(key)
                blob = self.encrypt(key)
                break
            except Refused:
                if time.time() < until:
                    raise
        self.assertEqual(shown["ExpirationModel"], "KEY_MATERIAL_EXPIRES")

        def expired():
            try:
                self.decrypt(blob)
            except Refused as refused:
                self.assertEqual(refused.code, "KMSInvalidStateException")
                return True
            return False

        wait_for("expiry", expired)
        self.assertGreaterEqual(time.time(), until)
        self.assertEqual(self.describe(key)["KeyState"], "PendingImport")
        self.raw_import(key, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
        self.assertEqual(self.decrypt(blob), b"kept")

    def test_new_material_and_its_rotation(self):
        key = self.new_key()
        self.make(32)
        self.wrap(key)
        first = self.raw_import(key, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")["KeyMaterialId"]
        old = self.encrypt(key, b"old")
        self.make(32)
        self.wrap(key)
        forever = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
        self.refused("IncorrectKeyMaterialException", self.raw_import, key, **forever)
        second = self.raw_import(key, ImportType="NEW_KEY_MATERIAL", **forever)["KeyMaterialId"]
        self.assertRegex(second, "^[0-9a-f]{64}$")
        self.assertNotEqual(second, first)
        self.assertEqual(self.describe(key)["CurrentKeyMaterialId"], first)
        self.kms.call("RotateKeyOnDemand", KeyId=key)
        self.assertEqual(self.describe(key)["CurrentKeyMaterialId"], second)
        new = self.encrypt(key, b"new")
        self.assertEqual(self.decrypt(old) + self.decrypt(new), b"oldnew")
        rotations = self.kms.call("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
        self.assertEqual([(one["KeyMaterialId"], one["KeyMaterialState"], one["ImportState"]) for one in rotations],
                         [(second, "CURRENT", "IMPORTED"), (first, "NON_CURRENT", "IMPORTED")])
        self.assertEqual(self.kms.call("DeleteImportedKeyMaterial", KeyId=key, KeyMaterialId=first)["KeyMaterialId"], first)
        self.refused("KMSInvalidStateException", self.decrypt, new)

    def test_wrong_inputs(self):
        key, other = self.new_key(), self.new_key("RSA_2048", "SIGN_VERIFY")
        self.make(32)
        self.wrap(other, "RSA_AES_KEY_WRAP_SHA_256")
        self.assertEqual(self.import_wrapped(key).error, "InvalidImportTokenException")
        self.assertEqual(self.import_wrapped(other).error, "IncorrectKeyMaterialException", "bytes are no RSA key")
        self.wrap(key)
        answer = self.import_wrapped(key, "--expiration-model", "KEY_MATERIAL_EXPIRES")
        self.assertEqual(answer.error, "ValidationException")
        self.assertIn("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES", answer.err)
        token = (self.d.root / "token").read_bytes()
        (self.d.root / "token").write_bytes(token[:-1] + bytes([token[-1] ^ 1]))
        self.assertEqual(self.import_wrapped(key).error, "InvalidImportTokenException")
        (self.d.root / "token").write_bytes(token)
        (self.d.root / "wrapped").write_bytes(os.urandom(256))
        self.assertEqual(self.import_wrapped(key).error, "InvalidCiphertextException")
        (self.d.root / "material").write_bytes(os.urandom(31))
        self.wrap(key)
        self.assertEqual(self.import_wrapped(key).error, "IncorrectKeyMaterialException")
        # A pair with e = 3.
        self.d.shell("openssl genrsa -3 -out three.pem 2048\n"
                     "openssl pkcs8 -topk8 -nocrypt -in three.pem -outform DER -out material")
        self.wrap(other, "RSA_AES_KEY_WRAP_SHA_256")
        self.assertEqual(self.import_wrapped(other).error, "IncorrectKeyMaterialException")
        ours = self.d.ok("kms", "create-key")["KeyMetadata"]
        answer = self.d.aws("kms", "get-parameters-for-import", "--key-id", ours["KeyId"], "--wrapping-algorithm",
                            "RSAES_OAEP_SHA_256", "--wrapping-key-spec", "RSA_2048")
        self.assertEqual(answer.error, "UnsupportedOperationException")
        self.assertIn(f"{ours['Arn']} origin is AWS_KMS which is not valid for this operation.", answer.err)
        answer = self.d.aws("kms", "get-parameters-for-import", "--key-id", key, "--wrapping-algorithm", "RSAES_PKCS1_V1_5",
                            "--wrapping-key-spec", "RSA_2048")
        self.assertEqual(answer.error, "UnsupportedOperationException")
        self.assertEqual(self.describe(key)["KeyState"], "PendingImport")


if __name__ == "__main__":
    unittest.main()

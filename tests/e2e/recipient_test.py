"""Answers for attested recipients: documents made here, signed by a root that the deployment is told to trust."""

import base64
import datetime
import json
import struct
import time
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.x509.oid import NameOID

from client import Connection, Refused
from deployment import BIN, Deployment, wait_for


def head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for extra, size, form in ((24, 1, ">B"), (25, 2, ">H"), (26, 4, ">I"), (27, 8, ">Q")):
        if number < 1 << 8 * size:
            return bytes([major << 5 | extra]) + struct.pack(form, number)
    raise ValueError(number)


def cbor(value):
    """RFC 8949, as far as attestation documents go."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


class Enclave:
    """A root, and an enclave whose certificate it has issued."""

    def __init__(self):
        self.root_key = ec.generate_private_key(ec.SECP384R1())
        self.key = ec.generate_private_key(ec.SECP384R1())
        self.root = self.certificate("root", self.root_key.public_key(), "root", True)
        self.leaf = self.certificate("enclave", self.key.public_key(), "root", False)

    def certificate(self, subject, key, issuer, authority):
        now = datetime.datetime.now(datetime.timezone.utc)
        name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
        usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
        builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key)
                   .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
                   .not_valid_after(now + datetime.timedelta(hours=3))
                   .add_extension(x509.BasicConstraints(authority, None), True).add_extension(usage, True))
        return builder.sign(self.root_key, hashes.SHA384()).public_bytes(serialization.Encoding.DER)

    def document(self, public_key, made=None):
        payload = cbor({"module_id": "i-0123456789abcdef0-enc0", "digest": "SHA384",
                        "timestamp": int((made or time.time()) * 1000), "pcrs": {0: b"\x11" * 48, 1: bytes(48)},
                        "certificate": self.leaf, "cabundle": [self.root], "public_key": public_key, "user_data": None,
                        "nonce": None})
        protected = cbor({1: -35})
        der = self.key.sign(cbor(["Signature1", protected, b"", payload]), ec.ECDSA(hashes.SHA384()))
        r, s = utils.decode_dss_signature(der)
        return cbor([protected, {}, payload, r.to_bytes(48, "big") + s.to_bytes(48, "big")])


class Recipients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.enclave = Enclave()
        cls.d = Deployment()
        cls.addClassCleanup(cls.d.close)
        cls.d.start()
        cls.d.stop()
        pem = base64.encodebytes(cls.enclave.root).decode()
        (cls.d.data / "enclaves.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{pem}-----END CERTIFICATE-----\n")
        settings = cls.d.data / "strongroom.toml"
        text = settings.read_text()
        assert 'attestation_roots = ""' in text, text
        settings.write_text(text.replace('attestation_roots = ""', 'attestation_roots = "enclaves.pem"'))
        cls.d.start()
        cls.kms = Connection(cls.d.environment, "kms")
        cls.addClassCleanup(cls.kms.close)
        cls.key = cls.kms.call("CreateKey")["KeyMetadata"]["KeyId"]
        cls.private = rsa.generate_private_key(65537, 2048)
        (cls.d.root / "recipient.pem").write_bytes(cls.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        cls.public = cls.private.public_key().public_bytes(serialization.Encoding.DER,
                                                           serialization.PublicFormat.SubjectPublicKeyInfo)

    def recipient(self, document):
        return {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": base64.b64encode(document).decode()}

    def opened(self, answer):
        (self.d.root / "envelope.der").write_bytes(base64.b64decode(answer["CiphertextForRecipient"]))
        done = self.d.run("openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", "envelope.der", "-inkey",
                          "recipient.pem")
        self.assertEqual(0, done.status, done.err)
        return done.raw

    def test_only_the_recipient_reads_the_secret(self):
        made = self.kms.call("GenerateDataKey", KeyId=self.key, KeySpec="AES_256",
                             Recipient=self.recipient(self.enclave.document(self.public)))
        self.assertNotIn("Plaintext", made)
        self.assertNotIn("KeyMaterialId", made)
        plain = self.kms.call("Decrypt", CiphertextBlob=made["CiphertextBlob"])["Plaintext"]
        self.assertEqual(base64.b64decode(plain), self.opened(made))
        answered = self.kms.call("Decrypt", CiphertextBlob=made["CiphertextBlob"],
                                 Recipient=self.recipient(self.enclave.document(self.public)))
        self.assertNotIn("Plaintext", answered)
        self.assertEqual(base64.b64decode(plain), self.opened(answered))

    def test_the_audit_trail_names_them(self):
        made = self.kms.call("GenerateDataKey", KeyId=self.key, KeySpec="AES_128",
                             Recipient=self.recipient(self.enclave.document(self.public)))
        self.assertIn("CiphertextForRecipient", made)
        current = self.kms.call("DescribeKey", KeyId=self.key)["KeyMetadata"]["CurrentKeyMaterialId"]
        expected = {"keyMaterialId": current,
                    "recipient": {"attestationDocumentModuleId": "i-0123456789abcdef0-enc0",
                                  "attestationDocumentEnclaveImageDigest": "11" * 48,
                                  "attestationDocumentEnclavePCR1": "00" * 48}}

        def of_this_call(records):
            return [r["additionalEventData"] for r in records
                    if (r["requestParameters"] or {}).get("keySpec") == "AES_128"]

        def found():
            events = self.d.ok("cloudtrail", "lookup-events", "--lookup-attributes",
                               "AttributeKey=EventName,AttributeValue=GenerateDataKey")["Events"]
            return of_this_call(json.loads(event["CloudTrailEvent"]) for event in events)

        self.assertEqual([expected], wait_for("the record", found))
        exported = self.d.run(BIN / "strongroom", "audit", "export", "--data", self.d.data)
        self.assertEqual([expected], of_this_call(map(json.loads, exported.out.splitlines())))

    def test_other_documents_are_refused(self):
        good = self.enclave.document(self.public)
        for name, document in {"old": self.enclave.document(self.public, time.time() - 400),
                               "stranger": Enclave().document(self.public), "cut": good[:-1],
                               "changed": good[:200] + bytes([good[200] ^ 1]) + good[201:], "noise": b"\x84" * 50,
                               "no key": self.enclave.document(None)}.items():
            with self.subTest(name), self.assertRaises(Refused) as refused:
                self.kms.call("GenerateRandom", NumberOfBytes=16, Recipient=self.recipient(document))
            self.assertEqual("ValidationException", refused.exception.code)
        self.assertEqual(16, len(self.opened(self.kms.call("GenerateRandom", NumberOfBytes=16,
                                                           Recipient=self.recipient(good)))))


if __name__ == "__main__":
    unittest.main()

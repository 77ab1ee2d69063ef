"""Every member of every KMS request is honoured and every member of every answer filled: each is met here, with what it does,
or stands in EXCUSED with the reason why it cannot be."""

import base64
import json
import os
import time
import unittest

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from client import Connection, Refused
from deployment import Deployment, wait_for
from recipient_test import Enclave
from xks_proxy import Proxy, make_certificates

# The service model's top-level members: operation | request | answer.
MODEL = """
CancelKeyDeletion | KeyId | KeyId
ConnectCustomKeyStore | CustomKeyStoreId |
CreateAlias | AliasName,TargetKeyId |
CreateCustomKeyStore | CustomKeyStoreName,CloudHsmClusterId,TrustAnchorCertificate,KeyStorePassword,CustomKeyStoreType,XksProxyUriEndpoint,XksProxyUriPath,XksProxyVpcEndpointServiceName,XksProxyVpcEndpointServiceOwner,XksProxyAuthenticationCredential,XksProxyConnectivity | CustomKeyStoreId
CreateGrant | KeyId,GranteePrincipal,RetiringPrincipal,Operations,Constraints,GrantTokens,Name,DryRun | GrantToken,GrantId
CreateKey | Policy,Description,KeyUsage,CustomerMasterKeySpec,KeySpec,Origin,CustomKeyStoreId,BypassPolicyLockoutSafetyCheck,Tags,MultiRegion,XksKeyId | KeyMetadata
Decrypt | CiphertextBlob,EncryptionContext,GrantTokens,KeyId,EncryptionAlgorithm,Recipient,DryRun,DryRunModifiers | KeyId,Plaintext,EncryptionAlgorithm,CiphertextForRecipient,KeyMaterialId
DeleteAlias | AliasName |
DeleteCustomKeyStore | CustomKeyStoreId |
DeleteImportedKeyMaterial | KeyId,KeyMaterialId | KeyId,KeyMaterialId
DeriveSharedSecret | KeyId,KeyAgreementAlgorithm,PublicKey,GrantTokens,DryRun,Recipient | KeyId,SharedSecret,CiphertextForRecipient,KeyAgreementAlgorithm,KeyOrigin
DescribeCustomKeyStores | CustomKeyStoreId,CustomKeyStoreName,Limit,Marker | CustomKeyStores,NextMarker,Truncated
DescribeKey | KeyId,GrantTokens | KeyMetadata
DisableKey | KeyId |
DisableKeyRotation | KeyId |
DisconnectCustomKeyStore | CustomKeyStoreId |
EnableKey | KeyId |
EnableKeyRotation | KeyId,RotationPeriodInDays |
Encrypt | KeyId,Plaintext,EncryptionContext,GrantTokens,EncryptionAlgorithm,DryRun | CiphertextBlob,KeyId,EncryptionAlgorithm
GenerateDataKey | KeyId,EncryptionContext,NumberOfBytes,KeySpec,GrantTokens,Recipient,DryRun | CiphertextBlob,Plaintext,KeyId,CiphertextForRecipient,KeyMaterialId
GenerateDataKeyPair | EncryptionContext,KeyId,KeyPairSpec,GrantTokens,Recipient,DryRun | PrivateKeyCiphertextBlob,PrivateKeyPlaintext,PublicKey,KeyId,KeyPairSpec,CiphertextForRecipient,KeyMaterialId
GenerateDataKeyPairWithoutPlaintext | EncryptionContext,KeyId,KeyPairSpec,GrantTokens,DryRun | PrivateKeyCiphertextBlob,PublicKey,KeyId,KeyPairSpec,KeyMaterialId
GenerateDataKeyWithoutPlaintext | KeyId,EncryptionContext,KeySpec,NumberOfBytes,GrantTokens,DryRun | CiphertextBlob,KeyId,KeyMaterialId
GenerateMac | Message,KeyId,MacAlgorithm,GrantTokens,DryRun | Mac,MacAlgorithm,KeyId
GenerateRandom | NumberOfBytes,CustomKeyStoreId,Recipient | Plaintext,CiphertextForRecipient
GetKeyLastUsage | KeyId | KeyId,KeyLastUsage,TrackingStartDate,KeyCreationDate
GetKeyPolicy | KeyId,PolicyName | Policy,PolicyName
GetKeyRotationStatus | KeyId | KeyRotationEnabled,KeyId,RotationPeriodInDays,NextRotationDate,OnDemandRotationStartDate
GetParametersForImport | KeyId,WrappingAlgorithm,WrappingKeySpec | KeyId,ImportToken,PublicKey,ParametersValidTo
GetPublicKey | KeyId,GrantTokens | KeyId,PublicKey,CustomerMasterKeySpec,KeySpec,KeyUsage,EncryptionAlgorithms,SigningAlgorithms,KeyAgreementAlgorithms
ImportKeyMaterial | KeyId,ImportToken,EncryptedKeyMaterial,ValidTo,ExpirationModel,ImportType,KeyMaterialDescription,KeyMaterialId | KeyId,KeyMaterialId
ListAliases | KeyId,Limit,Marker | Aliases,NextMarker,Truncated
ListGrants | Limit,Marker,KeyId,GrantId,GranteePrincipal | Grants,NextMarker,Truncated
ListKeyPolicies | KeyId,Limit,Marker | PolicyNames,NextMarker,Truncated
ListKeyRotations | KeyId,IncludeKeyMaterial,Limit,Marker | Rotations,NextMarker,Truncated
ListKeys | Limit,Marker | Keys,NextMarker,Truncated
ListResourceTags | KeyId,Limit,Marker | Tags,NextMarker,Truncated
ListRetirableGrants | Limit,Marker,RetiringPrincipal | Grants,NextMarker,Truncated
PutKeyPolicy | KeyId,PolicyName,Policy,BypassPolicyLockoutSafetyCheck |
ReEncrypt | CiphertextBlob,SourceEncryptionContext,SourceKeyId,DestinationKeyId,DestinationEncryptionContext,SourceEncryptionAlgorithm,DestinationEncryptionAlgorithm,GrantTokens,DryRun,DryRunModifiers | CiphertextBlob,SourceKeyId,KeyId,SourceEncryptionAlgorithm,DestinationEncryptionAlgorithm,SourceKeyMaterialId,DestinationKeyMaterialId
ReplicateKey | KeyId,ReplicaRegion,Policy,BypassPolicyLockoutSafetyCheck,Description,Tags | ReplicaKeyMetadata,ReplicaPolicy,ReplicaTags
RetireGrant | GrantToken,KeyId,GrantId,DryRun |
RevokeGrant | KeyId,GrantId,DryRun |
RotateKeyOnDemand | KeyId | KeyId
ScheduleKeyDeletion | KeyId,PendingWindowInDays | KeyId,DeletionDate,KeyState,PendingWindowInDays
Sign | KeyId,Message,MessageType,GrantTokens,SigningAlgorithm,DryRun | KeyId,Signature,SigningAlgorithm
TagResource | KeyId,Tags |
UntagResource | KeyId,TagKeys |
UpdateAlias | AliasName,TargetKeyId |
UpdateCustomKeyStore | CustomKeyStoreId,NewCustomKeyStoreName,KeyStorePassword,CloudHsmClusterId,XksProxyUriEndpoint,XksProxyUriPath,XksProxyVpcEndpointServiceName,XksProxyVpcEndpointServiceOwner,XksProxyAuthenticationCredential,XksProxyConnectivity |
UpdateKeyDescription | KeyId,Description |
UpdatePrimaryRegion | KeyId,PrimaryRegion |
Verify | KeyId,Message,MessageType,Signature,SigningAlgorithm,GrantTokens,DryRun | KeyId,SignatureValid,SigningAlgorithm
VerifyMac | Message,KeyId,MacAlgorithm,Mac,GrantTokens,DryRun | KeyId,MacValid,MacAlgorithm
"""
# Members of structures in answers.
STRUCTURES = {
    "KeyMetadata": "AWSAccountId KeyId Arn CreationDate Enabled Description KeyUsage KeyState DeletionDate ValidTo Origin "
                   "CustomKeyStoreId CloudHsmClusterId ExpirationModel KeyManager CustomerMasterKeySpec KeySpec "
                   "EncryptionAlgorithms SigningAlgorithms KeyAgreementAlgorithms MultiRegion MultiRegionConfiguration "
                   "PendingDeletionWindowInDays MacAlgorithms XksKeyConfiguration CurrentKeyMaterialId",
    "MultiRegionConfiguration": "MultiRegionKeyType PrimaryKey ReplicaKeys",
    "Grants": "KeyId GrantId Name CreationDate GranteePrincipal RetiringPrincipal IssuingAccount Operations Constraints",
    "CustomKeyStores": "CustomKeyStoreId CustomKeyStoreName CloudHsmClusterId TrustAnchorCertificate ConnectionState "
                       "ConnectionErrorCode CreationDate CustomKeyStoreType XksProxyConfiguration",
    "XksProxyConfiguration": "Connectivity AccessKeyId UriEndpoint UriPath VpcEndpointServiceName VpcEndpointServiceOwner",
    "Rotations": "KeyId KeyMaterialId KeyMaterialDescription ImportState KeyMaterialState ExpirationModel ValidTo "
                 "RotationDate RotationType",
    "Constraints": "EncryptionContextSubset EncryptionContextEquals",
    "KeyLastUsage": "Operation Timestamp CloudTrailEventId KmsRequestId",
    "XksKeyConfiguration": "Id",
    "Aliases": "AliasName AliasArn TargetKeyId CreationDate LastUpdatedDate",
}
# Members of structures in requests, by the member that holds them.
NESTED = {
    "Tags": "TagKey TagValue",
    "Constraints": "EncryptionContextSubset EncryptionContextEquals",
    "Recipient": "KeyEncryptionAlgorithm AttestationDocument",
    "XksProxyAuthenticationCredential": "AccessKeyId RawSecretAccessKey",
}
EXCUSED = {
    "GetKeyRotationStatus answers OnDemandRotationStartDate": "a rotation on demand is over before it is answered, unless an HSM "
                                                              "is away just then (rotation_test.cpp has that)",
    "ListKeyPolicies answers NextMarker": "a key has one policy",
    "KeyLastUsage.CloudTrailEventId": "there is no trail of events",
}
HOST = "proxy.example.com"
SERVICE = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0"
OTHER_SERVICE = "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef1"
CONTEXT = {"project": "nile"}


def encoded(data):
    return base64.b64encode(data).decode()


class Members(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.met = set()
        cls.d = Deployment()
        cls.addClassCleanup(cls.d.close)
        files = cls.d.root / "proxy"
        files.mkdir()
        make_certificates(files, HOST)
        cls.proxy = Proxy(files, HOST).start()
        cls.addClassCleanup(cls.proxy.stop)
        cls.enclave = Enclave()
        cls.private = rsa.generate_private_key(65537, 2048)
        cls.d.start()
        cls.d.stop()
        pem = base64.encodebytes(cls.enclave.root).decode()
        (cls.d.data / "enclaves.pem").write_text(f"-----BEGIN CERTIFICATE-----\n{pem}-----END CERTIFICATE-----\n")
        settings = cls.d.data / "strongroom.toml"
        text = settings.read_text()
        for key, value in {"attestation_roots": "enclaves.pem", "hosts": f"{HOST}=127.0.0.1:{cls.proxy.port}",
                           "vpc_endpoint_services": f"{SERVICE}=127.0.0.1:{cls.proxy.port} {OTHER_SERVICE}=127.0.0.1:9",
                           "ca_file": files / "ca.crt"}.items():
            assert f'\n{key} = ""\n' in text, key
            text = text.replace(f'\n{key} = ""\n', f'\n{key} = "{value}"\n')
        settings.write_text(text.replace("\ntimeout_ms = 250\n", "\ntimeout_ms = 5000\n"))
        cls.d.start()
        cls.home = cls.d.environment["AWS_DEFAULT_REGION"]
        cls.regions = {}
        cls.root = cls.d.ok("sts", "get-caller-identity")["Arn"]
        cls.account = cls.root.split(":")[4]
        cls.key = cls.call("CreateKey")["KeyMetadata"]["KeyId"]
        token = cls.call("CreateGrant", KeyId=cls.key, GranteePrincipal=cls.root, Operations=["Encrypt"])
        cls.token = token["GrantToken"]

    @classmethod
    def tearDownClass(cls):
        for connection in cls.regions.values():
            connection.close()

    # -- calls that note what they met --------------------------------------------------------------------------------

    @classmethod
    def call(cls, operation, region=None, **members):
        region = region or cls.home
        if region not in cls.regions:
            cls.regions[region] = Connection(dict(cls.d.environment, AWS_DEFAULT_REGION=region), "kms")
        cls.met.update(f"{operation} takes {member}" for member in members)
        for member, value in members.items():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict) and member in NESTED:
                    cls.met.update(f"{operation} takes {member}.{inner}" for inner in one)
        answer = cls.regions[region].call(operation, **members)
        cls.met.update(f"{operation} answers {member}" for member in answer)
        cls.note(answer)
        return answer

    @classmethod
    def note(cls, value):
        """Members of structures, wherever they are."""
        for name, inner in value.items():
            for one in inner if isinstance(inner, list) else [inner]:
                if isinstance(one, dict):
                    structure = "KeyMetadata" if name == "ReplicaKeyMetadata" else name
                    cls.met.update(f"{structure}.{member}" for member in one)
                    cls.note(one)

    def refused(self, code, operation, **members):
        with self.assertRaises(Refused, msg=f"{operation} {members}") as refusal:
            self.call(operation, **members)
        self.assertEqual(code, refusal.exception.code, refusal.exception)

    def both(self, operation, **members):
        """With a grant token that is none, as a DryRun, and then in earnest."""
        self.refused("InvalidGrantTokenException", operation, **members, GrantTokens=["made-up"])
        self.refused("DryRunOperationException", operation, **members, DryRun=True)
        return self.call(operation, **members, GrantTokens=[self.token])

    def recipient(self):
        public = self.private.public_key().public_bytes(serialization.Encoding.DER,
                                                   serialization.PublicFormat.SubjectPublicKeyInfo)
        return {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                "AttestationDocument": encoded(self.enclave.document(public))}

    def attested(self, operation, secret, **members):
        """An answer for a recipient; each member of it counts."""
        good = self.recipient()
        document = bytearray(base64.b64decode(good["AttestationDocument"]))
        document[-1] ^= 1  # of its signature
        for change in ({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_1"}, {"AttestationDocument": encoded(document)}):
            self.refused("ValidationException", operation, **members, Recipient={**good, **change})
        for member in good:
            rest = {name: value for name, value in good.items() if name != member}
            self.refused("ValidationException", operation, **members, Recipient=rest)
        answer = self.call(operation, **members, Recipient=good)
        self.assertNotIn(secret, answer)
        self.assertTrue(answer["CiphertextForRecipient"])

    def new(self, **members):
        return self.call("CreateKey", **members)["KeyMetadata"]["KeyId"]

    # -- the operations -----------------------------------------------------------------------------------------------

    def test_keys_and_what_belongs_to_them(self):
        policy = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": self.root}, "Action": "kms:*", "Resource": "*"}]})
        locked = policy.replace("kms:*", "kms:DescribeKey")
        made = self.call("CreateKey", Policy=policy, Description="first", KeyUsage="ENCRYPT_DECRYPT", Origin="AWS_KMS",
                         CustomerMasterKeySpec="SYMMETRIC_DEFAULT", Tags=[{"TagKey": "a", "TagValue": "1"}],
                         MultiRegion=False)["KeyMetadata"]
        key = made["KeyId"]
        self.assertEqual(("first", "SYMMETRIC_DEFAULT", False), (made["Description"], made["KeySpec"], made["MultiRegion"]))
        self.refused("MalformedPolicyDocumentException", "CreateKey", Policy=locked)
        self.new(Policy=locked, BypassPolicyLockoutSafetyCheck=True)
        self.refused("MalformedPolicyDocumentException", "PutKeyPolicy", KeyId=key, PolicyName="default", Policy=locked)
        spare = self.new(KeySpec="SYMMETRIC_DEFAULT")
        self.call("PutKeyPolicy", KeyId=spare, Policy=locked, BypassPolicyLockoutSafetyCheck=True)
        self.call("PutKeyPolicy", KeyId=key, PolicyName="default", Policy=policy)
        shown = self.call("GetKeyPolicy", KeyId=key, PolicyName="default")
        self.assertEqual((policy, "default"), (shown["Policy"], shown["PolicyName"]))
        self.call("UpdateKeyDescription", KeyId=key, Description="second")
        self.refused("InvalidGrantTokenException", "DescribeKey", KeyId=key, GrantTokens=["made-up"])
        self.assertEqual("second", self.call("DescribeKey", KeyId=key, GrantTokens=[self.token])["KeyMetadata"]["Description"])
        tagged = lambda: {tag["TagKey"]: tag["TagValue"] for tag in self.call("ListResourceTags", KeyId=key)["Tags"]}
        self.assertEqual({"a": "1"}, tagged())
        self.call("TagResource", KeyId=key, Tags=[{"TagKey": "b", "TagValue": "2"}, {"TagKey": "c", "TagValue": "3"}])
        self.assertEqual({"a": "1", "b": "2", "c": "3"}, tagged())
        self.call("UntagResource", KeyId=key, TagKeys=["c"])
        first = self.call("ListResourceTags", KeyId=key, Limit=1)
        self.assertEqual((["a"], True), ([tag["TagKey"] for tag in first["Tags"]], first["Truncated"]))
        rest = self.call("ListResourceTags", KeyId=key, Limit=1, Marker=first["NextMarker"])
        self.assertEqual((["b"], False), ([tag["TagKey"] for tag in rest["Tags"]], rest["Truncated"]))
        self.call("CreateAlias", AliasName="alias/one", TargetKeyId=key)
        self.call("CreateAlias", AliasName="alias/two", TargetKeyId=self.key)
        self.call("UpdateAlias", AliasName="alias/two", TargetKeyId=key)
        page = self.call("ListAliases", KeyId=key, Limit=1)
        page = self.call("ListAliases", KeyId=key, Marker=page["NextMarker"])
        self.assertEqual(["alias/two"], [alias["AliasName"] for alias in page["Aliases"]])
        self.call("DeleteAlias", AliasName="alias/two")
        page = self.call("ListKeys", Limit=1)
        self.assertNotEqual(page["Keys"], self.call("ListKeys", Limit=1, Marker=page["NextMarker"])["Keys"])
        self.assertEqual(["default"], self.call("ListKeyPolicies", KeyId=key, Limit=1)["PolicyNames"])
        self.refused("InvalidMarkerException", "ListKeyPolicies", KeyId=key, Marker="x")
        self.call("DisableKey", KeyId=key)
        self.refused("DisabledException", "Encrypt", KeyId=key, Plaintext="eA==")
        self.call("EnableKey", KeyId=key)
        self.call("Encrypt", KeyId=key, Plaintext="eA==")
        used = wait_for("use", lambda: self.call("GetKeyLastUsage", KeyId=key)["KeyLastUsage"])
        self.assertEqual("Encrypt", used["Operation"])
        ended = self.call("ScheduleKeyDeletion", KeyId=key, PendingWindowInDays=7)
        self.assertEqual((7, "PendingDeletion"), (ended["PendingWindowInDays"], ended["KeyState"]))
        self.call("DescribeKey", KeyId=key)
        self.call("CancelKeyDeletion", KeyId=key)

    def test_grants(self):
        grant = dict(KeyId=self.key, GranteePrincipal=self.root, RetiringPrincipal=self.root, Name="named",
                     Operations=["Encrypt", "RetireGrant"], Constraints={"EncryptionContextEquals": CONTEXT})
        one = self.both("CreateGrant", **grant)
        self.assertEqual(one["GrantId"], self.call("CreateGrant", **grant)["GrantId"], "the name makes it the same one")
        two = self.call("CreateGrant", **{**grant, "Name": "other", "Constraints": {"EncryptionContextSubset": CONTEXT}})
        three = self.call("CreateGrant", **{**grant, "Name": "third"})
        for made, constraints in ((one, {"EncryptionContextEquals": CONTEXT}), (two, {"EncryptionContextSubset": CONTEXT})):
            [shown] = self.call("ListGrants", KeyId=self.key, GrantId=made["GrantId"])["Grants"]
            self.assertEqual(constraints, shown["Constraints"])
        self.assertEqual(1, len(self.call("ListGrants", KeyId=self.key, GrantId=two["GrantId"])["Grants"]))
        page = self.call("ListGrants", KeyId=self.key, Limit=1)
        self.assertTrue(self.call("ListGrants", KeyId=self.key, Marker=page["NextMarker"])["Grants"])
        self.assertTrue(self.call("ListGrants", KeyId=self.key, GranteePrincipal=self.root)["Grants"])
        page = self.call("ListRetirableGrants", RetiringPrincipal=self.root, Limit=1)
        self.assertTrue(self.call("ListRetirableGrants", RetiringPrincipal=self.root, Marker=page["NextMarker"])["Grants"])
        arn = self.call("DescribeKey", KeyId=self.key)["KeyMetadata"]["Arn"]
        self.refused("DryRunOperationException", "RetireGrant", KeyId=arn, GrantId=one["GrantId"], DryRun=True)
        self.call("RetireGrant", KeyId=arn, GrantId=one["GrantId"])
        self.call("RetireGrant", GrantToken=two["GrantToken"])
        self.refused("DryRunOperationException", "RevokeGrant", KeyId=self.key, GrantId=three["GrantId"], DryRun=True)
        self.call("RevokeGrant", KeyId=self.key, GrantId=three["GrantId"])
        self.refused("NotFoundException", "RevokeGrant", KeyId=self.key, GrantId=three["GrantId"])

    def test_symmetric_encryption(self):
        with_context = {"EncryptionContext": CONTEXT}
        sealed = self.both("Encrypt", KeyId=self.key, Plaintext="c2VjcmV0", EncryptionAlgorithm="SYMMETRIC_DEFAULT", **with_context)
        blob = sealed["CiphertextBlob"]
        opened = self.both("Decrypt", KeyId=self.key, CiphertextBlob=blob, EncryptionAlgorithm="SYMMETRIC_DEFAULT", **with_context)
        self.assertEqual("c2VjcmV0", opened["Plaintext"])
        self.refused("InvalidCiphertextException", "Decrypt", CiphertextBlob=blob)
        self.refused("DryRunOperationException", "Decrypt", KeyId=self.key, DryRun=True, DryRunModifiers=["IGNORE_CIPHERTEXT"])
        self.attested("Decrypt", "Plaintext", CiphertextBlob=blob, **with_context)
        other = self.new()
        moved = self.both("ReEncrypt", CiphertextBlob=blob, SourceKeyId=self.key, SourceEncryptionContext=CONTEXT,
                          DestinationKeyId=other, DestinationEncryptionContext={"x": "y"},
                          SourceEncryptionAlgorithm="SYMMETRIC_DEFAULT", DestinationEncryptionAlgorithm="SYMMETRIC_DEFAULT")
        self.assertEqual("c2VjcmV0", self.call("Decrypt", CiphertextBlob=moved["CiphertextBlob"],
                                               EncryptionContext={"x": "y"})["Plaintext"])
        self.refused("DryRunOperationException", "ReEncrypt", SourceKeyId=self.key, DestinationKeyId=other, DryRun=True,
                     DryRunModifiers=["IGNORE_CIPHERTEXT"])
        for operation in ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"):
            self.both(operation, KeyId=self.key, KeySpec="AES_128", **with_context)
            made = self.call(operation, KeyId=self.key, NumberOfBytes=7, **with_context)
            opened = self.call("Decrypt", CiphertextBlob=made["CiphertextBlob"], **with_context)
            self.assertEqual(7, len(base64.b64decode(opened["Plaintext"])))
        self.attested("GenerateDataKey", "Plaintext", KeyId=self.key, KeySpec="AES_256")
        for operation in ("GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"):
            made = self.both(operation, KeyId=self.key, KeyPairSpec="ECC_NIST_P256", **with_context)
            opened = self.call("Decrypt", CiphertextBlob=made["PrivateKeyCiphertextBlob"], **with_context)
            private = serialization.load_der_private_key(base64.b64decode(opened["Plaintext"]), None)
            self.assertEqual(base64.b64decode(made["PublicKey"]), private.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
        self.attested("GenerateDataKeyPair", "PrivateKeyPlaintext", KeyId=self.key, KeyPairSpec="ECC_NIST_P256")
        self.assertEqual(5, len(base64.b64decode(self.call("GenerateRandom", NumberOfBytes=5)["Plaintext"])))
        self.attested("GenerateRandom", "Plaintext", NumberOfBytes=5)

    def test_asymmetric_keys_and_macs(self):
        sign = self.new(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        rsa_key = self.new(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
        agree = self.new(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")
        mac = self.new(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        digest = hashes.Hash(hashes.SHA256())
        digest.update(b"message")
        message = {"KeyId": sign, "SigningAlgorithm": "ECDSA_SHA_256", "Message": encoded(digest.finalize()),
                   "MessageType": "DIGEST"}
        signature = self.both("Sign", **message)["Signature"]
        self.assertTrue(self.both("Verify", **message, Signature=signature)["SignatureValid"])
        message["Message"], message["MessageType"] = encoded(b"message"), "RAW"
        self.assertTrue(self.call("Verify", **message, Signature=signature)["SignatureValid"])
        for key in (sign, rsa_key, agree):
            self.refused("InvalidGrantTokenException", "GetPublicKey", KeyId=key, GrantTokens=["made-up"])
            self.call("GetPublicKey", KeyId=key, GrantTokens=[self.token])
            self.call("DescribeKey", KeyId=key)
        peer = ec.generate_private_key(ec.SECP256R1())
        public = peer.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        derive = {"KeyId": agree, "KeyAgreementAlgorithm": "ECDH", "PublicKey": encoded(public)}
        shared = self.both("DeriveSharedSecret", **derive)["SharedSecret"]
        ours = serialization.load_der_public_key(base64.b64decode(self.call("GetPublicKey", KeyId=agree)["PublicKey"]))
        self.assertEqual(peer.exchange(ec.ECDH(), ours), base64.b64decode(shared))
        self.attested("DeriveSharedSecret", "SharedSecret", **derive)
        made = self.both("GenerateMac", KeyId=mac, Message=encoded(b"m"), MacAlgorithm="HMAC_SHA_256")
        self.assertTrue(self.both("VerifyMac", KeyId=mac, Message=encoded(b"m"), MacAlgorithm="HMAC_SHA_256",
                                  Mac=made["Mac"])["MacValid"])
        self.call("DescribeKey", KeyId=mac)

    def test_rotation_and_import(self):
        key = self.new()
        self.call("EnableKeyRotation", KeyId=key, RotationPeriodInDays=90)
        status = self.call("GetKeyRotationStatus", KeyId=key)
        self.assertEqual((True, 90), (status["KeyRotationEnabled"], status["RotationPeriodInDays"]))
        self.call("DisableKeyRotation", KeyId=key)
        self.assertFalse(self.call("GetKeyRotationStatus", KeyId=key)["KeyRotationEnabled"])
        for _ in range(2):
            self.call("RotateKeyOnDemand", KeyId=key)
        page = self.call("ListKeyRotations", KeyId=key, Limit=1)
        page = self.call("ListKeyRotations", KeyId=key, Marker=page["NextMarker"])
        self.assertEqual(1, len(page["Rotations"]))
        everything = self.call("ListKeyRotations", KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")
        self.assertEqual(3, len(everything["Rotations"]))

        imported = self.new(Origin="EXTERNAL")
        first, second = os.urandom(32), os.urandom(32)
        until = int(time.time()) + 86400
        known = self.bring(imported, first, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until,
                           KeyMaterialDescription="from our vault")
        shown = self.call("DescribeKey", KeyId=imported)["KeyMetadata"]
        self.assertEqual(("KEY_MATERIAL_EXPIRES", until), (shown["ExpirationModel"], int(shown["ValidTo"])))
        self.bring(imported, first, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=until + 1, ImportType="EXISTING_KEY_MATERIAL",
                   KeyMaterialId=known)
        self.bring(imported, second, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE", ImportType="NEW_KEY_MATERIAL")
        listed = self.call("ListKeyRotations", KeyId=imported, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
        self.assertEqual("from our vault", next(one for one in listed if one["KeyMaterialId"] == known)["KeyMaterialDescription"])
        self.assertEqual(known, self.call("DeleteImportedKeyMaterial", KeyId=imported, KeyMaterialId=known)["KeyMaterialId"])
        self.assertEqual("PendingImport", self.call("DescribeKey", KeyId=imported)["KeyMetadata"]["KeyState"])

    def bring(self, key, material, **members):
        got = self.call("GetParametersForImport", KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
        public = serialization.load_der_public_key(base64.b64decode(got["PublicKey"]))
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        return self.call("ImportKeyMaterial", KeyId=key, ImportToken=got["ImportToken"],
                         EncryptedKeyMaterial=encoded(public.encrypt(material, oaep)), **members)["KeyMaterialId"]

    def test_multi_region_keys(self):
        key = self.new(MultiRegion=True)
        policy = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": self.root}, "Action": "kms:DescribeKey", "Resource": "*"}]})
        replicate = dict(KeyId=key, ReplicaRegion="eu-west-1", Description="copy", Tags=[{"TagKey": "t", "TagValue": "v"}])
        self.refused("MalformedPolicyDocumentException", "ReplicateKey", **replicate, Policy=policy)
        made = self.call("ReplicateKey", **replicate, Policy=policy.replace("kms:DescribeKey", "kms:*"),
                         BypassPolicyLockoutSafetyCheck=True)
        self.assertEqual(("copy", [{"TagKey": "t", "TagValue": "v"}]),
                         (made["ReplicaKeyMetadata"]["Description"], made["ReplicaTags"]))
        settled = lambda region: wait_for("settled", lambda: self.call("DescribeKey", region, KeyId=key)["KeyMetadata"]
                                          ["KeyState"] == "Enabled")
        settled("eu-west-1")
        self.call("UpdatePrimaryRegion", KeyId=key, PrimaryRegion="eu-west-1")
        settled(self.home)
        settled("eu-west-1")
        configuration = self.call("DescribeKey", KeyId=key)["KeyMetadata"]["MultiRegionConfiguration"]
        self.assertEqual(("REPLICA", "eu-west-1"), (configuration["MultiRegionKeyType"], configuration["PrimaryKey"]["Region"]))
        self.call("ScheduleKeyDeletion", "eu-west-1", KeyId=key, PendingWindowInDays=9)
        shown = self.call("DescribeKey", "eu-west-1", KeyId=key)["KeyMetadata"]
        self.assertEqual(("PendingReplicaDeletion", 9), (shown["KeyState"], shown["PendingDeletionWindowInDays"]))

    def test_key_stores_in_a_cluster(self):
        cluster, store = self.d.connected_store(name="first-name")
        anchor = (self.d.root / "customerCA.crt").read_text()
        key = self.call("CreateKey", Origin="AWS_CLOUDHSM", CustomKeyStoreId=store)["KeyMetadata"]
        self.assertEqual(cluster["ClusterId"], key["CloudHsmClusterId"])
        self.assertEqual(9, len(base64.b64decode(self.call("GenerateRandom", NumberOfBytes=9, CustomKeyStoreId=store)["Plaintext"])))
        self.call("DisconnectCustomKeyStore", CustomKeyStoreId=store)
        self.d.wait_store(store, "DISCONNECTED")
        self.call("UpdateCustomKeyStore", CustomKeyStoreId=store, NewCustomKeyStoreName="second-name",
                  KeyStorePassword="Wrong-pass1", CloudHsmClusterId=cluster["ClusterId"])
        self.call("ConnectCustomKeyStore", CustomKeyStoreId=store)
        self.d.wait_store(store, "FAILED")
        [shown] = self.call("DescribeCustomKeyStores", CustomKeyStoreName="second-name")["CustomKeyStores"]
        self.assertEqual("INVALID_CREDENTIALS", shown["ConnectionErrorCode"])
        self.call("DisconnectCustomKeyStore", CustomKeyStoreId=store)
        self.d.wait_store(store, "DISCONNECTED")
        self.refused("CustomKeyStoreHasCMKsException", "DeleteCustomKeyStore", CustomKeyStoreId=store)
        self.refused("CloudHsmClusterInUseException", "CreateCustomKeyStore", CustomKeyStoreName="third-name",
                     CustomKeyStoreType="AWS_CLOUDHSM", CloudHsmClusterId=cluster["ClusterId"],
                     TrustAnchorCertificate=anchor, KeyStorePassword="Any-pass1")
        self.call("CreateCustomKeyStore", CustomKeyStoreName="external-too", CustomKeyStoreType="EXTERNAL_KEY_STORE",
                  XksProxyConnectivity="VPC_ENDPOINT_SERVICE", XksProxyUriEndpoint="https://other.example.com",
                  XksProxyUriPath=Proxy.PATH, XksProxyVpcEndpointServiceName=OTHER_SERVICE,
                  XksProxyAuthenticationCredential={"AccessKeyId": Proxy.ACCESS_KEY, "RawSecretAccessKey": Proxy.SECRET})
        page = self.call("DescribeCustomKeyStores", Limit=1)
        self.assertTrue(self.call("DescribeCustomKeyStores", Limit=1, Marker=page["NextMarker"])["CustomKeyStores"])

    def test_external_key_stores(self):
        credential = {"AccessKeyId": Proxy.ACCESS_KEY, "RawSecretAccessKey": Proxy.SECRET}
        public = dict(CustomKeyStoreName="external", CustomKeyStoreType="EXTERNAL_KEY_STORE",
                      XksProxyConnectivity="PUBLIC_ENDPOINT", XksProxyUriEndpoint=f"https://{HOST}", XksProxyUriPath=Proxy.PATH,
                      XksProxyAuthenticationCredential=credential)
        wrong = ({**credential, "AccessKeyId": "B" * 20}, {**credential, "RawSecretAccessKey": "B" * 43})
        for other in wrong:
            self.refused("XksProxyIncorrectAuthenticationCredentialException", "CreateCustomKeyStore",
                         **{**public, "XksProxyAuthenticationCredential": other})
        store = self.call("CreateCustomKeyStore", **public)["CustomKeyStoreId"]
        for other in wrong:
            self.refused("XksProxyIncorrectAuthenticationCredentialException", "UpdateCustomKeyStore", CustomKeyStoreId=store,
                         XksProxyAuthenticationCredential=other)
        page = self.call("DescribeCustomKeyStores", Limit=1)
        self.assertEqual(1, len(page["CustomKeyStores"]))
        vpc = dict(CustomKeyStoreId=store, XksProxyConnectivity="VPC_ENDPOINT_SERVICE", XksProxyUriEndpoint=f"https://{HOST}",
                   XksProxyUriPath=Proxy.PATH, XksProxyVpcEndpointServiceName=SERVICE,
                   XksProxyVpcEndpointServiceOwner="123456789012", XksProxyAuthenticationCredential=credential)
        self.call("UpdateCustomKeyStore", **vpc)
        [shown] = self.call("DescribeCustomKeyStores", CustomKeyStoreId=store)["CustomKeyStores"]
        self.assertEqual(SERVICE, shown["XksProxyConfiguration"]["VpcEndpointServiceName"])
        self.call("ConnectCustomKeyStore", CustomKeyStoreId=store)
        self.d.wait_store(store, "CONNECTED")
        self.proxy.add_key("the-key")
        key = self.call("CreateKey", Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId="the-key")["KeyMetadata"]
        self.assertEqual({"Id": "the-key"}, key["XksKeyConfiguration"])
        blob = self.call("Encrypt", KeyId=key["KeyId"], Plaintext="eA==")["CiphertextBlob"]
        self.assertEqual("eA==", self.call("Decrypt", CiphertextBlob=blob)["Plaintext"])
        second = {**public, "CustomKeyStoreName": "second-external", "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE",
                  "XksProxyVpcEndpointServiceName": SERVICE, "XksProxyVpcEndpointServiceOwner": "123456789012"}
        self.refused("XksProxyUriInUseException", "CreateCustomKeyStore", **second)

    def test_zz_nothing_was_left_out(self):
        """The last one."""
        wanted = set()
        for line in MODEL.strip().splitlines():
            operation, takes, answers = (part.strip() for part in line.split("|"))
            wanted.update(f"{operation} takes {member}" for member in takes.split(",") if member)
            wanted.update(f"{operation} answers {member}" for member in answers.split(",") if member)
            wanted.update(f"{operation} takes {member}.{inner}" for member in takes.split(",")
                          for inner in NESTED.get(member, "").split())
        for structure, members in STRUCTURES.items():
            wanted.update(f"{structure}.{member}" for member in members.split())
        self.assertEqual(set(), set(EXCUSED) - wanted, "excuses for what there is not")
        self.assertEqual(set(), set(EXCUSED) & self.met, "excuses for what was met")
        self.assertEqual([], sorted(wanted - self.met - set(EXCUSED)))


if __name__ == "__main__":
    unittest.main()

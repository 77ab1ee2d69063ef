"""Bad input to every KMS operation that is there, made from the service's model: no answer may be a 5xx or an error that the
API does not know, and whatever breaks a constraint is refused in AWS's words for it."""

import concurrent.futures
import json
import pathlib
import re
import unittest

from client import Connection
from deployment import Deployment
from model_cases import Model

CONNECTIONS = 8
MODEL = pathlib.Path(__file__).resolve().parents[2] / "src" / "aws" / "model" / "kms.json"

# KMS API Reference: the operations' errors and the common ones.
KNOWN = {name + "Exception" for name in """AlreadyExists CloudHsmClusterInUse CloudHsmClusterInvalidConfiguration
    CloudHsmClusterNotActive CloudHsmClusterNotFound CloudHsmClusterNotRelated Conflict CustomKeyStoreHasCMKs
    CustomKeyStoreInvalidState CustomKeyStoreNameInUse CustomKeyStoreNotFound Disabled DryRunOperation ExpiredImportToken
    IncorrectKey IncorrectKeyMaterial IncorrectTrustAnchor InvalidAliasName InvalidArn InvalidCiphertext InvalidGrantId
    InvalidGrantToken InvalidImportToken InvalidKeyUsage InvalidMarker KMSInvalidMac KMSInvalidSignature KMSInvalidState
    LimitExceeded MalformedPolicyDocument NotFound Tag UnsupportedOperation XksKeyAlreadyInUse XksKeyInvalidConfiguration
    XksKeyNotFound XksProxyIncorrectAuthenticationCredential XksProxyInvalidConfiguration XksProxyInvalidResponse
    XksProxyUriEndpointInUse XksProxyUriInUse XksProxyUriUnreachable XksProxyVpcEndpointServiceInUse
    XksProxyVpcEndpointServiceInvalidConfiguration XksProxyVpcEndpointServiceNotFound
    AccessDenied NotAuthorized Serialization Validation""".split()}
DETECTED = re.compile(r"(\d+) validation errors? detected: ")
FAILED = " failed to satisfy constraint: "

ROOT = "arn:aws:iam::111122223333:root"
SAMPLES = {
    "AliasNameType": "alias/sample", "GrantIdType": "a" * 64, "BackingKeyIdType": "a" * 64, "PrincipalIdType": ROOT,
    "RegionType": "us-west-2", "CloudHsmClusterIdType": "cluster-abcdefghijk", "CustomKeyStoreIdType": "cks-1",
    "CustomKeyStoreNameType": "store", "KeyStorePasswordType": "password-1", "XksProxyUriEndpointType": "https://xks.example.com",
    "XksProxyUriPathType": "/kms/xks/v1", "XksProxyAuthenticationAccessKeyIdType": "A" * 20, "TagKeyType": "key",
    "XksProxyVpcEndpointServiceNameType": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
    "XksProxyAuthenticationRawSecretAccessKeyType": "a" * 43, "DataKeyPairSpec": "ECC_NIST_P256", "PendingWindowInDaysType": 7,
}


class ModelInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment().start()
        cls.addClassCleanup(cls.deployment.close)

    def connection(self):
        return Connection(self.deployment.environment, "kms")

    def test_every_operation(self):
        model = Model(MODEL, SAMPLES, tighter=[("ScheduleKeyDeletion", "PendingWindowInDays")])
        cases, missing = [], []
        with_key = self.connection()
        for operation in model.operations():
            status, text = with_key.exchange(operation, b"{}")
            if status == 400 and json.loads(text)["__type"] == "UnknownOperationException":
                missing.append(operation)
                continue
            # A key for each, as some of its cases succeed.
            SAMPLES["KeyIdType"] = with_key.call("CreateKey")["KeyMetadata"]["KeyId"]
            cases += model.cases(operation)
        with_key.close()
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            failures = [failure for part in pool.map(self.send_all, [cases[i::CONNECTIONS] for i in range(CONNECTIONS)])
                        for failure in part]
        built = len(model.operations()) - len(missing)
        print(f"\n{len(cases)} requests to {built} operations; not there: {', '.join(missing) or 'none'}")
        self.assertGreater(len(cases), built * 10)
        self.assertEqual([], failures[:40], f"{len(failures)} of {len(cases)} answers are wrong")

    def send_all(self, cases):
        connection = self.connection()
        failures = []
        for case in cases:
            status, body = connection.exchange(case.operation, case.body)
            wrong = self.judge(case, status, body)
            if wrong:
                failures.append(f"{case.operation}: {case.name}: {wrong}: {status} {body[:300]!r}")
        connection.close()
        return failures

    def judge(self, case, status, body):
        """What is wrong with an answer, if anything."""
        answer = json.loads(body) if body else {}
        kind = answer.get("__type", "")
        text = answer.get("message") or answer.get("Message", "")
        if status not in (200, 400):
            return "the status"
        if status == 400 and kind not in KNOWN:
            return "an error that the API does not know"
        if case.secret and case.secret in body.decode():
            return "the answer repeats a secret"
        if case.want == "type":
            return None if kind == "SerializationException" else "no SerializationException"
        detected = DETECTED.match(text) if kind == "ValidationException" else None
        if detected and text.count(FAILED) != int(detected[1]):
            return "the count of violations"
        if case.want == "fine":
            if kind == "SerializationException" or (detected and f"at '{case.path}'{FAILED}" in text and case.path):
                return "a good value is refused"
            return None
        if not detected:
            return "not refused as a violation of a constraint"
        items = [item for item in text[detected.end():].split("; ") if f"at '{case.path}'{FAILED}" in item]
        if not any(case.text in item for item in items) and f"at '{case.path}'{FAILED}" not in text:
            return f"nothing at {case.path}"
        return None if case.text in text else f"no '{case.text}'"


if __name__ == "__main__":
    unittest.main()

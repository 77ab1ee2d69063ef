"""The audit trail: who did what, found by the stock AWS CLI, and proved to be what was written."""

import base64
import concurrent.futures
import datetime
import json
import signal
import sqlite3
import unittest

from client import Connection, Refused
from deployment import BIN, Deployment, wait_for


class AuditTest(unittest.TestCase):
    def setUp(self):
        self.d = Deployment().start()
        self.addCleanup(self.d.close)

    def lookup(self, attribute=None, value=None, *more):
        arguments = ["cloudtrail", "lookup-events", *more]
        if attribute:
            arguments += ["--lookup-attributes", f"AttributeKey={attribute},AttributeValue={value}"]
        return self.d.ok(*arguments)["Events"]

    def found(self, attribute, value, count=1):
        """The events with this attribute, once there are as many; they come to the store within a second or two."""
        return wait_for(f"{count} events with {attribute} {value}",
                        lambda: (e := self.lookup(attribute, value)) and len(e) >= count and e)

    def verify(self):
        return self.d.run(BIN / "strongroom", "audit", "verify", "--data", self.d.data)

    def store(self):
        return sqlite3.connect(self.d.data / "service" / "strongroom.sqlite")

    def test_calls_are_found_by_each_attribute(self):
        key = self.d.ok("kms", "create-key", "--description", "of the audit test")["KeyMetadata"]
        arn = key["Arn"]
        blob = self.d.ok("kms", "encrypt", "--key-id", arn, "--plaintext", "c2VjcmV0LXRleHQ=", "--encryption-context",
                         "Dept=IT")["CiphertextBlob"]
        (self.d.root / "blob").write_bytes(base64.b64decode(blob))
        self.d.ok("kms", "decrypt", "--ciphertext-blob", f"fileb://{self.d.root}/blob", "--encryption-context", "Dept=IT")
        refused = self.d.aws("kms", "encrypt", "--key-id", "no-such-key", "--plaintext", "c2VjcmV0LXRleHQ=")
        self.assertEqual(refused.error, "NotFoundException")
        caller = self.d.ok("sts", "get-caller-identity")

        created = self.found("EventName", "CreateKey")[0]
        record = json.loads(created["CloudTrailEvent"])
        self.assertEqual(record["userIdentity"]["arn"], caller["Arn"])
        self.assertEqual(record["recipientAccountId"], caller["Account"])
        self.assertEqual(record["requestParameters"]["description"], "of the audit test")
        self.assertEqual(record["responseElements"]["keyMetadata"]["arn"], arn)
        self.assertEqual(record["tlsDetails"]["tlsVersion"], "TLSv1.3")
        self.assertEqual(record["eventVersion"], "1.11")
        self.assertFalse(record["readOnly"])
        self.assertEqual(created["Username"], "root")
        self.assertEqual(created["Resources"], [{"ResourceType": "AWS::KMS::Key", "ResourceName": arn}])

        encrypted = self.found("EventName", "Encrypt", 2)
        good = next(json.loads(e["CloudTrailEvent"]) for e in encrypted if "errorCode" not in e["CloudTrailEvent"])
        bad = next(json.loads(e["CloudTrailEvent"]) for e in encrypted if "errorCode" in e["CloudTrailEvent"])
        self.assertEqual(good["requestParameters"]["encryptionContext"], {"Dept": "IT"})
        self.assertTrue(good["userAgent"].startswith("aws-cli/"))
        self.assertEqual(bad["errorCode"], "NotFoundException")
        for event in encrypted:
            self.assertNotIn("c2VjcmV0LXRleHQ=", event["CloudTrailEvent"])
            self.assertNotIn(blob, event["CloudTrailEvent"])

        decrypted = json.loads(self.found("EventName", "Decrypt")[0]["CloudTrailEvent"])
        self.assertEqual(len(decrypted["additionalEventData"]["keyMaterialId"]), 64)
        self.assertEqual(good["additionalEventData"], decrypted["additionalEventData"])
        self.assertEqual(decrypted["resources"][0]["ARN"], arn)

        for attribute, value in (("EventId", created["EventId"]), ("ResourceName", arn),
                                 ("ResourceType", "AWS::KMS::Key"), ("EventSource", "kms.amazonaws.com"),
                                 ("ReadOnly", "false"), ("Username", "root"),
                                 ("AccessKeyId", record["userIdentity"]["accessKeyId"])):
            wait_for(f"the event by its {attribute}",
                     lambda: created["EventId"] in [event["EventId"] for event in self.lookup(attribute, value)])
        self.assertEqual(self.found("EventSource", "sts.amazonaws.com")[0]["EventName"], "GetCallerIdentity")
        self.assertEqual(self.lookup("ResourceName", "nothing"), [])

        # What KMS does by itself is there, too.
        kms = Connection(self.d.environment, "kms")
        self.addCleanup(kms.close)
        kms.call("RotateKeyOnDemand", KeyId=arn)
        rotated = json.loads(self.found("EventName", "RotateKey")[0]["CloudTrailEvent"])
        self.assertEqual(rotated["eventType"], "AwsServiceEvent")
        self.assertEqual(rotated["userIdentity"], {"accountId": caller["Account"], "invokedBy": "AWS Internal"})
        self.assertEqual(rotated["serviceEventDetails"]["rotationType"], "ON_DEMAND")
        self.assertEqual(rotated["resources"][0]["ARN"], arn)

        # Time ranges, pages, and what is refused.
        now = datetime.datetime.now(datetime.timezone.utc)
        hour = datetime.timedelta(hours=1)
        self.assertEqual(self.lookup(None, None, "--end-time", (now - hour).isoformat()), [])
        self.assertTrue(self.lookup(None, None, "--start-time", (now - hour).isoformat()))
        times = [event["EventTime"] for event in self.lookup(None, None, "--page-size", "2", "--max-items", "7")]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual(len(times), 7)
        wrong = self.d.aws("cloudtrail", "lookup-events", "--start-time", now.isoformat(), "--end-time",
                           (now - hour).isoformat())
        self.assertEqual(wrong.error, "InvalidTimeRangeException")
        self.assertEqual(self.d.aws("cloudtrail", "lookup-events", "--next-token", "x", "--no-paginate").error,
                         "InvalidNextTokenException")

    def test_calls_that_are_not_believed_are_recorded_and_a_flood_of_them_is_counted(self):
        key_id = self.d.environment["AWS_ACCESS_KEY_ID"]
        account = self.d.ok("sts", "get-caller-identity")["Account"]
        wrong = Connection({**self.d.environment, "AWS_SECRET_ACCESS_KEY": "x" * 40}, "kms")
        unknown = Connection({**self.d.environment, "AWS_ACCESS_KEY_ID": "AKIANOBODYHASTHISKEY"}, "kms")
        for connection, code in ((wrong, "InvalidSignatureException"), (unknown, "UnrecognizedClientException")):
            self.addCleanup(connection.close)
            with self.assertRaises(Refused) as refused:
                connection.call("ListKeys")
            self.assertEqual(refused.exception.code, code)
        for named, code in ((key_id, "InvalidSignatureException"), ("AKIANOBODYHASTHISKEY", "UnrecognizedClientException")):
            def found():
                records = [json.loads(e["CloudTrailEvent"]) for e in self.lookup("AccessKeyId", named)]
                return [r for r in records if r.get("errorCode") == code]

            record = wait_for(f"the record of {code}", found)[0]
            self.assertEqual(record["userIdentity"], {"type": "Unknown", "accessKeyId": named})
            self.assertEqual(record["eventName"], "ListKeys")
            self.assertEqual(record["recipientAccountId"], account)
            self.assertIsNone(record["requestParameters"])
            self.assertTrue(record["sourceIPAddress"].startswith("127."))
        # Five a second have a record each, so they come at once.
        def flood(_):
            connection = Connection(unknown.environment, "kms")
            for _ in range(10):
                with self.assertRaises(Refused):
                    connection.call("DescribeKey", KeyId="x")
            connection.close()

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(flood, range(6)))
        told = wait_for("the record of what was counted", lambda: self.lookup("EventName", "RefusedCallsNotRecorded"))
        details = [json.loads(event["CloudTrailEvent"])["serviceEventDetails"] for event in told]
        alone = self.lookup("EventName", "DescribeKey")
        self.assertLess(len(alone), 60)
        self.assertTrue(all(int(one["count"]) > 0 and "127." in one["sources"] for one in details), details)
        self.d.stop()
        self.d.start()

        def counted():
            return sum(int(json.loads(event["CloudTrailEvent"])["serviceEventDetails"]["count"])
                       for event in self.lookup("EventName", "RefusedCallsNotRecorded"))

        # What was counted last comes to the store after the start.
        wait_for("each call once", lambda: counted() + len(self.lookup("EventName", "DescribeKey")) >= 60)
        self.assertEqual(counted() + len(self.lookup("EventName", "DescribeKey")), 60)
        good = self.verify()
        self.assertEqual(good.status, 0, good.out + good.err)

    def test_look_ups_are_as_frequent_as_in_aws_where_that_is_asked_for(self):
        self.d.stop()
        settings = self.d.data / "strongroom.toml"
        text = settings.read_text()
        section, rest = text.split("[audit]")
        self.assertIn('throttling = "off"', rest)
        settings.write_text(section + "[audit]" + rest.replace('throttling = "off"', 'throttling = "aws"'))
        self.d.start()
        trail = Connection(self.d.environment, "cloudtrail")
        self.addCleanup(trail.close)
        codes = set()

        def asked(connection):
            try:
                connection.call("LookupEvents", MaxResults=1)
                codes.add("")
            except Refused as refused:
                codes.add(refused.code)

        def soon_one_another():
            for _ in range(20):
                asked(trail)
            return len(codes) > 1

        wait_for("a call too many", soon_one_another)
        self.assertEqual(codes, {"", "ThrottlingException"})

    def test_calls_on_a_custom_key_store_name_it(self):
        cluster, store = self.d.connected_store()
        key = self.d.ok("kms", "create-key", "--origin", "AWS_CLOUDHSM", "--custom-key-store-id", store)["KeyMetadata"]
        self.d.ok("kms", "encrypt", "--key-id", key["KeyId"], "--plaintext", "c2VjcmV0")
        self.d.ok("kms", "schedule-key-deletion", "--key-id", key["KeyId"], "--pending-window-in-days", "7")

        def additional(name):
            return json.loads(self.found("EventName", name)[0]["CloudTrailEvent"])["additionalEventData"]

        scheduled = additional("ScheduleKeyDeletion")
        backing = json.loads(additional("CreateKey")["backingKey"])
        self.assertEqual(set(backing), {"keyHandle", "backingKeyId"})
        self.assertEqual(backing["backingKeyId"], key["KeyId"])
        self.assertEqual(additional("Encrypt")["customKeyStoreId"], store)
        self.assertEqual(additional("ConnectCustomKeyStore"),
                         {"customKeyStoreName": "teststore", "clusterId": cluster["ClusterId"]})
        self.assertEqual((scheduled["customKeyStoreId"], scheduled["clusterId"]), (store, cluster["ClusterId"]))
        self.assertEqual(json.loads(scheduled["backingKeys"]), [backing])

    def test_a_backup_without_the_trail_goes_on_with_its_chain(self):
        key = self.d.ok("kms", "create-key")["KeyMetadata"]["Arn"]
        self.found("EventName", "CreateKey")
        sizes = {}
        for options in ((), ("--without-trail",)):
            file = self.d.root / f"backup{len(options)}.srb"
            done = self.d.run(BIN / "strongroom", "backup", *options, "--data", self.d.data, file)
            self.assertEqual(done.status, 0, done.err)
            sizes[options] = file.stat().st_size
            self.assertEqual(b"audit_blocks" in file.read_bytes(), not options)
        self.assertLess(sizes["--without-trail",], sizes[()])
        self.d.stop()
        other = self.d.root / "other"
        done = self.d.run(BIN / "strongroom", "restore", "--data", other, "--recovery-key",
                          self.d.data / "recovery-key.pem", self.d.root / "backup1.srb")
        self.assertEqual(done.status, 0, done.out + done.err)
        with sqlite3.connect(other / "service" / "strongroom.sqlite") as store:
            self.assertEqual(store.execute("SELECT COUNT(*) FROM audit_blocks").fetchone()[0], 0)
            self.assertGreater(store.execute("SELECT COUNT(*) FROM audit_segments").fetchone()[0], 0)
        checked = self.d.run(BIN / "strongroom", "audit", "verify", "--data", other)
        self.assertEqual(checked.status, 1)
        self.assertIn("missing", checked.out)
        self.assertIn("arn:", key)

    def test_what_was_changed_is_named(self):
        for number in range(5):
            self.d.ok("kms", "create-key", "--description", f"number {number}")
        self.found("EventName", "CreateKey", 5)
        # A front end that is killed signs what it finds when it comes back.
        self.d.stop(signal.SIGKILL)
        self.d.start()
        self.assertEqual(len(self.found("EventName", "CreateKey", 5)), 5)
        wait_for("a digest", lambda: self.store().execute("SELECT COUNT(*) FROM audit_digests").fetchone()[0] >= 1)
        good = self.verify()
        self.assertEqual(good.status, 0, good.out + good.err)
        self.assertIn("The audit trail is in order.", good.out)
        exported = self.d.run(BIN / "strongroom", "audit", "export", "--data", self.d.data)
        names = [json.loads(line)["eventName"] for line in exported.out.splitlines()]
        self.assertEqual(names.count("CreateKey"), 5)
        self.d.stop()

        signed = json.loads(self.store().execute("SELECT body FROM audit_digests ORDER BY number").fetchone()[0])
        segment = signed["segments"][0]["segment"]
        cases = (
            ("a block is removed", "DELETE FROM audit_blocks WHERE number = ?", f"segment {segment}: block 0"),
            ("a block is damaged", "UPDATE audit_blocks SET data = x'00' WHERE number = ?", "does not read"),
            ("a segment is removed", "DELETE FROM audit_segments WHERE number = ?", f"segment {segment} (records"),
            ("a segment's end is moved", "UPDATE audit_segments SET records = records - 1 WHERE number = ?", "should have"),
            ("a digest is edited", "UPDATE audit_digests SET body = replace(body, 'records', 'Records') WHERE number = 1 AND ?",
             "the signature of digest 1 does not verify"),
        )
        path = self.d.data / "service" / "strongroom.sqlite"
        with sqlite3.connect(path) as store:
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        untouched = path.read_bytes()
        for what, statement, said in cases:
            with self.subTest(what):
                store = sqlite3.connect(path)
                self.assertGreater(store.execute(statement, (segment,)).rowcount, 0)
                store.commit()
                store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                store.close()
                bad = self.verify()
                self.assertEqual(bad.status, 1, bad.out + bad.err)
                self.assertIn(said, bad.out)
                path.write_bytes(untouched)

    def test_strict_mode_serves_and_records(self):
        self.d.stop()
        settings = self.d.data / "strongroom.toml"
        text = settings.read_text()
        self.assertIn('mode = "grouped"', text)
        settings.write_text(text.replace('mode = "grouped"', 'mode = "strict"'))
        self.d.start()
        key = self.d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        # No answer before its record is durable: a kill right after the answer loses nothing.
        self.d.stop(signal.SIGKILL)
        self.d.start()
        created = self.found("EventName", "CreateKey")
        self.assertIn(key, created[0]["CloudTrailEvent"])


if __name__ == "__main__":
    unittest.main()

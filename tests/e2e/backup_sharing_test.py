"""A backup that is shared with another account: it makes a cluster from it, with the users that were in it; a third account and one
that it is no longer shared with are told nothing."""

import json
import unittest

from client import Connection, Refused
from deployment import BIN, Deployment, wait_for
from manual import Manual

MANUAL = Manual("A backup for another account")
HEADING = "A backup for another account"
OFFICER, USER = "Officer-pass-1", "Sharedpass1"
SECOND, THIRD = "444455556666", "777788889999"
SUBNETS = ["subnet-0123456789abcdef0"]
UNKNOWN = "backup-aaaaaaaaaaa"


class BackupSharing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.addClassCleanup(cls.d.close)
        cls.first = cls.connection(cls.d.environment)
        cls.owner = cls.d.ok("sts", "get-caller-identity")["Account"]

    @classmethod
    def connection(cls, environment, service="cloudhsm"):
        made = Connection(environment, service)
        cls.addClassCleanup(made.close)
        return made

    def account(self, account_id):
        """Another account: the environment of its root, and a connection of it."""
        file = self.d.root / f"{account_id}.json"
        made = self.d.run(BIN / "strongroom", "account", "create", "--data", self.d.data, "--name", f"a{account_id}", "--id",
                          account_id, "--key-file", file)
        self.assertEqual(made.status, 0, made.err)
        key = json.loads(file.read_text())
        environment = {**self.d.environment, "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                       "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

        connection = self.connection(environment)

        def in_force():
            try:
                return connection.call("DescribeClusters") == {"Clusters": []}
            except Refused:
                return False

        wait_for("the key is in force", in_force)
        return environment, connection

    def backup_with_a_user(self):
        """The ARN of the backup of a cluster that a user was made in."""
        cluster = self.d.active_cluster(OFFICER)
        session = self.d.cmu(f"loginHSM CO admin {OFFICER}", f"createUser CU wanderer {USER}", "y", "quit")
        self.assertEqual(session.status, 0, session.out + session.err)
        before = self.first.call("DescribeBackups")["Backups"]
        [hsm] = cluster["Hsms"]
        self.first.call("DeleteHsm", ClusterId=cluster["ClusterId"], HsmId=hsm["HsmId"])
        known = {backup["BackupId"] for backup in before}
        [backup] = wait_for("the backup of the deletion",
                            lambda: [b for b in self.first.call("DescribeBackups")["Backups"]
                                     if b["BackupId"] not in known and b["BackupState"] == "READY"])
        wait_for("no HSM", lambda: not self.d.cluster(cluster["ClusterId"])["Hsms"])
        return backup["BackupArn"]

    def make(self, account, arn):
        return account.call("CreateCluster", HsmType="hsm1.medium", SubnetIds=SUBNETS, SourceBackupId=arn)["Cluster"]

    def assert_nothing_is_told(self, account, arn):
        """An existing backup's ARN is refused in the words of one that does not exist."""
        texts = []
        backup = arn.rsplit("/", 1)[1]
        for named in (arn, arn.replace(backup, UNKNOWN)):
            with self.assertRaises(Refused) as refused:
                self.make(account, named)
            self.assertEqual(refused.exception.code, "CloudHsmAccessDeniedException")
            texts.append(str(refused.exception))
        self.assertIn(backup, texts[0])
        self.assertEqual(texts[0].replace(backup, UNKNOWN), texts[1])
        self.assertEqual(account.call("DescribeBackups", Shared=True)["Backups"], [])

    def test_a_cluster_of_another_accounts_backup(self):
        d = self.d
        environment, second = self.account(SECOND)
        _, third = self.account(THIRD)
        arn = self.backup_with_a_user()
        self.assertEqual(arn.split(":")[4], self.owner)
        self.assert_nothing_is_told(second, arn)

        policy = json.dumps({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{SECOND}:root"},
            "Action": ["cloudhsm:DescribeBackups", "cloudhsm:CreateCluster"], "Resource": "*"}})
        with self.assertRaises(Refused) as refused:
            self.first.call("PutResourcePolicy", ResourceArn=arn, Policy=policy.replace(SECOND, "121212121212"))
        self.assertIn("one or more invalid principals", str(refused.exception))
        self.assertEqual(self.first.call("PutResourcePolicy", ResourceArn=arn, Policy=policy),
                         {"ResourceArn": arn, "Policy": policy})
        self.assertEqual(self.first.call("GetResourcePolicy", ResourceArn=arn), {"Policy": policy})
        self.assert_nothing_is_told(third, arn)
        with self.assertRaises(Refused) as refused:
            second.call("DeleteResourcePolicy", ResourceArn=arn)
        self.assertEqual(refused.exception.code, "CloudHsmResourceNotFoundException")

        [listed] = second.call("DescribeBackups", Shared=True)["Backups"]
        self.assertEqual((listed["BackupArn"], listed["BackupState"]), (arn, "READY"))
        self.assertEqual(second.call("DescribeBackups")["Backups"], [])
        mine, d.environment = d.environment, environment
        try:
            made = MANUAL.run(d, HEADING, 3, SUBNET_ID=SUBNETS[0], BACKUP_ARN=arn).json["Cluster"]
            cluster = made["ClusterId"]
            d.wait_cluster(cluster, "INITIALIZED")
            # It is there already, and stays.
            self.assertEqual(self.first.call("DeleteResourcePolicy", ResourceArn=arn), {"ResourceArn": arn, "Policy": policy})
            self.assert_nothing_is_told(second, arn)
            hsm = d.create_hsm(cluster, next(iter(made["SubnetMapping"])))
            d.wait_cluster(cluster, "ACTIVE")
        finally:
            d.environment = mine
        self.assertNotIn(cluster, {one["ClusterId"] for one in self.first.call("DescribeClusters")["Clusters"]})
        self.assertEqual(self.first.call("GetResourcePolicy", ResourceArn=arn), {})
        configured = d.run(d.client_home / "bin" / "configure", "-a", hsm["EniIp"])
        self.assertEqual(configured.status, 0, configured.err)
        session = d.cmu_until("the users are there", lambda session: session.status == 0, f"loginHSM CO admin {OFFICER}",
                              "listUsers", "logoutHSM", f"loginHSM CU wanderer {USER}", "quit")
        self.assertEqual(session.out.count("loginHSM success"), 2, session.out + session.err)
        self.assertIn("wanderer", session.out)
        self.assertEqual(MANUAL.left(), [])
        self.both_trails_tell_of_it(environment, arn, cluster)

    def both_trails_tell_of_it(self, environment, arn, cluster):
        """The one CreateCluster that was allowed is in its owner's trail as well, and no refused one is."""
        def tried_by_the_second(trail):
            attributes = [{"AttributeKey": "EventName", "AttributeValue": "CreateCluster"}]
            events = [json.loads(event["CloudTrailEvent"])
                      for event in trail.call("LookupEvents", LookupAttributes=attributes)["Events"]]
            return [event for event in events if event["userIdentity"]["accountId"] == SECOND]

        trail = self.connection(self.d.environment, "cloudtrail")
        [owners] = wait_for("the owner's trail", lambda: tried_by_the_second(trail))
        self.assertEqual([resource["ARN"] for resource in owners["resources"]][:1], [arn])
        self.assertNotIn("errorCode", owners)
        second = self.connection(environment, "cloudtrail")
        tried = wait_for("the second's trail", lambda: (t := tried_by_the_second(second)) and
                         any("errorCode" not in event for event in t) and any("errorCode" in event for event in t) and t)
        made = [event for event in tried if "errorCode" not in event]
        self.assertEqual([event["sharedEventID"] for event in made], [owners["sharedEventID"]])
        self.assertIn(cluster, json.dumps(made))
        self.assertGreater(len(tried), len(made))
        for event in tried:
            self.assertEqual("errorCode" in event, "resources" not in event, event)


if __name__ == "__main__":
    unittest.main()

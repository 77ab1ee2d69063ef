"""A clock that jumps destroys nothing: deletion and expiry wait until it is back, or a person has said that it is right."""

import json
import sqlite3
import unittest

from deployment import BIN, Deployment, wait_for
from manual import Manual

HOUR = 60 * 60 * 1000
MANUAL = Manual("A clock is wrong")


class Clock(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment().start()
        cls.addClassCleanup(cls.d.close)

    def sql(self, statement, *values):
        with sqlite3.connect(self.d.data / "service" / "strongroom.sqlite", timeout=20) as store:
            return store.execute(statement, values).fetchall()

    def clock(self, *arguments):
        return self.d.run(BIN / "strongroom", "clock", arguments[0], "--data", self.d.data, *arguments[1:])

    def shown(self):
        return json.loads(self.clock("show", "--json").out)

    def pending_key(self):
        """A key whose time to be deleted has come; the service is stopped."""
        d = self.d
        key = d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        d.ok("kms", "schedule-key-deletion", "--key-id", key, "--pending-window-in-days", "7")
        d.stop()
        self.sql("UPDATE kms_keys SET deletion_at = 1 WHERE key_id = ?", key)
        return key

    def state(self, key):
        return self.d.ok("kms", "describe-key", "--key-id", key)["KeyMetadata"]["KeyState"]

    def test_1_a_clock_that_goes_on_is_believed(self):
        shown = self.shown()
        self.assertTrue(shown["believed"], shown)
        self.assertEqual("", shown["doubt"])
        self.assertIn("It is believed", self.clock("show").out)
        self.assertNotIn("clock:", self.clock("show").err)

    def test_2_after_days_of_absence_nothing_is_destroyed_until_somebody_says_so(self):
        d = self.d
        other = d.ok("kms", "create-key")["KeyMetadata"]["KeyId"]
        kept = self.pending_key()
        self.sql("UPDATE kms_keys SET transition = 'UPDATING' WHERE key_id = ?", other)
        # As if the deployment had been off for three days, or the clock had been set while it was.
        self.sql("UPDATE clock_marks SET seen_at = seen_at - ? WHERE front_end = ''", 72 * HOUR)
        d.start()
        shown = self.shown()
        self.assertFalse(shown["believed"], shown)
        self.assertIn("3 days earlier", shown["doubt"])
        self.assertEqual([kept], [arn.rsplit("/", 1)[1] for arn in shown["due"]["keys"]])
        health = json.loads(d.run(BIN / "strongroom", "status", "--data", d.data, "--json").out)["health"]
        self.assertIn("clock: The database's clock says", health)
        self.assertIn("strongroom clock accept", health)
        # Ended by the same round of housekeeping that deletes, and after that.
        wait_for("a round of housekeeping", lambda: not self.sql("SELECT 1 FROM kms_keys WHERE transition IS NOT NULL"))
        self.assertEqual("PendingDeletion", self.state(kept))

        refused = self.clock("accept")
        self.assertNotEqual(0, refused.status)
        self.assertIn("1 key", refused.err)
        self.assertIn("--yes", refused.err)
        # It is still its owner's to keep.
        d.ok("kms", "cancel-key-deletion", "--key-id", kept)
        accepted = MANUAL.run(d, "A clock is wrong", DIR=d.data)
        self.assertIn("Due: nothing", accepted.out)
        self.assertTrue(self.shown()["believed"])
        self.assertEqual("Disabled", self.state(kept))

    def test_3_a_jump_outlives_a_restart_and_what_is_due_goes_once_it_is_accepted(self):
        d = self.d
        due = self.pending_key()
        self.sql("UPDATE clock_marks SET seen_at = seen_at - ?, doubt = 'The database''s clock jumped.' WHERE front_end = ''",
                 400 * 24 * HOUR)
        d.start()
        self.assertIn("jumped", self.shown()["doubt"])
        self.assertEqual("PendingDeletion", self.state(due))
        self.assertEqual(0, self.clock("accept", "--yes").status)
        d.stop()
        d.start()
        wait_for("the key's end", lambda: d.aws("kms", "describe-key", "--key-id", due).error == "NotFoundException")
        self.assertTrue(self.shown()["believed"])

    def test_4_wrong_uses_say_what_is_right(self):
        for arguments, text in (
            (["show", "--data", "/nowhere"], "/nowhere"),
            (["accept"], "--data"),
            ([], "subcommand"),
        ):
            with self.subTest(arguments):
                refused = self.d.run(BIN / "strongroom", "clock", *arguments)
                self.assertNotEqual(0, refused.status)
                self.assertIn(text, refused.err + refused.out)


    def test_5_the_manual_was_executed(self):
        self.assertEqual([], MANUAL.left())


if __name__ == "__main__":
    unittest.main()

"""cloudhsm_mgmt_util through what happens during a long session: one's own password changed, an HSM that starts anew under it,
an interrupted prompt for a password."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
import unittest

from deployment import Deployment, Failure, wait_for


class Session:
    """The tool with pipes, a command at a time."""

    def __init__(self, d):
        self.process = subprocess.Popen([d.client_home / "bin" / "cloudhsm_mgmt_util"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=d.environment)
        self.read_to(b"aws-cloudhsm>")

    def read_to(self, prompt):
        got = b""
        while prompt not in got:
            ready, _, _ = select.select([self.process.stdout], [], [], 120)
            more = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not more:
                raise Failure(f"no {prompt} after: {got.decode()}")
            got += more
        return got.decode()

    def run(self, line, *answers):
        """What the command prints until the next prompt."""
        for text, prompt in zip((line, *answers), [b"(y/n)?"] * len(answers) + [b"aws-cloudhsm>"]):
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
            out = self.read_to(prompt)
        return out

    def quit(self):
        self.process.communicate(b"quit\n", timeout=60)
        return self.process.returncode


class CmuSession(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = Deployment()
        cls.addClassCleanup(cls.d.close)
        cls.d.start()
        cls.cluster = cls.d.active_cluster(hsms=2)
        cls.d.cmu_until("changes on both HSMs", lambda session: session.out.count("Changes possible     :yes") == 2,
                        "getHSMInfo", "quit")

    def process_of(self, hsm_id):
        for process in self.d.processes("strongroom-hsm"):
            try:
                with open(f"/proc/{process['pid']}/cmdline", "rb") as arguments:
                    if hsm_id.encode() in arguments.read().split(b"\0"):
                        return process["pid"]
            except FileNotFoundError:
                pass
        return None

    def test_whoever_changes_the_own_password_stays_logged_in_on_every_hsm(self):
        session = Session(self.d)
        session.run("loginHSM CO admin Officer-pass-1")
        for turn in range(6):
            with self.subTest(turn=turn):
                changed = session.run(f"changePswd CO admin Officer-pass-{(turn + 1) % 2 + 1}", "y")
                self.assertEqual(changed.count("changePswd success on server"), 2, changed)
                made = session.run(f"createUser CU user{turn} Userpassword1", "y")
                self.assertEqual(made.count("createUser success on server"), 2, made)
                self.assertNotIn("not logged in", made)
        self.assertEqual(session.quit(), 0)

    def test_an_hsm_that_starts_anew_under_a_session_takes_part_again(self):
        session = Session(self.d)
        logged_in = session.run("loginHSM CO admin Officer-pass-1")
        self.assertEqual(logged_in.count("loginHSM success"), 2, logged_in)
        hsm = self.d.cluster(self.cluster["ClusterId"])["Hsms"][-1]["HsmId"]
        killed = self.process_of(hsm)
        os.kill(killed, signal.SIGKILL)
        wait_for("another process of it", lambda: self.process_of(hsm) not in (None, killed))
        wait_for("the HSM's return", lambda: "failed" not in session.run("listUsers"))
        made = session.run("createUser CU later Userpassword1", "y")
        self.assertEqual(made.count("createUser success on server"), 2, made)
        self.assertEqual(made.count("The change is made; you are not logged in on server"), 1, made)
        # Asked again it is the same: where one is logged in already is well.
        wait_for("logins on both", lambda: session.run("loginHSM CO admin Officer-pass-1").count("loginHSM success") == 2)
        made = session.run("createUser CU latest Userpassword1", "y")
        self.assertEqual(made.count("createUser success on server"), 2, made)
        self.assertNotIn("not logged in", made)
        session.quit()

    def test_an_interrupted_prompt_for_a_password_leaves_the_terminal_as_it_was(self):
        for name, key, how in (("Ctrl-C", b"\x03", signal.SIGINT), ("Ctrl-Backslash", b"\x1c", signal.SIGQUIT)):
            with self.subTest(name):
                ours, theirs = pty.openpty()
                self.addCleanup(os.close, ours)
                self.addCleanup(os.close, theirs)
                before = termios.tcgetattr(theirs)[3] & termios.ECHO
                tool = subprocess.Popen([self.d.client_home / "bin" / "cloudhsm_mgmt_util"], stdin=theirs, stdout=theirs,
                                        stderr=theirs, env=dict(self.d.environment, TERM="xterm"), start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
                self.addCleanup(tool.kill)
                shown = b""

                def read_to(text):
                    nonlocal shown
                    end = time.monotonic() + 120
                    while text not in shown and time.monotonic() < end:
                        if select.select([ours], [], [], 1)[0]:
                            shown += os.read(ours, 65536)
                    self.assertIn(text, shown)

                read_to(b"aws-cloudhsm>")
                os.write(ours, b"loginHSM CO admin -hpswd\n")
                read_to(b"Enter password:")
                wait_for("no echo", lambda: not termios.tcgetattr(theirs)[3] & termios.ECHO)
                os.write(ours, b"Offi" + key)
                self.assertEqual(tool.wait(60), -how)
                self.assertEqual(termios.tcgetattr(theirs)[3] & termios.ECHO, before)
                self.assertNotIn(b"Offi", shown.split(b"Enter password:")[-1])


if __name__ == "__main__":
    unittest.main()

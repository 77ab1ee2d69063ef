"""Calls of Debian's aws CLI through a process that has it loaded (stock_aws_server.py): a tenth of the time."""

import array
import atexit
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading

CLI = "/usr/bin/aws"
EMPTY = {"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
PATIENCE = 300  # seconds

_lock = threading.Lock()
_server = None


class _Server:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="strongroom-aws-")
        self.path = os.path.join(self.directory, "socket")
        program = pathlib.Path(__file__).with_name("stock_aws_server.py")
        self.process = subprocess.Popen(["/usr/bin/python3", "-B", program, self.path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        env={**os.environ, **EMPTY, "AWS_EC2_METADATA_DISABLED": "true"})
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("the aws CLI could not be loaded")
        atexit.register(self.close)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def _running():
    global _server
    with _lock:
        if _server is None or _server.process.poll() is not None:
            _server = _Server()
        return _server


def run(arguments, environment, directory):
    """As subprocess.run([CLI, *arguments]) does, with both outputs captured."""
    arguments = [str(one) for one in arguments]
    # What is loaded has read its configuration, which was empty.
    if any(environment.get(name) != value for name, value in EMPTY.items()):
        return subprocess.run([CLI, *arguments], capture_output=True, env=environment, cwd=directory, timeout=PATIENCE)
    call = {"arguments": arguments, "environment": dict(environment), "directory": str(directory)}
    with socket.socket(socket.AF_UNIX) as connection, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, \
            open(os.devnull, "rb") as nothing:
        connection.settimeout(PATIENCE)
        connection.connect(_running().path)
        streams = array.array("i", [nothing.fileno(), out.fileno(), err.fileno()])
        text = json.dumps(call).encode() + b"\n"
        sent = connection.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
        connection.sendall(text[sent:])
        status = connection.recv(16)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess([CLI, *arguments], int(status or -1), out.read(), err.read())

"""Debian's aws CLI, loaded once: each call is a fork of this process, which has imported the client and read its models.

Run by Debian's Python, whose package awscli is. Of a call of half a second, starting Python and importing is most; what
is called here is what /usr/bin/aws calls. Speaks with stock_aws.py: a connection of a Unix socket for each call, with the
call's standard streams as descriptors and {"arguments", "environment", "directory"} as JSON; the exit status comes back.
"""

import array
import json
import os
import select
import signal
import socket
import sys

MODELS = ("kms", "cloudhsmv2", "iam", "sts", "cloudtrail")


def loaded_driver():
    import awscli.clidriver
    driver = awscli.clidriver.create_clidriver()
    for name in MODELS:
        driver.session.get_service_model(name)
        driver.session.create_client(name, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    driver.subcommand_table
    driver.arg_table
    return awscli.clidriver, driver


def receive(connection):
    """The call's text, which ends in a newline, and its three descriptors."""
    descriptors = array.array("i")
    text = b""
    while not text.endswith(b"\n"):
        data, ancillary, _, _ = connection.recvmsg(1 << 16, socket.CMSG_LEN(3 * descriptors.itemsize))
        if not data:
            return None, descriptors
        text += data
        for _, kind, sent in ancillary:
            if kind == socket.SCM_RIGHTS:
                descriptors.frombytes(sent)
    return json.loads(text), descriptors


def answer(clidriver, driver, connection):
    call, descriptors = receive(connection)
    if call is None or len(descriptors) != 3:
        return 255
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(call["directory"])
    os.environ.clear()
    os.environ.update(call["environment"])
    sys.argv = ["aws", *call["arguments"]]
    try:
        status = clidriver.AWSCLIEntryPoint(driver).main(call["arguments"])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else (0 if end.code is None else 1)
    sys.stdout.flush()
    sys.stderr.flush()
    return status or 0


def main(path):
    clidriver, driver = loaded_driver()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    # Standard input ends with the test.
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            status = 255
            try:
                status = answer(clidriver, driver, connection)
            finally:
                connection.sendall(b"%d\n" % status)
                os._exit(0)
        connection.close()


if __name__ == "__main__":
    main(sys.argv[1])

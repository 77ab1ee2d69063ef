#!/usr/bin/env python3
"""Checks the model of the cluster log with spin, and that each rule left out is found out."""

import pathlib
import re
import subprocess
import sys
import tempfile

MODEL = pathlib.Path(__file__).resolve().parent / "cluster_log.pml"


def explore(mutant):
    """Returns (errors, states). Safety only: assertions and invalid end states."""
    with tempfile.TemporaryDirectory() as place:
        define = [f"-D{mutant}"] if mutant else []
        subprocess.run(["spin", *define, "-a", str(MODEL)], cwd=place, check=True, capture_output=True)
        subprocess.run(["cc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=3000", "-o", "pan", "pan.c"], cwd=place, check=True)
        out = subprocess.run(["./pan", "-m200000", "-w22"], cwd=place, capture_output=True, text=True).stdout
    if "out of memory" in out or "max search depth too small" in out:
        raise SystemExit(f"the search did not end:\n{out}")
    return int(re.search(r"errors: (\d+)", out).group(1)), int(float(re.search(r"([\d.e+]+) states, stored", out).group(1)))


def main():
    mutants = sorted(set(re.findall(r"#ifdef (MUTANT_\w+)", MODEL.read_text())))
    failed = False
    for mutant in [None, *mutants]:
        errors, states = explore(mutant)
        good = (errors > 0) == (mutant is not None)
        failed |= not good
        print(f"{mutant or 'the protocol':<36} {states:>10} states  {errors} errors  {'ok' if good else 'NOT as expected'}", flush=True)
    return 1 if failed or not mutants else 0


if __name__ == "__main__":
    sys.exit(main())

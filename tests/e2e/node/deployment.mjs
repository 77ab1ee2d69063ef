// What the tests have in common: the client as any program makes it, all of it from the environment, and the keys that the
// caller of these tests has made.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KMSClient } from "@aws-sdk/client-kms";

export const kms = new KMSClient({ maxAttempts: 2 });

export function named(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

export async function refusal(command) {
  try {
    await kms.send(command);
  } catch (error) {
    return error;
  }
  return assert.fail(`${command.constructor.name} was not refused`);
}

/** openssl's word on a signature of `message`. */
export function opensslVerifies(publicKeyDer, signature, message, ...options) {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-sdk-"));
  try {
    for (const [name, content] of Object.entries({ key: publicKeyDer, signature, message }))
      writeFileSync(join(directory, name), content);
    const done = spawnSync("openssl", ["dgst", "-sha256", "-verify", "key", "-keyform", "DER", "-signature", "signature",
      ...options, "message"], { cwd: directory, encoding: "utf8" });
    return done.stdout.trim();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

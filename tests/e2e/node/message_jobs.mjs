// The same lines of JSON as tests/tools/message_jobs.cpp reads, done by the AWS Encryption SDK for JavaScript.
import { constants } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import {
  AlgorithmSuiteIdentifier, buildAwsKmsMrkAwareStrictMultiKeyringNode, buildClient, CommitmentPolicy, KmsKeyringNode,
  MultiKeyringNode, RawAesKeyringNode, RawAesWrappingSuiteIdentifier, RawRsaKeyringNode,
} from "@aws-crypto/client-node";

const wrapping = {
  16: RawAesWrappingSuiteIdentifier.AES128_GCM_IV12_TAG16_NO_PADDING,
  24: RawAesWrappingSuiteIdentifier.AES192_GCM_IV12_TAG16_NO_PADDING,
  32: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
};

function makeKeyring(what) {
  switch (what.type) {
    case "aes": {
      const key = Buffer.from(what.key, "hex");
      // The SDK wants memory of the key's own, not a slice of Node's pool.
      const unencryptedMasterKey = new Uint8Array(key.length);
      unencryptedMasterKey.set(key);
      return new RawAesKeyringNode({ keyName: what.name, keyNamespace: what.namespace, unencryptedMasterKey,
        wrappingSuite: wrapping[key.length], utf8Sorting: true });
    }
    case "rsa": {
      const oaepHash = { oaep_sha1: "sha1", oaep_sha256: "sha256", oaep_sha384: "sha384", oaep_sha512: "sha512" }[what.padding];
      const rsaKey = {};
      if (what.public) rsaKey.publicKey = readFileSync(what.public, "utf8");
      if (what.private) rsaKey.privateKey = readFileSync(what.private, "utf8");
      return new RawRsaKeyringNode({ keyName: what.name, keyNamespace: what.namespace, rsaKey,
        ...(oaepHash ? { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash } : { padding: constants.RSA_PKCS1_PADDING }) });
    }
    case "multi":
      return new MultiKeyringNode({ generator: what.generator && makeKeyring(what.generator),
        children: what.children.map(makeKeyring) });
    case "kms-mrk":
      return buildAwsKmsMrkAwareStrictMultiKeyringNode({ generatorKeyId: what.generator, keyIds: what.others ?? [] });
    case "kms-discovery":
      return new KmsKeyringNode({ discovery: true });
    default:
      return new KmsKeyringNode({ generatorKeyId: what.generator, keyIds: what.others ?? [], grantTokens: what.tokens });
  }
}

async function run(job) {
  const input = readFileSync(job.in);
  const keyring = makeKeyring(job.keyring);
  if (job.do === "encrypt") {
    const suiteId = parseInt(job.suite, 16);
    if (AlgorithmSuiteIdentifier[suiteId] === undefined) throw new Error(`suite ${job.suite} is not known`);
    const policy = suiteId >= 0x0400 ? CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
      : CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT;
    const { result } = await buildClient(policy).encrypt(keyring, input,
      { suiteId, frameLength: job.frame, encryptionContext: job.context });
    writeFileSync(job.out, result);
    return { bytes: result.length };
  }
  const { decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT);
  const { plaintext, messageHeader } = await decrypt(keyring, input);
  writeFileSync(job.out, plaintext);
  return { context: messageHeader.encryptionContext, suite: messageHeader.suiteId.toString(16).padStart(4, "0") };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await run(JSON.parse(line));
  } catch (error) {
    answer = { error: String(error?.message ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

// The AWS Encryption SDK for JavaScript with KMS keyrings: envelopes that others of its kind read.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import {
  buildAwsKmsMrkAwareStrictMultiKeyringNode, buildClient, CommitmentPolicy, KmsKeyringNode,
} from "@aws-crypto/client-node";
import { CreateKeyCommand, DescribeKeyCommand, DisableKeyCommand, KMSClient, ReplicateKeyCommand } from "@aws-sdk/client-kms";
import { kms, named } from "./deployment.mjs";

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const context = { purpose: "test", origin: "a machine of ours" };
const domain = (await kms.send(new CreateKeyCommand({ Description: "generates data keys" }))).KeyMetadata;
const store = named("STORE_KEY");

async function roundTrip(encrypting, decrypting, plaintext) {
  const { result } = await encrypt(encrypting, plaintext, { encryptionContext: context });
  const opened = await decrypt(decrypting, result);
  assert.ok(opened.plaintext.equals(plaintext));
  for (const [name, value] of Object.entries(context)) assert.equal(opened.messageHeader.encryptionContext[name], value);
  return result;
}

test("A key of the default key store", async () => {
  const keyring = new KmsKeyringNode({ generatorKeyId: domain.Arn });
  for (const size of [0, 1, 4096, 300_000]) await roundTrip(keyring, keyring, randomBytes(size));
});

test("A key of a custom key store", async () => {
  const keyring = new KmsKeyringNode({ generatorKeyId: store });
  for (const size of [1, 300_000]) await roundTrip(keyring, keyring, randomBytes(size));
});

test("Either of two keys opens what both have sealed", async () => {
  const both = new KmsKeyringNode({ generatorKeyId: domain.Arn, keyIds: [store] });
  const plaintext = randomBytes(1000);
  const sealed = await roundTrip(both, both, plaintext);
  for (const one of [domain.Arn, store])
    assert.ok((await decrypt(new KmsKeyringNode({ keyIds: [one] }), sealed)).plaintext.equals(plaintext));
  const region = domain.Arn.split(":")[3];
  const discovering = new KmsKeyringNode({
    discovery: true, discoveryFilter: { accountIDs: [domain.AWSAccountId], partition: "aws" } });
  assert.ok((await decrypt(discovering, sealed)).plaintext.equals(plaintext), region);
  await kms.send(new DisableKeyCommand({ KeyId: domain.KeyId }));
  await assert.rejects(decrypt(new KmsKeyringNode({ keyIds: [domain.Arn] }), sealed));
  assert.ok((await decrypt(both, sealed)).plaintext.equals(plaintext), "the other key is left");
});

test("A multi-Region key opens in each of its Regions", async () => {
  const primary = (await kms.send(new CreateKeyCommand({ MultiRegion: true }))).KeyMetadata;
  const region = "eu-west-1";
  const elsewhere = new KMSClient({ region });
  await kms.send(new ReplicateKeyCommand({ KeyId: primary.KeyId, ReplicaRegion: region }));
  const deadline = Date.now() + 60_000;
  let replica;
  do {
    replica = (await elsewhere.send(new DescribeKeyCommand({ KeyId: primary.KeyId }))).KeyMetadata;
  } while (replica.KeyState !== "Enabled" && Date.now() < deadline);
  assert.equal(replica.KeyState, "Enabled");
  assert.equal(replica.MultiRegionConfiguration.MultiRegionKeyType, "REPLICA");
  const keyring = (generatorKeyId) => buildAwsKmsMrkAwareStrictMultiKeyringNode({ generatorKeyId });
  const plaintext = randomBytes(1000);
  for (const [from, to] of [[primary, replica], [replica, primary]])
    await roundTrip(keyring(from.Arn), keyring(to.Arn), plaintext);
  const sealed = await roundTrip(keyring(primary.Arn), keyring(primary.Arn), plaintext);
  await assert.rejects(decrypt(new KmsKeyringNode({ keyIds: [replica.Arn] }), sealed), "a keyring that knows no multi-Region keys");
});

test("What was changed does not open", async () => {
  const keyring = new KmsKeyringNode({ generatorKeyId: store });
  const { result } = await encrypt(keyring, randomBytes(100), { encryptionContext: context });
  for (const at of [result.length - 1, result.length >> 1, 120]) {
    const spoilt = Buffer.from(result);
    spoilt[at] ^= 1;
    await assert.rejects(decrypt(keyring, spoilt), `byte ${at}`);
  }
});

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { nodeIdOf } from "../../../../node/cluster/mesh/node-id.ts";
import { isSignedBy, openNodeKey, publicKeyOf, signWith } from "../../../../node/cluster/mesh/node-key.ts";
import { failureOf } from "../../../../protocols/index.ts";

describe("the key of a node", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "plexus-node-key-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const bytes = Buffer.from("who was here");

  it("vouches for bytes, and for no others; the peer id is enough to see it", async () => {
    const key = await openNodeKey(folder);
    const signature = await signWith(key, bytes);
    expect(await isSignedBy(key.peer, bytes, signature)).to.equal(true);
    expect(await isSignedBy(key.peer, Buffer.from("who was there"), signature)).to.equal(false);
    expect(await isSignedBy("no peer id", bytes, signature)).to.equal(false);
    expect(await isSignedBy(key.peer, bytes, Buffer.alloc(3))).to.equal(false);
    await mkdir(join(folder, "other"));
    const other = await openNodeKey(join(folder, "other"));
    expect(await isSignedBy(other.peer, bytes, signature)).to.equal(false);
  });

  it("is an Ed25519 key whose public half is in the peer id, of which the node's id is made", async () => {
    const key = await openNodeKey(folder);
    expect(publicKeyOf(key.peer)).to.have.length(32);
    expect(publicKeyOf("no peer id")).to.equal(undefined);
    expect(nodeIdOf(key)).to.match(/^[0-9a-f]{16}$/);
    expect(nodeIdOf(await openNodeKey(folder))).to.equal(nodeIdOf(key));
  });

  it("is not made anew in the place of one that cannot be read", async () => {
    await mkdir(join(folder, "node.key"));
    const code = await openNodeKey(folder).then(
      () => "opened",
      (error: unknown) => failureOf(error).code,
    );
    expect(code).to.equal("DATA_DAMAGED");
  });
});

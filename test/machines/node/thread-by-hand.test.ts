/** A whole thread is had of a folder of backups and the shares without Plexus: by the programs in
 *  docs/backup/by-hand.md. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { threadByHand } from "../../fixtures/processes/by-hand.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";

interface Message {
  readonly seq: number;
  readonly author: string;
  readonly text: string;
}

describe("a thread of a backup, by the programs on the page", () => {
  it("comes out of a folder, or a copy of it, and any shares that suffice, over epochs and runs", async () => {
    await using top = await createDataFolder();
    const at = (name: string): string => join(top.path, name);
    const texts: string[] = [];
    {
      await using node = new NodeProcess(at("data"));
      await node.start();
      const ada = await node.signUp("ada");
      for (const room of ["den", "other"]) await node.http("POST", "/api/v1/rooms", { room }, ada);
      const post = async (text: string, room = "den"): Promise<void> => {
        expect((await node.http("POST", `/api/v1/rooms/${room}/messages`, { text }, ada)).status).to.be.below(300);
        if (room === "den") texts.push(text);
      };
      await plexus(node, "backup", "kit", "make", "--to", at("kit"), "--shares", "3", "--needed", "2");
      for (let n = 0; n < 6; n += 1) await post(`${n} Grüße 👋 `.repeat(1 + 40 * n).trim());
      await post("nothing of it", "other");
      await plexus(node, "backup", "run", "--to", at("backups"));
      await plexus(node, "backup", "rotate");
      await post("of another epoch");
      await plexus(node, "backup", "run", "--to", at("backups"));
      await plexus(node, "backup", "copy", "--from", at("backups"), "--to", at("copy"));
    }
    const share = (number: number): string => join(at("kit"), `share-${number}-of-3.txt`);
    for (const [folder, shares] of [
      ["backups", [1, 3]],
      ["copy", [2, 3]],
    ] as const) {
      const records = threadByHand(at(`work-${folder}`), "room/den", {
        folders: [at(folder)],
        shares: shares.map(share),
      });
      const messages = records.filter(([key]) => key.startsWith("message/")).map(([, record]) => record as Message);
      expect(
        messages.map(({ text }) => text),
        folder,
      ).to.deep.equal(texts);
      const events = records
        .filter(([key]) => key.startsWith("event/"))
        .map(([, event]) => event as { readonly message?: Message });
      expect(
        events.flatMap(({ message }) => message?.text ?? []),
        "the events that told of them",
      ).to.deep.equal(texts);
      expect(new Set(messages.map(({ author }) => author))).to.deep.equal(new Set(["user/ada"]));
    }
  });

  it("comes out of what version 1 of the format has written", async () => {
    await using top = await createDataFolder();
    const kept = JSON.parse(readFileSync(join(import.meta.dirname, "../../unit/backup/kept-backup-1.json"), "utf8")) as { readonly shares: readonly string[]; readonly texts: readonly string[]; readonly files: Readonly<Record<string, string>> }; // prettier-ignore
    const shares = kept.shares.map((share, at) => {
      const file = join(top.path, `share-${at}.txt`);
      writeFileSync(file, share);
      return file;
    });
    for (const [path, bytes] of Object.entries(kept.files)) {
      mkdirSync(dirname(join(top.path, path)), { recursive: true });
      writeFileSync(join(top.path, path), Buffer.from(bytes, "base64"));
    }
    const records = threadByHand(join(top.path, "work"), "room/den", { folders: [join(top.path, "backups")], shares });
    const messages = records.filter(([key]) => key.startsWith("message/")).map(([, record]) => record as Message);
    expect(messages.map(({ text }) => text)).to.deep.equal(kept.texts);
  });
});

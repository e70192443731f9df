/** The pages on backups, the directory and the disk: each line of their boxes, typed on the machine of a node of a
 *  cluster in the order of the page, or named here with where else it is tried, or why it is not. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { ShardsView } from "../../../protocols/index.ts";
import { ClusterProcesses } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";
import { findEtcd, startEtcd, type EtcdCluster } from "../../fixtures/processes/etcd-server.ts";
import { createDataFolder } from "../../fixtures/processes/node-process.ts";
import { runPlexus } from "../../fixtures/processes/plexus-command.ts";

const docs = join(import.meta.dirname, "../../../docs");
const pages = ["backup/keys", "backup/backups", "backup/restore", "operate/disk", "operate/directory"] as const;
type Page = (typeof pages)[number];

/** The lines in the boxes of a page, without what is said of them. */
const linesOf = (page: Page): readonly string[] =>
  [...readFileSync(join(docs, `${page}.md`), "utf8").matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)]
    .flatMap(([, box = ""]) => box.replaceAll(/\\\n\s*/g, "").split("\n"))
    .map((line) => line.replace(/\s+#\s.*$/, "").trim())
    .filter((line) => line !== "");

/** A folder has what one node had; of a cluster that is not all, and so it is said. */
const alone = { refused: /Not in it[\s\S]*A node was started from it/ } as const;

/** What each line that is typed here says. Where that is a refusal, it is the right answer here. */
const typed: Readonly<Record<string, RegExp | { readonly refused: RegExp }>> = {
  "plexus backup kit make --to ./kit": /✔ Kit \w+/,
  "plexus backup kit check share-1-of-5.txt share-2-of-5.txt share-4-of-5.txt": /This is the key of kit/,
  "plexus backup keys": /epoch/i,
  "plexus backup run": /Snapshot 1/,
  "plexus backup list": /\b1\b/,
  "plexus backup show": /Snapshot 1/i,
  "plexus backup verify --depth data": /✔/,
  "plexus backup recall --room lobby --at 1d --to ./lobby": { refused: /snapshot/i },
  "plexus backup prune --keep-daily 7 --keep-weekly 8": /snapshot/i,
  "plexus backup schedule set nightly --cron '0 3 * * *' --time-zone Europe/Vienna": /nightly/,
  "plexus backup tasks": /run/,
  "plexus backup cancel 12": /done/i,
  "plexus backup resume 12": { refused: /begin it again/ },
  "plexus backup run --to /mnt/backup/ann": /Snapshot 1/,
  "plexus backup list --from /mnt/backup/ann": /\b1\b/,
  "plexus backup show --from /mnt/backup/ann": /Snapshot 1/i,
  "plexus backup verify --from /mnt/backup/ann": /✔/,
  "plexus backup recall --from /mnt/backup/ann --room lobby --at 1d --to ./lobby": { refused: /snapshot/i },
  "plexus backup recall --from /mnt/backup/ann --person ada --since 2026-11-01 --dry-run": /snapshot 1/i,
  "plexus backup prune --from /mnt/backup/ann --keep-daily 7 --keep-weekly 8": /snapshot/i,
  "plexus backup recall --into-place --room lobby --since 7d --deleted --dry-run":
    /Nothing was changed. It would bring/,
  "plexus backup recall --into-place --room lobby --since 7d --deleted": /--undo \w+/,
  "plexus backup recall --room lobby --undo 9c1f0a77b2d4e836": /./,
  "plexus backup recall --from /mnt/backup/ann --into-place --person ada": /Recall \w+/,
  "plexus backup copy --to /media/usb/cluster": /has 1 snapshot/,
  "plexus backup copy --from /mnt/backup/ann --to /media/usb/ann": /has 1 snapshot/,
  "plexus backup drill": /A node was started from it/,
  "plexus backup drill --scratch /var/tmp/drill": /A node was started from it/,
  "plexus backup drill --from /mnt/backup/ann --scratch /tmp/drill": alone,
  "plexus backup drill --scratch /var/tmp/drill --kit": /The shares make the root of this cluster/,
  "plexus backup drill --from /mnt/backup/ann --scratch /tmp/drill --kit": alone,
  ["plexus backup drill --from /copy-of-bee/shards --from /copy-of-cat/shards " +
  "--from /copy-of-dan/shards --scratch /tmp/drill --kit"]: /The scratch folder is empty again/,
  "plexus disk": /not encrypted/i,
  "plexus disk encrypt --wait": /encrypted/i,
  "plexus disk decrypt": /./,
  "plexus nodes": /Directory: (?:3 voters|etcd at|1 voter)/,
  "plexus directory voters": /3/,
  "plexus directory voters 5": /5/,
  "plexus directory voters 1": /1/,
  "plexus doctor --etcd http://10.0.0.5:2379 http://10.0.0.6:2379 http://10.0.0.7:2379": /etcd/i,
  "plexus directory migrate --etcd http://10.0.0.5:2379 http://10.0.0.6:2379 http://10.0.0.7:2379": /./,
  "plexus nodes roles node-b manager,chat,ai,gateway": /node-b/,
  "plexus directory migrate --managers": /./,
};

/** Lines that are not typed here: where they are, or why nowhere. */
const elsewhere: Readonly<Record<string, string>> = {
  "plexus backup kit make --lost --to ./kit": "test/machines/node/keys.test.ts: the kit and the keys are lost there",
  "plexus backup kit trust angle-tiger-…": "test/machines/node/keys.test.ts",
  "cd /opt/plexus": "there is no installation here",
  ["npm_config_nodedir=$PWD/node_modules/node-linux-$(uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/') " +
  "npm install --no-save --ignore-scripts=false pkcs11js@2.1.7"]:
    "needs a compiler; test/fixtures/processes/softhsm.ts types it where there is one",
  "plexus backup kit make --to ./kit --pkcs11 /usr/lib/softhsm/libsofthsm2.so --token plexus": "a token, as above",
  "plexus backup kit check --pkcs11 /usr/lib/softhsm/libsofthsm2.so": "a token, as above",
  "plexus backup kit restore --pkcs11 /usr/lib/softhsm/libsofthsm2.so --pin-file /dev/fd/3 3< pin": "a token, as above",
  ["plexus backup restore --from /disk-of-bee/plexus --from /disk-of-cat/plexus " +
  "--from /disk-of-dan/plexus --data /var/lib/plexus"]: "test/machines/cluster/restore-holders.test.ts",
  "plexus disk recover": "test/machines/node/keys.test.ts: the key's file is lost there",
  "etcdctl --endpoints=http://10.0.0.5:2379,http://10.0.0.6:2379,http://10.0.0.7:2379 compact --physical 4711":
    "test/machines/etcd/etcd-full.test.ts: etcd is full there",
  "etcdctl --endpoints=http://10.0.0.5:2379,http://10.0.0.6:2379,http://10.0.0.7:2379 defrag": "as above",
  "etcdctl --endpoints=http://10.0.0.5:2379,http://10.0.0.6:2379,http://10.0.0.7:2379 alarm disarm": "as above",
  "plexus directory recover --data /var/lib/plexus": "test/machines/node/directory-recover.test.ts",
  "plexus up --data /var/lib/plexus": "as above, and each node of all these tests",
};

const etcdLine = /--etcd|--managers/;
const server = findEtcd();

describe("the pages on backups, the directory and the disk", () => {
  let cluster: ClusterProcesses;
  let outside: Awaited<ReturnType<typeof createDataFolder>>;
  let etcd: EtcdCluster | undefined;
  /** The recall that the last line spoke of, and how many folders were written into. */
  let recall = "";
  let token = "";
  /** A message of the snapshot is deleted. */
  const forget = async (): Promise<void> => {
    const { status } = await cluster.first.http("DELETE", "/api/v1/rooms/lobby/messages/2", undefined, token);
    expect(status).to.equal(200);
  };
  before(async () => {
    outside = await createDataFolder();
    if ("path" in server) etcd = await startEtcd(server.path, 3);
    const roles = "manager,chat,gateway,storage";
    cluster = await ClusterProcesses.start(["node-a", "node-b", "node-c"].map((name) => ({ name, roles })));
    await healthy(cluster, "at the start");
    await until("holders on three nodes", async () => {
      const { groups } = (await cluster.admin("GET", "/api/v1/admin/shards")) as ShardsView;
      const owners = groups.filter(({ open }) => open).flatMap(({ holders }) => holders.map(({ owner }) => owner));
      expect(new Set(owners.filter((owner) => owner !== undefined))).to.have.lengthOf(3);
    });
    token = await cluster.first.signUp("ada");
    await cluster.first.http("POST", "/api/v1/rooms", { room: "lobby" }, token);
    for (const text of ["first", "second"])
      await cluster.first.http("POST", "/api/v1/rooms/lobby/messages", { text }, token);
  });
  after(async () => {
    await cluster[Symbol.asyncDispose]();
    await outside[Symbol.asyncDispose]();
    await etcd?.stop();
  });

  /** The words of a line, with the folders, shares and addresses that there are here. */
  const wordsOf = (line: string): readonly string[] => {
    const at = (name: string): string => join(outside.path, name);
    const shares = [1, 2, 4].map((number) => at(`kit/share-${number}-of-5.txt`)).join(" ");
    const disks = cluster.nodes.map(({ data }) => join(data, "shards"));
    return line
      .replace(/^plexus /, "")
      .replaceAll(/(?<= )(?:(?:\/mnt|\/media|\/var\/tmp|\/tmp)(?:\/\w+)+|\.\/\w+)/g, (path) =>
        at(path.replace(/^[./]+/, "").replaceAll("/", "-")),
      )
      .replaceAll(/http:\/\/10\.0\.0\.([567]):2379/g, (_, number) => etcd?.endpoints[Number(number) - 5] ?? "")
      .replaceAll(/\/copy-of-(bee|cat|dan)\/shards/g, (_, name) => disks[["bee", "cat", "dan"].indexOf(name)] ?? "")
      .replaceAll(/(?<= )share-(\d)-of-5.txt/g, (_, number: string) => at(`kit/share-${number}-of-5.txt`))
      .replace("--kit", `--kit ${shares}`)
      .replace(/ 12$/, " 1")
      .replace("9c1f0a77b2d4e836", recall)
      .replace(/^(backup prune|directory migrate|disk encrypt|disk decrypt)/, (name) =>
        /prune|migrate/.test(name) ? `${name} --yes` : name,
      )
      .match(/'[^']*'|\S+/g)
      ?.map((word) => word.replaceAll("'", "")) as readonly string[];
  };

  it("have the lines that are typed here, and those of which it is said why they are not", () => {
    const known = [...Object.keys(typed), ...Object.keys(elsewhere)];
    expect([...new Set(pages.flatMap(linesOf))].toSorted()).to.deep.equal(known.toSorted());
  });

  for (const page of pages)
    for (const [index, line] of linesOf(page).entries()) {
      const says = typed[line];
      if (says === undefined) continue;
      const needsEtcd = etcdLine.test(line) && "missing" in server;
      if (needsEtcd) it.skip(`${page} ${index}: ${line}: ${server.missing}`, () => undefined);
      else
        it(`${page} ${index}: ${line}`, async () => {
          const what = async (): Promise<void> => {
            const { code, stdout, stderr } = await runPlexus(...wordsOf(line), "--data", cluster.first.data);
            const isRefused = "refused" in says;
            expect(code === 0, stdout + stderr).to.equal(!isRefused);
            expect(stdout + stderr).to.match(isRefused ? says.refused : says);
            recall = /--undo (\w+)/.exec(stdout + stderr)?.[1] ?? recall;
          };
          if (line.includes("--deleted --dry-run")) await forget();
          // What a line before it has begun may still go on.
          if (line === "plexus nodes") await until(line, what);
          else await what();
        });
    }
});

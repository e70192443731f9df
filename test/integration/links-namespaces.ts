/** Each node in a network namespace of its own, on a cable to a router in another one, which drops what is cut.
 *
 *      test ── 10.N.0.0/30 ── router ── 10.N.1.0/30 ── node 1
 *                               └────── 10.N.2.0/30 ── node 2 …
 *
 *  Namespaces end with the test process at the latest; what a killed one left behind is removed by the next. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { Links } from "./links.ts";
import { patience } from "../waits.ts";

const prefix = "plexus-";
const blocks = Array.from({ length: 100 }, (_, index) => `10.${100 + ((process.pid + index) % 100)}`);

function ip(...words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync("ip", words, { encoding: "utf8", timeout: patience * 10_000 });
  if (status !== 0) throw new Error(`ip ${words.join(" ")}: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

const namespaces = (): string[] =>
  ip("netns", "list")
    .split("\n")
    .flatMap((line) => line.split(" ")[0] || []);

function sweep(): void {
  for (const name of namespaces()) {
    const pid = name.startsWith(prefix) ? name.slice(prefix.length).split("-")[0] : undefined;
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) ip("netns", "delete", name);
  }
}

/** Why there are no namespaces here. */
export function missingForNamespaces(): string | undefined {
  if (process.platform !== "linux") return "it takes Linux";
  if (process.getuid?.() !== 0) return "it takes root";
  const probe = `${prefix}${process.pid}-probe`;
  try {
    sweep();
    ip("netns", "add", probe);
    try {
      ip("-n", probe, "rule", "add", "from", "10.0.0.1", "to", "10.0.0.2", "blackhole");
      ip("-n", probe, "link", "add", "name", "one", "type", "veth", "peer", "name", "other");
    } finally {
      ip("netns", "delete", probe);
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

export function layNamespaces(): Promise<Links> {
  const router = `${prefix}${process.pid}-router`;
  const made: string[] = [];
  const create = (name: string): void => {
    ip("netns", "add", name);
    made.push(name);
    ip("-n", name, "link", "set", "lo", "up");
  };
  const removeAll = (): void => {
    for (const name of made.splice(0)) spawnSync("ip", ["netns", "delete", name]);
  };
  process.once("exit", removeAll);
  try {
    return Promise.resolve(lay(router, create, removeAll));
  } catch (error) {
    removeAll();
    throw error;
  }
}

function lay(router: string, create: (name: string) => void, removeAll: () => void): Links {
  create(router);
  ip("netns", "exec", router, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward");
  const cable = `plx${process.pid}`;
  ip("link", "add", cable, "type", "veth", "peer", "name", "test", "netns", router);
  const block = blocks.find((each) => {
    // The route is what two runs at the same time would fight for.
    const taken = ip("route", "show", `${each}.0.0/16`).trim() !== "";
    if (!taken) ip("address", "add", `${each}.0.2/30`, "dev", cable);
    return !taken;
  });
  if (block === undefined) throw new Error("no free block of addresses");
  ip("link", "set", cable, "up");
  ip("-n", router, "address", "add", `${block}.0.1/30`, "dev", "test");
  ip("-n", router, "link", "set", "test", "up");
  ip("route", "add", `${block}.0.0/16`, "via", `${block}.0.1`);

  const addresses = new Map<string, string>();
  const cuts = new Set<string>();
  const addressOf = (name: string): string => {
    const address = addresses.get(name);
    if (address === undefined) throw new Error(`${name} has no seat`);
    return address;
  };
  const rule = (change: "add" | "delete", from: string, to: string): void =>
    void ip("-n", router, "rule", change, "from", addressOf(from), "to", addressOf(to), "blackhole");
  const mend = (): void => {
    for (const cut of cuts) {
      const [from, to] = cut.split(" ") as [string, string];
      rule("delete", from, to);
    }
    cuts.clear();
  };
  return {
    seat(name) {
      const number = addresses.size + 1;
      const namespace = `${prefix}${process.pid}-${number}`;
      const address = `${block}.${number}.2`;
      create(namespace);
      ip("-n", router, "link", "add", `node${number}`, "type", "veth", "peer", "name", "eth0", "netns", namespace);
      ip("-n", router, "address", "add", `${block}.${number}.1/30`, "dev", `node${number}`);
      ip("-n", router, "link", "set", `node${number}`, "up");
      ip("-n", namespace, "address", "add", `${address}/30`, "dev", "eth0");
      ip("-n", namespace, "link", "set", "eth0", "up");
      ip("-n", namespace, "route", "add", "default", "via", `${block}.${number}.1`);
      addresses.set(name, address);
      return Promise.resolve({
        launcher: ["ip", "netns", "exec", namespace],
        flags: ["--host", address, "--mesh-host", address, "--mesh-port", "7071"],
      });
    },
    cut(from, to) {
      const cut = `${from} ${to}`;
      if (cuts.has(cut)) return;
      rule("add", from, to);
      cuts.add(cut);
    },
    mend,
    [Symbol.asyncDispose]() {
      process.off("exit", removeAll);
      removeAll();
      return Promise.resolve();
    },
  };
}

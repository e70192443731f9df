import { lstat, readdir } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import type { Config } from "../../config/index.ts";
import { describeMode, diskKeyFile } from "../../node/data-folder/index.ts";
import type { DiskStatus, KeysStatus, Quota } from "../../protocols/index.ts";
import { callsTo } from "../node/admin.ts";
import { findRunning, localTarget } from "../cluster/control.ts";
import { describeCheck } from "./index.ts";
import { apiKeyChecks, readApiKeys, type ApiKeys } from "./api-keys.ts";
import type { Check } from "./check.ts";
import { installation } from "../up/installation.ts";
import { counted, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";
import { verifyFolder, type Verdict } from "../release/index.ts";

/** What the checklist is judged by. */
export interface SecurityFacts {
  readonly config: Pick<
    Config,
    | "host"
    | "tls"
    | "signUp"
    | "trustedProxies"
    | "adminAddresses"
    | "blockLists"
    | "metricsListen"
    | "allowedOrigins"
    | "diskKey"
    | "leakedPasswords"
  >;
  readonly nowMs: number;
  /** Whether the process may do anything on this machine. */
  readonly isRoot: boolean;
  /** What others than the owner may read or change in the data folder, worst first. Undefined: there is no folder
   *  yet. */
  readonly exposed: readonly { readonly path: string; readonly mode: number }[] | undefined;
  /** As a running node says; undefined: none runs on this folder. */
  readonly keys: KeysStatus | undefined;
  readonly disk: DiskStatus | undefined;
  readonly quotas: readonly Pick<Quota, "role" | "measure">[] | undefined;
  readonly apiKeys: ApiKeys | undefined;
  /** Whether the folder has a key of an encrypted disk. */
  readonly hasDiskKey: boolean;
  readonly release: Verdict;
}

const dayMs = 24 * 3_600_000;
/** Keys of backups that are older should be rotated. NIST SP 800-57 lets keys that encrypt data be used for up to two
 *  years. */
const epochDaysMax = 365;
/** Ranges of proxies that are wider than this contain clients. */
const proxyBitsMin = { 4: 16, 6: 48 } as const;

const isLoopback = (host: string): boolean => host === "localhost" || host === "::1" || host.startsWith("127.");

/** The checklist of `plexus doctor --security`. */
export function securityChecks(facts: SecurityFacts): readonly Check[] {
  const { config } = facts;
  const isPublic = !isLoopback(config.host);
  return [
    releaseCheck(facts.release),
    facts.isRoot
      ? {
          name: "User",
          state: "warning",
          says: "this command runs as root",
          hint: "Run the node as its own user, so that a fault in it can reach only what that user can.",
        }
      : { name: "User", state: "good", says: "not root" },
    permissionsCheck(facts.exposed),
    signUpCheck(config.signUp, isPublic),
    passwordsCheck(config.leakedPasswords, isPublic),
    quotasCheck(facts, isPublic),
    transportCheck(config, isPublic),
    ...proxyChecks(config.trustedProxies),
    adminCheck(config.adminAddresses, isPublic),
    ...config.blockLists
      .filter((source) => source.startsWith("http://"))
      .map((source): Check => ({
        name: "Block list",
        state: "warning",
        says: `${source} is fetched without encryption: somebody on the way can change it and block anybody`,
        hint: "Use https.",
      })),
    ...metricsChecks(config.metricsListen),
    ...(config.allowedOrigins.includes("*")
      ? [
          {
            name: "Origins",
            state: "warning",
            says: "pages of every site may use the interfaces for AI clients",
            hint: "Name the sites: allowedOrigins.",
          } as const,
        ]
      : []),
    diskCheck(facts),
    ...keyChecks(facts),
    ...apiKeyChecks(facts.apiKeys, facts.nowMs),
  ];
}

function releaseCheck(verdict: Verdict): Check {
  const name = "Installation";
  if (verdict.type === "unsigned")
    return {
      name,
      state: "warning",
      says: `unsigned: ${verdict.reason}`,
      hint: "Install a release, or check the sources yourself: docs/operate/security.md.",
    };
  if (verdict.type === "forged")
    return {
      name,
      state: "bad",
      says: verdict.reason,
      hint: "Install it again from a release that you have verified.",
    };
  const { changed, missing, added, same } = verdict;
  const wrong = [...changed, ...missing, ...added];
  if (wrong.length > 0)
    return {
      name,
      state: "bad",
      says: `${counted(wrong.length, "file")} not as signed: ${wrong.slice(0, 3).join(", ")}`,
      hint: "plexus verify-release names all. Install the release again, and ask who changed it.",
    };
  return {
    name,
    state: "good",
    says: `${counted(same, "thing")} as signed by the key that came with it, ${verdict.fingerprint.slice(0, 16)}…`,
  };
}

function permissionsCheck(exposed: SecurityFacts["exposed"]): Check {
  const name = "Permissions";
  if (exposed === undefined) return { name, state: "skipped", says: "there is no data folder yet" };
  const [worst] = exposed;
  if (worst === undefined) return { name, state: "good", says: "only the owner can read the data folder" };
  const more = exposed.length > 1 ? `, and ${counted(exposed.length - 1, "more")}` : "";
  const says =
    `other users can ${(worst.mode & 0o022) === 0 ? "read" : "change"} ${worst.path} (mode ` +
    `${describeMode(worst.mode)})${more}`;
  return {
    name,
    state: "bad",
    says,
    hint: "Run chmod 700 on folders and 600 on files. Anybody who could read them may have keys and messages.",
  };
}

function signUpCheck(signUp: Config["signUp"], isPublic: boolean): Check {
  const name = "Sign-up";
  if (signUp !== "open") return { name, state: "good", says: signUp === "closed" ? "closed" : `by ${signUp}` };
  if (!isPublic) return { name, state: "good", says: "open, to this machine only" };
  return {
    name,
    state: "warning",
    says: "open: everybody who reaches this node can make an account",
    hint: "Set signUp to invitation, or to closed when everybody has an account.",
  };
}

function passwordsCheck(file: string | undefined, isPublic: boolean): Check {
  const name = "Passwords";
  if (file !== undefined) return { name, state: "good", says: `those in ${file} are refused` };
  if (!isPublic) return { name, state: "good", says: "guessed by this machine only" };
  return {
    name,
    state: "warning",
    says: "people may take passwords that are known from leaks",
    hint: "Set leakedPasswords to a file: docs/operate/people.md, Passwords that nobody may take.",
  };
}

const measured = (measure: string): string => (measure === "stored" ? "bytes that they keep" : measure);

/** What somebody may use up who made an account unasked: nobody looks at that before the bill or the full disk. */
function quotasCheck({ config, quotas }: SecurityFacts, isPublic: boolean): Check {
  const name = "Quotas";
  if (config.signUp === "closed" || config.signUp === "invitation" || !isPublic)
    return { name, state: "good", says: "strangers make no accounts" };
  if (quotas === undefined) return { name, state: "skipped", says: "no node runs on this data folder" };
  const without = (["tokens", "bytes", "messages", "stored"] as const).filter(
    (measure) => !quotas.some((one) => one.role === "member" && one.measure === measure),
  );
  if (without.length === 0) return { name, state: "good", says: "members have one of each sort" };
  return {
    name,
    state: "warning",
    says: `everybody who makes an account may use any number of ${without.map(measured).join(", ")}`,
    hint: "plexus quotas set member --tokens 1M --per day, and so on.",
  };
}

function transportCheck({ host, tls, trustedProxies }: SecurityFacts["config"], isPublic: boolean): Check {
  const name = "Transport";
  if (!isPublic) return { name, state: "good", says: `listens on ${host} only` };
  if (tls.cert !== undefined) return { name, state: "good", says: `listens on ${host}, with TLS` };
  if (trustedProxies.length > 0)
    return {
      name,
      state: "warning",
      says: `listens on ${host}, behind a proxy with TLS; connections to the port itself are not encrypted`,
      hint: "Listen on the address that only the proxy reaches, or close the port to others.",
    };
  return {
    name,
    state: "bad",
    says: `listens on ${host} without TLS: passwords and messages can be read on the way`,
    hint:
      "Give it a certificate (--tls-cert, --tls-key), or put a proxy with TLS in front and name it: " +
      "docs/operate/start.md, TLS.",
  };
}

function proxyChecks(proxies: readonly string[]): readonly Check[] {
  const name = "Proxies";
  const wide = proxies.filter((entry) => {
    const [address = "", bits] = entry.split("/");
    return bits !== undefined && Number(bits) < proxyBitsMin[isIP(address) === 6 ? 6 : 4];
  });
  if (wide.length > 0)
    return [
      {
        name,
        state: "bad",
        says:
          `${wide.join(", ")} are trusted as proxies: anybody at these addresses can pretend to come from any ` +
          "address",
        hint: "Name only the proxies themselves.",
      },
    ];
  return proxies.length === 0 ? [] : [{ name, state: "good", says: proxies.join(", ") }];
}

function adminCheck(ranges: readonly string[], isPublic: boolean): Check {
  const name = "Admins";
  if (ranges.length > 0) return { name, state: "good", says: `only from ${ranges.join(", ")}` };
  if (!isPublic) return { name, state: "good", says: "from this machine" };
  return {
    name,
    state: "warning",
    says: "admins are accepted from any address",
    hint: "Set adminAddresses to the admins' addresses and 127.0.0.1.",
  };
}

function metricsChecks(listen: string | undefined): readonly Check[] {
  if (listen === undefined) return [];
  const host = listen.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return isLoopback(host)
    ? [{ name: "Metrics", state: "good", says: `without a token, on ${listen} only` }]
    : [
        {
          name: "Metrics",
          state: "warning",
          says: `anybody who reaches ${listen} can read them`,
          hint: "Listen on 127.0.0.1, or close the port to all but your monitoring.",
        },
      ];
}

function diskCheck({ disk, hasDiskKey, config }: SecurityFacts): Check {
  const name = "Disk";
  const plain: Check = {
    name,
    state: "warning",
    says: "not encrypted: anybody who gets the disk can read it",
    hint: "plexus disk encrypt, or encrypt the file system.",
  };
  if (disk === undefined)
    return hasDiskKey || config.diskKey !== undefined
      ? { name, state: "good", says: "has a key; a running node says more" }
      : plain;
  if (disk.fault !== undefined)
    return { name, state: "bad", says: `${disk.fault.code} while it is rewritten`, hint: "plexus disk" };
  if (disk.state !== "sealed")
    return disk.state === "sealing" ? { name, state: "warning", says: "is being encrypted" } : plain;
  return config.diskKey === undefined
    ? {
        name,
        state: "warning",
        says: `encrypted, but its key is beside it, ${disk.keyFile}`,
        hint: "Keep the key elsewhere: set diskKey.",
      }
    : { name, state: "good", says: `encrypted; its key is ${disk.keyFile}` };
}

function keyChecks({ keys, nowMs }: SecurityFacts): readonly Check[] {
  const name = "Recovery kit";
  if (keys === undefined) return [{ name, state: "skipped", says: "no node runs on this data folder" }];
  if (keys.refused !== undefined)
    return [{ name, state: "bad", says: keys.refused.reason, hint: "docs/backup/keys.md, Keys" }];
  if (keys.root === undefined)
    return [{ name, state: "bad", says: "there is none, so no backup can be made", hint: "plexus backup kit make" }];
  // When an epoch began is not recorded: only the first began with the kit.
  const isFirst = keys.epochs.length === 1;
  const days = Math.max(0, Math.floor((nowMs - keys.root.madeAtMs) / dayMs));
  return [
    { name, state: "good", says: `made ${new Date(keys.root.madeAtMs).toISOString().slice(0, 10)}` },
    !isFirst
      ? { name: "Keys' age", state: "skipped", says: `epoch ${keys.epochs.length}; when it began is not recorded` }
      : days > epochDaysMax
        ? { name: "Keys' age", state: "warning", says: `${days} days, never rotated`, hint: "plexus backup rotate" }
        : { name: "Keys' age", state: "good", says: counted(days, "day") },
    ...((keys.reencrypt ?? []).length > 0
      ? [
          {
            name: "Old keys",
            state: "warning",
            says: "data encrypted with keys that others may know is not all encrypted again yet",
            hint: "plexus backup run, then prune what is older.",
          } as const,
        ]
      : []),
  ];
}

/** Files and folders at the top of a data folder that others may read or change, those they may change first. */
async function exposedIn(data: string): Promise<SecurityFacts["exposed"]> {
  const own = await lstat(data).catch(() => undefined);
  if (own === undefined) return undefined;
  // Behind a folder that is closed nothing is open.
  if ((own.mode & 0o077) === 0) return [];
  const names = await readdir(data).catch(() => []);
  const found = [{ path: data, mode: own.mode }];
  for (const name of names) {
    const path = join(data, name);
    const seen = await lstat(path).catch(() => undefined);
    if (seen !== undefined && !seen.isSymbolicLink() && (seen.mode & 0o077) !== 0)
      found.push({ path, mode: seen.mode });
  }
  return found.toSorted((one, other) => (other.mode & 0o022) - (one.mode & 0o022));
}

/** `plexus doctor --security`: evaluates the checklist. Exit code 1 when something is bad. */
export async function securityDoctor(
  config: Config,
  flags: { readonly json: boolean },
  output: Output,
): Promise<number> {
  const control = await findRunning(config.data);
  const call = control && callsTo(localTarget(control));
  const [keys, disk] = [await call?.("keys.status"), await call?.("disk.show")];
  const quotas = await call?.("quotas.list");
  const apiKeys = call && (await readApiKeys(call));
  const checks = securityChecks({
    config,
    nowMs: Date.now(),
    isRoot: process.getuid?.() === 0,
    exposed: await exposedIn(config.data),
    keys: keys?.ok === true ? keys.value : undefined,
    disk: disk?.ok === true ? disk.value : undefined,
    quotas: quotas?.ok === true ? quotas.value.quotas : undefined,
    apiKeys,
    hasDiskKey: await lstat(diskKeyFile(config.data)).then(
      () => true,
      () => false,
    ),
    release: await verifyFolder(installation.folder),
  });
  const bad = checks.filter(({ state }) => state === "bad").length;
  const warnings = checks.filter(({ state }) => state === "warning").length;
  if (flags.json) output.print(jsonLine({ secure: bad === 0, checks }));
  else {
    for (const check of checks) output.print(describeCheck(check, output.color));
    output.print(bad + warnings === 0 ? "\nNothing to do." : `\n${bad} bad, ${counted(warnings, "warning")}.`);
  }
  return bad === 0 ? exitCodes.ok : exitCodes.failed;
}

/** `plexus service`: a node as a service of systemd, of the machine or of one person. */
import { runWhole } from "../../runtimes/children.ts";
import { existsSync, realpathSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { installation } from "./installation.ts";
import { exitCodes, type Output } from "../terminal/output.ts";

/** What the unit is to say. */
export interface ServicePlan {
  /** Of the person who asks, instead of the machine. */
  readonly user: boolean;
  /** The program that becomes the node. */
  readonly program: string;
  /** An existing account that a service of the machine runs as; without one systemd makes one while it runs. */
  readonly runAs?: string;
  /** Flags of `plexus up`, beyond the data folder. */
  readonly words: readonly string[];
}

/** Where the unit goes and how systemd is spoken to; tests have their own. */
export interface ServicePlace {
  readonly systemUnits: string;
  readonly userUnits: string;
  /** Runs a program. `missing`: there is none of that name. */
  readonly run: (
    program: string,
    words: readonly string[],
  ) => { readonly status: number; readonly said: string; readonly missing: boolean };
}

/** The longest that systemd may take to stop or start the node: a node has 10 s for what is under way. */
const commandMsMax = 60_000;

/** This machine. */
export const thisMachine: ServicePlace = {
  systemUnits: "/etc/systemd/system",
  userUnits: join(process.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config"), "systemd", "user"),
  run(program, words) {
    const { status, error, stdout, stderr } = runWhole(program, words, { timeoutMs: commandMsMax });
    const said = `${stdout ?? ""}${stderr ?? ""}`.trim();
    const missing = error !== undefined && "code" in error && error.code === "ENOENT";
    return { status: status ?? 1, said: said === "" ? (error?.message ?? "") : said, missing };
  },
};

const unitName = "plexus.service";

/** One word of a command line as systemd reads it: quoted, and none of its own signs has a meaning (systemd.service,
 *  systemd.unit). */
export function unitWord(word: string): string {
  if (/[\n\r\0]/.test(word)) throw new PlexusError(failure("BAD_REQUEST", { reason: "a flag has a line break in it" }));
  return `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;
}

/** What only the manager of the machine can do: one of a person has no right to change mounts. Not taken:
 *  MemoryDenyWriteExecute, as JavaScript is compiled while it runs; PrivateDevices, which would hide graphics cards;
 *  PrivateNetwork. */
const walls = [
  "ProtectSystem=strict",
  "ProtectHome=true",
  "PrivateTmp=true",
  "ProtectKernelTunables=true",
  "ProtectKernelModules=true",
  "ProtectKernelLogs=true",
  "ProtectControlGroups=true",
  "ProtectClock=true",
  "ProtectHostname=true",
  "CapabilityBoundingSet=",
  "AmbientCapabilities=",
];

/** The text of the unit. */
export function unitText({ user, program, runAs, words }: ServicePlan): string {
  const command = [program, "up"].map(unitWord).join(" ");
  // The folder that StateDirectory makes, by systemd's own name for it.
  const data = words.includes("--data") ? [] : ["--data", `"%S/plexus"`];
  return [
    "# Written by `plexus service install`, which overwrites it; make changes with `systemctl edit plexus`.",
    "[Unit]",
    "Description=Plexus, chat and AI",
    ...(user ? [] : ["After=network-online.target", "Wants=network-online.target"]),
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    `ExecStart=${[command, ...data, ...words.map(unitWord)].join(" ")}`,
    "ExecReload=/bin/kill -HUP $MAINPID",
    "Restart=always",
    "RestartSec=5",
    "# More than limits.drainTimeoutMs and 2 s.",
    "TimeoutStopSec=20",
    "LimitNOFILE=65536",
    "LimitCORE=0",
    "UMask=0077",
    "StateDirectory=plexus",
    "StateDirectoryMode=0700",
    "CacheDirectory=plexus",
    "Environment=NODE_COMPILE_CACHE=%C/plexus",
    ...(user ? [] : [runAs === undefined ? "DynamicUser=true" : `User=${runAs}`]),
    "NoNewPrivileges=true",
    "RestrictSUIDSGID=true",
    "RestrictRealtime=true",
    "LockPersonality=true",
    "SystemCallArchitectures=native",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    ...(user ? [] : walls),
    "",
    "[Install]",
    `WantedBy=${user ? "default.target" : "multi-user.target"}`,
    "",
  ].join("\n");
}

const pathOf = (user: boolean, place: ServicePlace): string =>
  join(user ? place.userUnits : place.systemUnits, unitName);

/** Runs systemctl. Errors: BAD_REQUEST, with what it says. */
function systemctl(user: boolean, place: ServicePlace, ...words: readonly string[]): void {
  const { status, said, missing } = place.run("systemctl", [...(user ? ["--user"] : []), ...words]);
  if (status === 0) return;
  const reason = missing
    ? "there is no systemctl here; --dry-run prints the unit"
    : `systemctl ${words.join(" ")}: ${said}`;
  throw new PlexusError(failure("BAD_REQUEST", { reason }));
}

/** What systemd finds wrong with a unit; undefined where it finds nothing, or cannot be asked. */
async function complaintOf(text: string, user: boolean, place: ServicePlace): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "plexus-unit-"));
  try {
    const path = join(folder, unitName);
    await writeFile(path, text);
    const { status, said, missing } = place.run("systemd-analyze", [...(user ? ["--user"] : []), "verify", path]);
    return missing || status === 0 ? undefined : said;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `plexus service install`: writes the unit, and has systemd start the node now and with the machine. Error:
 *  BAD_REQUEST. */
export async function installService(
  asked: Omit<ServicePlan, "program"> & { readonly dryRun: boolean; readonly start: boolean },
  output: Output,
  place: ServicePlace = thisMachine,
): Promise<number> {
  const { user, runAs } = asked;
  if (runAs !== undefined && (user || !/^[a-z_][a-z0-9_-]{0,31}\$?$/i.test(runAs)))
    throw new PlexusError(
      failure("BAD_REQUEST", { reason: "--run-as names an account, for a service of the machine" }),
    );
  const program = realpathSync(join(installation.folder, "bin", "plexus"));
  const text = unitText({ ...asked, program });
  if (asked.dryRun) {
    output.print(text.trimEnd());
    return exitCodes.ok;
  }
  if (!user && runAs === undefined && /^\/(home|root|run\/user)\//.test(program)) {
    const reason = `no other account may read ${program}: install Plexus below /opt, or use --user`;
    throw new PlexusError(failure("BAD_REQUEST", { reason }));
  }
  const complaint = await complaintOf(text, user, place);
  if (complaint !== undefined) throw new PlexusError(failure("BAD_REQUEST", { reason: `systemd: ${complaint}` }));
  const path = pathOf(user, place);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { mode: 0o644 });
  } catch (error) {
    const reason = `${path} cannot be written (${(error as Error).message}): as root, or with --user`;
    throw new PlexusError(failure("BAD_REQUEST", { reason }));
  }
  systemctl(user, place, "daemon-reload");
  systemctl(user, place, "enable", ...(asked.start ? ["--now"] : []), unitName);
  const journal = `journalctl ${user ? "--user " : ""}-u plexus`;
  output.print(`${path} is written, and the service ${asked.start ? "runs" : "begins with the machine"}.`);
  output.print(`\`${journal}\` has its log, and with a new cluster the code of the first admin.`);
  if (user) output.print("`loginctl enable-linger` lets it run while you are not signed in.");
  return exitCodes.ok;
}

/** `plexus service uninstall`: ends the node and takes the unit away. The data stays. Errors: NOT_FOUND,
 *  BAD_REQUEST. */
export async function uninstallService(
  user: boolean,
  output: Output,
  place: ServicePlace = thisMachine,
): Promise<number> {
  const path = pathOf(user, place);
  if (!existsSync(path)) throw new PlexusError(failure("NOT_FOUND", { path }));
  systemctl(user, place, "disable", "--now", unitName);
  await rm(path);
  systemctl(user, place, "daemon-reload");
  output.print(`${path} is gone; the data folder is as it was.`);
  return exitCodes.ok;
}

/** `plexus service status`: whether there is a unit and what systemd says of it. */
export function showService(user: boolean, output: Output, place: ServicePlace = thisMachine): number {
  const path = pathOf(user, place);
  if (!existsSync(path)) {
    output.print(`not installed: there is no ${path}`);
    return exitCodes.failed;
  }
  const { status, said, missing } = place.run("systemctl", [...(user ? ["--user"] : []), "is-active", unitName]);
  output.print(`${path}: ${missing ? "unknown, there is no systemctl here" : said}`);
  return status === 0 ? exitCodes.ok : exitCodes.failed;
}

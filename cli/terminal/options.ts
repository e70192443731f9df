import { InvalidArgumentError, Option, type Command } from "commander";
import { parseDurationMs, parseSizeBytes } from "../../config/units.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { roles, type Role } from "../../protocols/ids.ts";
import type { AdminFlags } from "../node/admin.ts";
import type { Move } from "../cluster/cluster.ts";
import { dataFolderOf } from "../settings/folders.ts";
import { cliLimits } from "../limits.ts";

/** What commander shows below the help of a command. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;

/** A flag that may be given several times. */
export const collect = <T>(value: T, before: readonly T[] | undefined): readonly T[] => [...(before ?? []), value];

export const wholeNumber =
  (name: string, min = 0, max = Number.MAX_SAFE_INTEGER) =>
  (text: string) => {
    const range = `${min === 0 ? "" : `, at least ${min}`}${max === Number.MAX_SAFE_INTEGER ? "" : `, at most ${max}`}`;
    if (!/^\d{1,9}$/.test(text) || Number(text) < min || Number(text) > max)
      throw new InvalidArgumentError(`${name} must be a whole number${range}.`);
    return Number(text);
  };

/** As one types it: 1000 → `1s`, 604800000 → `7d`. */
function shortest(durationMs: number): string {
  const units = [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1_000],
  ] as const;
  const [unit, sizeMs] = units.find(([, size]) => durationMs % size === 0) ?? ["ms", 1];
  return `${durationMs / sizeMs}${unit}`;
}

/** `500mb`, `1.5tb`. */
export const size =
  (name: string) =>
  (text: string): number => {
    const bytes = parseSizeBytes(text.toLowerCase());
    if (bytes === undefined || bytes < 1) throw new InvalidArgumentError(`${name} must be a size like 500mb or 2tb.`);
    return bytes;
  };

/** `2`, `0.5`, within bounds. */
export const decimal =
  (name: string, bounds: { readonly min: number; readonly max: number }) =>
  (text: string): number => {
    if (!/^\d{1,9}(\.\d{1,9})?$/.test(text) || Number(text) < bounds.min || Number(text) > bounds.max)
      throw new InvalidArgumentError(`${name} must be a number from ${bounds.min} to ${bounds.max}.`);
    return Number(text);
  };

/** `30s`, `5m`, `1h`, within bounds. */
export const duration =
  (name: string, bounds: { readonly minMs: number; readonly maxMs: number }) =>
  (text: string): number => {
    const durationMs = parseDurationMs(text);
    if (durationMs === undefined) throw new InvalidArgumentError(`${name} must be a duration like 30s, 5m or 1h.`);
    if (durationMs < bounds.minMs || durationMs > bounds.maxMs)
      throw new InvalidArgumentError(
        `${name} must be between ${shortest(bounds.minMs)} and ${shortest(bounds.maxMs)}.`,
      );
    return durationMs;
  };

/** A moment, as milliseconds since 1970: `2026-11-23`, `2026-11-23T09:30`, of this machine's time zone unless it names
 *  one; or `7d`, so long ago. */
export const moment =
  (name: string, nowMs: () => number = Date.now) =>
  (text: string): number => {
    const agoMs = parseDurationMs(text);
    if (agoMs !== undefined) return Math.round(nowMs() - agoMs);
    const parts = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?)?$/.exec(text);
    const [, day = "", time = "00:00", zone = ""] = parts ?? [];
    const atMs = parts === null ? NaN : Date.parse(`${day}T${time}${zone}`);
    // A 30th of February would become a day of March.
    const isDay = !Number.isNaN(Date.parse(day)) && new Date(Date.parse(day)).toISOString().startsWith(day);
    if (Number.isNaN(atMs) || !isDay)
      throw new InvalidArgumentError(
        `${name} must be a time like 2026-11-23, 2026-11-23T09:30, or 7d for seven days ago.`,
      );
    return atMs;
  };

/** The name of a recall into place, as the command prints it. */
export function recallName(text: string): string {
  if (!/^[a-z0-9]{8,64}$/.test(text))
    throw new InvalidArgumentError(
      "It must be a recall's name, which `plexus backup recall --into-place` prints when it begins: 8 to 64 " +
        "small letters and digits.",
    );
  return text;
}

const addressLike =
  (example: string) =>
  (text: string): string => {
    if (!/^https?:$/.test(URL.parse(text)?.protocol ?? ""))
      throw new InvalidArgumentError(`It must be an address like ${example}.`);
    return text;
  };

const nodeAddress = (text: string): string =>
  /^unix:\/./.test(text) ? text : addressLike("https://10.0.0.5:7072 or unix:/run/plexus/control.sock")(text);
const webAddress = addressLike("http://127.0.0.1:7070");
const etcdAddress = (text: string): string => {
  const example = "http://10.0.0.5:2379";
  if (!/:\d+\/?$/.test(addressLike(example)(text)))
    throw new InvalidArgumentError(`It needs its port, like ${example}.`);
  return text;
};

/** One or more addresses, in one word or several. */
const severalOf =
  (read: (text: string) => string) =>
  (text: string, before: readonly string[] | undefined): readonly string[] => [
    ...(before ?? []),
    ...text.split(",").map((address) => read(address.trim())),
  ];

/** Addresses of nodes. */
export const webAddresses = severalOf(webAddress);
/** Addresses of etcd's members. */
export const etcdAddresses = severalOf(etcdAddress);

export const namedValue = (text: string, before: readonly string[] | undefined): readonly string[] => {
  if (!/^[^=]+=/.test(text)) throw new InvalidArgumentError("It must have a name and a value: zone=north.");
  return collect(text, before);
};

/** `zone=north` and more as a table; the last of one name wins. */
export const labelsFrom = (texts: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    texts.map((text) => {
      const [name = "", ...value] = text.split("=");
      return [name, value.join("=")];
    }),
  );

/** One role or several, `chat,ai`, each once. */
export const roleList = (text: string, before: readonly Role[] | undefined): readonly Role[] => {
  const named = text.split(",").map((part) => part.trim());
  const unknown = named.find((name) => !(roles as readonly string[]).includes(name));
  const choices = `Allowed choices are ${roles.join(", ")}`;
  if (unknown !== undefined) throw new InvalidArgumentError(`${choices}.`);
  return [...new Set([...(before ?? []), ...(named as readonly Role[])])];
};

export const json = (): Option => new Option("--json", "print JSON for programs");
export const data = (): Option =>
  new Option("--data <folder>", "data folder of the node (default: ~/.local/share/plexus)");
const url = (): Option => new Option("--url <url>", "address of the node").env("PLEXUS_URL").argParser(webAddress);

/** The flags by which a command goes to another machine. */
interface RemoteOptions {
  readonly endpoint?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
}

const remoteOptions = new WeakSet<Option>();

/** Those flags, as they stand before every command. */
export function remoteFlags(): readonly Option[] {
  const flags = [
    new Option(
      "--endpoint <url>",
      "control endpoint of a node, for all commands of admins: https://10.0.0.5:7072, unix:/path (PLEXUS_ENDPOINT)",
    ).argParser(nodeAddress),
    new Option(
      "--token-file <file>",
      "file with a control token (PLEXUS_TOKEN_FILE, or the token itself in PLEXUS_TOKEN)",
    ),
    new Option("--ca <file>", "authorities to trust besides those of the machine, as PEM (PLEXUS_CA)"),
    new Option("--client-cert <file>", "client certificate to be known by, as PEM (PLEXUS_CLIENT_CERT)"),
    new Option("--client-key <file>", "its key (PLEXUS_CLIENT_KEY)"),
  ];
  // What it was called before; in most commands `--node` names a node of the cluster.
  const before = new Option("--node <url>", "now --endpoint").argParser(nodeAddress).hideHelp();
  for (const flag of [...flags, before]) remoteOptions.add(flag);
  return [...flags, before];
}

const ofAdmins = new WeakSet<Command>();

/** Gives a command the flags for another machine, where they were typed before it or behind it. A command that acts on
 *  this machine refuses them. */
export function handDown(called: Command): void {
  const remote: Record<string, unknown> = {};
  for (let above: Command | null = called; above !== null; above = above.parent)
    for (const flag of above.options.filter((one) => remoteOptions.has(one))) {
      const name = flag.attributeName();
      const value: unknown = above.getOptionValue(name);
      if (value === undefined) continue;
      if (!ofAdmins.has(called))
        called.error(`error: ${flag.long ?? name} is for other machines; '${called.name()}' acts on this one`);
      if (flag.long === "--node")
        called
          .configureOutput()
          .writeErr?.("hint: the address of a control endpoint is --endpoint now; --node is the name of a node\n");
      remote[flag.long === "--node" ? "endpoint" : name] ??= value;
    }
  if (ofAdmins.has(called)) called.setOptionValue("remote", remote);
}

/** The flags that every admin command knows. */
export interface AdminOptions {
  /** To which other machine it goes, as `handDown` has found it. */
  readonly remote?: RemoteOptions;
  readonly data?: string;
  readonly url?: string;
  readonly json?: boolean;
}

/** Adds them, below the flags that the command has of its own. Those for another machine stand in the help of `plexus`
 *  itself; where the command has one of that name, they stand before it only. */
export function withAdminFlags(command: Command): Command {
  ofAdmins.add(command);
  command.addOption(data()).addOption(url());
  for (const flag of remoteFlags())
    if (!command.options.some(({ long }) => long === flag.long)) command.addOption(flag.hideHelp());
  return command.addOption(json());
}

/** Where the root of the keys is in a PKCS#11 token. */
export interface TokenOptions {
  readonly pkcs11?: string;
  readonly token?: string;
  readonly pinFile?: string;
}

/** Adds the flags by which a token is named. */
export const withTokenFlags = (command: Command): Command =>
  command
    .option("--pkcs11 <module>", "a PKCS#11 module (a shared library), for a root in a token")
    .option("--token <label>", "the token's label")
    .option(
      "--pin-file <file>",
      "read the token's PIN from a file or descriptor (/dev/fd/3); without it, it is asked for",
    );

/** The token that was named; undefined: none. Error: BAD_REQUEST. */
export function tokenOf({ pkcs11: module, token: label, pinFile }: TokenOptions) {
  if (module !== undefined) return { module, label, pinFile };
  if (label === undefined && pinFile === undefined) return undefined;
  throw new PlexusError(failure("BAD_REQUEST", { field: "--pkcs11", reason: "the module of the token is missing" }));
}

/** A command for admins below another one: its argument, its flags with `more` of its own, its examples, and what
 *  runs. */
interface AdminCommand<Options extends AdminOptions> {
  readonly name: string;
  readonly says: string;
  readonly argument?: readonly [name: string, says: string];
  readonly examples: readonly string[];
  readonly more?: (command: Command) => Command;
  readonly run: (flags: AdminFlags, options: Options, argument: string) => Promise<number>;
}

/** Adds such commands to `parent`. */
export const adminCommands =
  (parent: Command, onExit: (code: number) => void) =>
  <Options extends AdminOptions = AdminOptions>(row: AdminCommand<Options>): void => {
    const command = parent.command(row.name).description(row.says);
    if (row.argument !== undefined) command.argument(...row.argument);
    withAdminFlags(row.more?.(command) ?? command)
      .addHelpText("after", examples(...row.examples))
      .action(async (...given: unknown[]) => {
        const [argument, options] = row.argument === undefined ? ["", given[0]] : given;
        onExit(await row.run(await adminFlags(options as Options), options as Options, argument as string));
      });
  };

/** The addresses that were named; none where a data folder was typed and the address is only one that the environment
 *  has. */
export function urlsTyped<Url extends string | readonly string[]>(options: {
  readonly data?: string;
  readonly url?: Url;
}): Url | undefined {
  const { data: folder, url: named } = options;
  if (folder === undefined || named === undefined) return named;
  const inEnvironment = process.env["PLEXUS_URL"]?.split(",").map((address) => address.trim());
  return [named].flat().join() === inEnvironment?.join() ? undefined : named;
}

/** An empty variable is how shells say "not set". */
const variable = (name: string): string | undefined => process.env[name] || undefined;

/** Says where an admin command goes. Error: BAD_REQUEST (a file that cannot be read; a token without a node). */
export async function adminFlags(options: AdminOptions): Promise<AdminFlags> {
  const { data: folder, url: typed, remote = {}, json: asJson = false } = options;
  const { endpoint } = remote;
  const dataFolder = await dataFolderOf(folder, process.env);
  // A person who types a folder or an address means that one, and not what the environment has.
  const inEnvironment =
    folder === undefined && urlIsTyped(typed) === false
      ? (variable("PLEXUS_ENDPOINT") ?? variable("PLEXUS_NODE"))
      : undefined;
  const url = endpoint ?? (inEnvironment === undefined ? urlsTyped(options) : nodeAddress(inEnvironment));
  if (url === undefined) {
    if (remote.tokenFile === undefined && remote.clientCert === undefined) return { dataFolder, url, json: asJson };
    throw new PlexusError(
      failure("BAD_REQUEST", { field: "--endpoint", reason: "say to which node: --endpoint https://…" }),
    );
  }
  const credentials = await readCredentials(remote);
  return { dataFolder, url, json: asJson, ...(credentials && { credentials }) };
}

/** Whether an address was typed, and does not only stand in the environment. */
const urlIsTyped = (url: string | undefined): boolean => url !== undefined && url !== variable("PLEXUS_URL");

async function readCredentials(options: RemoteOptions): Promise<AdminFlags["credentials"]> {
  const tokenFile =
    options.tokenFile ?? (variable("PLEXUS_TOKEN") === undefined ? variable("PLEXUS_TOKEN_FILE") : undefined);
  const ca = options.ca ?? variable("PLEXUS_CA");
  const cert = options.clientCert ?? variable("PLEXUS_CLIENT_CERT");
  const key = options.clientKey ?? variable("PLEXUS_CLIENT_KEY");
  if ((cert === undefined) !== (key === undefined))
    throw new PlexusError(
      failure("BAD_REQUEST", {
        field: "--client-cert",
        reason: "a certificate and its key belong together: --client-cert, --client-key",
      }),
    );
  const { secretIn, textIn } = await import("./text-file.ts");
  const token = tokenFile === undefined ? variable("PLEXUS_TOKEN") : (await secretIn(tokenFile)).trim();
  return {
    ...(token !== undefined && { token }),
    ...(ca !== undefined && { ca: await textIn(ca) }),
    ...(cert !== undefined && key !== undefined && { cert: await textIn(cert), key: await textIn(key) }),
  };
}

/** The flags of `plexus actors move` and `plexus slots move`. */
export interface MoveOptions extends AdminOptions {
  readonly to: string;
  readonly timeout: number;
}

/** Adds them: where the actor or slot should go, and how long that may take. */
export const withMoveFlags = (command: Command): Command =>
  command
    .requiredOption("--to <node>", "name of the node it goes to")
    .addOption(
      new Option("--timeout <duration>", "how long to wait for its arrival")
        .default(cliLimits.moveTimeoutMs, "1m")
        .argParser(duration("The timeout", { minMs: 1_000, maxMs: 600_000 })),
    );

/** The move that the flags of a command ask for. */
export const moveOf = (subject: string, { to, timeout }: MoveOptions): Move => ({ subject, to, timeoutMs: timeout });

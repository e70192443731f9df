import { Command, InvalidArgumentError, Option } from "commander";
import { modelFromText, type Config, type ConfigInput } from "../config/index.ts";
import { roles, type Role } from "../protocols/index.ts";
import type { AdminFlags } from "./admin.ts";
import { readControlFile } from "./control.ts";
import type { Output } from "./output.ts";
import { readSettings } from "./settings.ts";

const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;

const collect = <T>(value: T, before: readonly T[] | undefined): readonly T[] => [...(before ?? []), value];

const wholeNumber =
  (name: string, min = 0) =>
  (text: string) => {
    if (!/^\d{1,9}$/.test(text) || Number(text) < min)
      throw new InvalidArgumentError(`${name} must be a whole number${min === 0 ? "" : `, at least ${min}`}.`);
    return Number(text);
  };

const webAddress = (text: string): string => {
  if (!/^https?:$/.test(URL.parse(text)?.protocol ?? ""))
    throw new InvalidArgumentError("It must be an address like http://127.0.0.1:7070.");
  return text;
};

const namedValue = (text: string, before: readonly string[] | undefined): readonly string[] => {
  if (!/^[^=]+=/.test(text)) throw new InvalidArgumentError("It must have a name and a value: zone=north.");
  return collect(text, before);
};

const json = (): Option => new Option("--json", "print JSON for programs");
const data = (): Option => new Option("--data <folder>", "data folder of the node (default: ~/.local/share/plexus)");
const url = (): Option => new Option("--url <url>", "address of the node").env("PLEXUS_URL").argParser(webAddress);

interface UpOptions {
  readonly data?: string;
  readonly host?: string;
  readonly port?: number;
  readonly model?: readonly string[];
  readonly role?: readonly Role[];
  readonly label?: readonly string[];
  readonly config?: string;
  readonly signUp?: Config["signUp"];
  readonly gpu?: Config["gpu"];
  readonly contextTokens?: number;
  readonly logLevel?: Config["log"]["level"];
  readonly logFormat?: Config["log"]["format"];
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Flags as one layer of the configuration. */
export function upConfig(options: UpOptions): ConfigInput {
  return {
    data: options.data,
    host: options.host,
    port: options.port,
    roles: options.role === undefined ? undefined : [...options.role],
    labels:
      options.label === undefined
        ? undefined
        : Object.fromEntries(
            options.label.map((text) => {
              const [name = "", ...value] = text.split("=");
              return [name, value.join("=")];
            }),
          ),
    models: options.model?.map((text) => modelFromText(text)),
    gpu: options.gpu,
    contextTokens: options.contextTokens,
    signUp: options.signUp,
    log: {
      ...(options.logLevel && { level: options.logLevel }),
      ...(options.logFormat && { format: options.logFormat }),
    },
  };
}

/** The command line of `plexus`. Work is loaded when its command runs, so that help and chat start without a node's weight. */
export function createProgram(version: string, output: Output, onExit: (code: number) => void): Command {
  const program = new Command("plexus")
    .description("Self-hosted chat and AI on durable actors, with no central server.")
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.print(text.trimEnd()),
      writeErr: (text) => output.printError(text.trimEnd()),
    })
    .showHelpAfterError("(add --help for usage)")
    .addHelpText("after", examples("plexus up", "plexus chat --room lobby", "plexus doctor"));

  program
    .command("up")
    .description("Run a node until Ctrl-C.")
    .addOption(data())
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .option("--port <number>", "port, 0 for any free one (default: 7070)", wholeNumber("The port"))
    .option("--model <path[,name]>", "GGUF file to serve; repeatable, the first is the default", collect<string>)
    .addOption(
      new Option("--role <role>", "what this node does; repeatable (default: all)")
        .choices(roles)
        .argParser((text: string, before: readonly Role[] | undefined) => {
          if (!(roles as readonly string[]).includes(text))
            throw new InvalidArgumentError(`Allowed choices are ${roles.join(", ")}.`);
          return collect(text as Role, before);
        }),
    )
    .option("--label <name=value>", "label of this node, repeatable", namedValue)
    .option("--config <file>", "YAML file; environment and flags win over it")
    .addOption(new Option("--sign-up <mode>", "whether people may create accounts").choices(["open", "closed"]))
    .addOption(new Option("--gpu <mode>", "whether to look for a GPU").choices(["off", "auto"]))
    .option("--context-tokens <number>", "upper bound of a model's context", wholeNumber("The number of tokens"))
    .addOption(
      new Option("--log-level <level>", "how much is logged").choices(["debug", "info", "warn", "error", "silent"]),
    )
    .addOption(new Option("--log-format <format>", "auto is pretty on a terminal").choices(["auto", "json", "pretty"]))
    .option("--quiet", "do not print the welcome text")
    .addOption(new Option("--json", "print one JSON line when ready; logs go to standard error"))
    .addHelpText(
      "after",
      examples(
        "plexus up",
        "plexus up --model ~/models/qwen2.5-1.5b.gguf,qwen --port 8080",
        "plexus up --data /srv/plexus --host 0.0.0.0 --sign-up closed",
        "plexus up --data /tmp/try --port 0 --json",
      ),
    )
    .action(async (options: UpOptions) => {
      const { up } = await import("./up.ts");
      const flags = { json: options.json ?? false, quiet: options.quiet ?? false, configFile: options.config };
      onExit(await up({ config: upConfig(options), ...flags }, output));
    });

  program
    .command("chat")
    .description("Talk to people and agents in the terminal.")
    .addOption(url())
    .addOption(new Option("--user <name>", "who you are (asked for when absent)").env("PLEXUS_USER"))
    .option("--room <room>", "room to go to")
    .option("--agent <name>", "agent of yours to talk to")
    .option("--sign-up", "make the account first")
    .option("--admin-code <code>", "for the first account of a new node")
    .option("--follow", "go on printing after the end of piped input")
    .addOption(json())
    .addHelpText(
      "after",
      examples(
        "plexus chat --room lobby",
        "plexus chat --url https://chat.example.org --user ada --agent helper",
        "echo 'Build 17 is green' | PLEXUS_PASSWORD=… plexus chat --user ada --room builds",
        "echo 'What is Plexus?' | plexus chat --agent helper",
      ) +
        "\nThe password comes from PLEXUS_PASSWORD or is asked for; the session is kept in ~/.config/plexus/session.json.\n",
    )
    .action(async (options: ChatOptions) => {
      const { chat } = await import("./chat/index.ts");
      const flags = {
        url: options.url ?? (await localUrl()),
        user: options.user,
        password: process.env["PLEXUS_PASSWORD"],
        signUp: options.signUp ?? false,
        adminCode: options.adminCode,
        room: options.room,
        agent: options.agent,
        follow: options.follow ?? false,
        json: options.json ?? false,
      };
      onExit(await chat(flags, output));
    });

  program
    .command("status")
    .description("Show what a running node is doing.")
    .addOption(data())
    .addOption(url())
    .addOption(json())
    .addHelpText("after", examples("plexus status", "plexus status --data /srv/plexus --json"))
    .action(async (options: AdminOptions) => {
      const { showStatus } = await import("./admin.ts");
      onExit(await showStatus(await adminFlags(options), output));
    });

  addActorCommands(program, output, onExit);

  program
    .command("doctor")
    .description("Check the machine, the data folder, the models and the port.")
    .addOption(data())
    .option("--config <file>", "YAML file, as for `plexus up`")
    .option("--host <address>", "address to listen on")
    .option("--port <number>", "port", wholeNumber("The port"))
    .option("--model <path[,name]>", "GGUF file to check, repeatable", collect<string>)
    .addOption(json())
    .addHelpText("after", examples("plexus doctor", "plexus doctor --data /srv/plexus", "plexus doctor --model m.gguf"))
    .action(async (options: UpOptions) => {
      const { doctor } = await import("./doctor.ts");
      const config = await readSettings(upConfig(options), options.config, process.env);
      onExit(await doctor(config, { json: options.json ?? false }, output));
    });

  return program;
}

interface ChatOptions {
  readonly url?: string;
  readonly user?: string;
  readonly room?: string;
  readonly agent?: string;
  readonly signUp?: boolean;
  readonly adminCode?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
}

interface AdminOptions {
  readonly data?: string;
  readonly url?: string;
  readonly json?: boolean;
}

async function adminFlags(options: AdminOptions): Promise<AdminFlags> {
  const { data: dataFolder } = await readSettings({ data: options.data }, undefined, process.env);
  return { dataFolder, url: options.url, json: options.json ?? false };
}

/** The node of this user on this machine, or where one would be. */
async function localUrl(): Promise<string> {
  const config = await readSettings({}, undefined, process.env);
  const control = await readControlFile(config.data);
  return control?.url ?? `http://127.0.0.1:${config.port}`;
}

function addActorCommands(program: Command, output: Output, onExit: (code: number) => void): void {
  const actors = program.command("actors").description("Look at actors, and release quarantined ones.");
  actors.addHelpText("after", examples("plexus actors list --status quarantined", "plexus actors show room/lobby"));

  actors
    .command("list")
    .description("List actors.")
    .addOption(data())
    .addOption(url())
    .option("--kind <kind>", "only this kind: room, user, agent …")
    .addOption(new Option("--status <status>", "only these").choices(["active", "idle", "quarantined"]))
    .option("--limit <number>", "how many at most", wholeNumber("The limit", 1), 100)
    .addOption(json())
    .addHelpText("after", examples("plexus actors list --kind room", "plexus actors list --json | jq -r .actor"))
    .action(
      async (options: AdminOptions & { readonly kind?: string; readonly status?: string; readonly limit: number }) => {
        const { listActors } = await import("./admin.ts");
        const { kind, status, limit } = options;
        const filter = { limit, ...(kind !== undefined && { kind }), ...(status !== undefined && { status }) };
        onExit(await listActors(await adminFlags(options), filter, output));
      },
    );

  actors
    .command("show")
    .description("Show one actor with its reminders and dead letters.")
    .argument("<actor>", "kind/key")
    .addOption(data())
    .addOption(url())
    .addOption(json())
    .addHelpText("after", examples("plexus actors show room/lobby", "plexus actors show agent/ada.helper --json"))
    .action(async (actor: string, options: AdminOptions) => {
      const { showActor } = await import("./admin.ts");
      onExit(await showActor(await adminFlags(options), actor, output));
    });

  actors
    .command("release")
    .description("End a quarantine: the actor takes messages again.")
    .argument("<actor>", "kind/key")
    .option("--drop", "do not deliver its dead letters again")
    .addOption(data())
    .addOption(url())
    .addOption(json())
    .addHelpText("after", examples("plexus actors release room/lobby", "plexus actors release room/lobby --drop"))
    .action(async (actor: string, options: AdminOptions & { readonly drop?: boolean }) => {
      const { releaseActor } = await import("./admin.ts");
      onExit(await releaseActor(await adminFlags(options), { actor, redeliver: options.drop !== true }, output));
    });
}

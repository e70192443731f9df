import { Command, InvalidArgumentError, Option } from "commander";
import { modelFromText, type Config, type ConfigInput } from "../config/index.ts";
import { roles, type Role } from "../protocols/index.ts";
import type { Output } from "./output.ts";

const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;

const collect = <T>(value: T, before: readonly T[] | undefined): readonly T[] => [...(before ?? []), value];

const wholeNumber = (name: string) => (text: string) => {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError(`${name} must be a whole number.`);
  return Number(text);
};

const json = (): Option => new Option("--json", "print JSON for programs");
const data = (): Option => new Option("--data <folder>", "data folder of the node (default: ~/.local/share/plexus)");
const url = (): Option => new Option("--url <url>", "address of the node").env("PLEXUS_URL");

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
      new Option("--role <role>", `what this node does; repeatable (default: all of ${roles.join(", ")})`)
        .choices(roles)
        .argParser((text: string, before: readonly Role[] | undefined) => {
          if (!(roles as readonly string[]).includes(text))
            throw new InvalidArgumentError(`Allowed choices are ${roles.join(", ")}.`);
          return collect(text as Role, before);
        }),
    )
    .option("--label <name=value>", "label of this node, repeatable", collect<string>)
    .option("--config <file>", "YAML file; environment and flags win over it")
    .addOption(new Option("--sign-up <mode>", "whether people may create accounts").choices(["open", "closed"]))
    .addOption(new Option("--gpu <mode>", "whether to look for a GPU").choices(["off", "auto"]))
    .option("--context-tokens <number>", "upper bound of a model's context", wholeNumber("The number of tokens"))
    .addOption(new Option("--log-level <level>").choices(["debug", "info", "warn", "error", "silent"]))
    .addOption(new Option("--log-format <format>").choices(["auto", "json", "pretty"]))
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

  return program;
}

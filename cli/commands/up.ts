import { InvalidArgumentError, Option, type Command } from "commander";
import type { Config, ConfigInput } from "../../config/index.ts";
import { modelFromText } from "../../config/index.ts";
import { roles, type Role } from "../../protocols/ids.ts";
import {
  collect,
  data,
  decimal,
  etcdAddresses,
  examples,
  labelsFrom,
  namedValue,
  roleList,
  wholeNumber,
} from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** What the command line of `plexus up`, and of `plexus doctor`, may say. */
export interface UpOptions {
  readonly data?: string;
  readonly name?: string;
  readonly host?: string;
  readonly port?: number;
  readonly trustedProxy?: readonly string[];
  readonly blockList?: readonly string[];
  readonly backupFolder?: readonly string[];
  readonly antivirus?: string;
  readonly adminAddress?: readonly string[];
  readonly allowedHost?: readonly string[];
  readonly allowedOrigin?: readonly string[];
  readonly metricsListen?: string;
  readonly grpc?: string;
  readonly control?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly traceRatio?: number;
  readonly traceUrl?: string;
  readonly join?: string;
  readonly meshHost?: string;
  readonly meshPort?: number;
  readonly announce?: readonly string[];
  readonly peer?: readonly string[];
  readonly mdns?: boolean;
  readonly etcd?: readonly string[];
  readonly replicas?: number;
  readonly minInSync?: number;
  readonly model?: readonly string[];
  readonly role?: readonly Role[];
  readonly label?: readonly string[];
  readonly weight?: number;
  readonly config?: string;
  readonly signUp?: Config["signUp"];
  readonly gpu?: Config["gpu"];
  readonly prefer?: Config["prefer"];
  readonly contextTokens?: number;
  readonly logLevel?: Config["log"]["level"];
  readonly logFormat?: Config["log"]["format"];
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly trustData?: boolean;
}

/** Flags as one layer of the configuration. */
export function upConfig(options: UpOptions): ConfigInput {
  return {
    data: options.data,
    name: options.name,
    host: options.host,
    port: options.port,
    antivirus: options.antivirus,
    backupFolders: options.backupFolder === undefined ? undefined : [...options.backupFolder],
    blockLists: options.blockList === undefined ? undefined : [...options.blockList],
    adminAddresses: options.adminAddress === undefined ? undefined : [...options.adminAddress],
    trustedProxies: options.trustedProxy === undefined ? undefined : [...options.trustedProxy],
    allowedHosts: options.allowedHost === undefined ? undefined : [...options.allowedHost],
    allowedOrigins: options.allowedOrigin === undefined ? undefined : [...options.allowedOrigin],
    metricsListen: options.metricsListen,
    grpc: options.grpc,
    control: options.control,
    tls: {
      ...(options.tlsCert !== undefined && { cert: options.tlsCert }),
      ...(options.tlsKey !== undefined && { key: options.tlsKey }),
      ...(options.tlsClientCa !== undefined && { clientCa: options.tlsClientCa }),
    },
    join: options.join,
    mesh: {
      ...(options.meshHost !== undefined && { host: options.meshHost }),
      ...(options.meshPort !== undefined && { port: options.meshPort }),
      ...(options.announce !== undefined && { announce: [...options.announce] }),
      ...(options.peer !== undefined && { peers: [...options.peer] }),
      ...(options.mdns !== undefined && { mdns: options.mdns }),
    },
    directory: options.etcd === undefined ? undefined : { endpoints: options.etcd },
    replicas: options.replicas,
    minInSync: options.minInSync,
    roles: options.role === undefined ? undefined : [...options.role],
    labels: options.label === undefined ? undefined : { ...labelsFrom(options.label) },
    weight: options.weight,
    models: options.model?.map((text) => modelFromText(text)),
    gpu: options.gpu,
    prefer: options.prefer,
    contextTokens: options.contextTokens,
    signUp: options.signUp,
    tracing: {
      ...(options.traceRatio !== undefined && { ratio: options.traceRatio }),
      ...(options.traceUrl !== undefined && { url: options.traceUrl }),
    },
    log: {
      ...(options.logLevel && { level: options.logLevel }),
      ...(options.logFormat && { format: options.logFormat }),
    },
  };
}

const share = (text: string): number => {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError("The share must be a number from 0 to 1.");
  return value;
};

const withScanner = (command: Command): Command =>
  command.option(
    "--antivirus <place>",
    "where clamd listens, which checks files that people send: unix:/run/clamav/clamd.ctl, 127.0.0.1:3310 " +
      "(default: nothing is checked here)",
  );

/** `plexus up`. */
export const define: Define = (command, { output, onExit }) => {
  withScanner(command)
    .addOption(data())
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .option("--port <number>", "port; 0 takes any free one (default: 7070)", wholeNumber("The port"))
    .option(
      "--trusted-proxy <address>",
      "reverse proxy whose X-Forwarded-For is trusted, repeatable: 127.0.0.1, 10.0.0.0/8",
      collect<string>,
    )
    .option(
      "--block-list <source>",
      "file or URL with addresses to refuse, read again each minute, repeatable: plain or STIX 2.1",
      collect<string>,
    )
    .option(
      "--backup-folder <folder>",
      "folder on this machine in which admins may keep backups, by the page too, repeatable: " +
        "/mnt/backup/plexus (default: none)",
      collect<string>,
    )
    .option(
      "--admin-address <address>",
      "address from which admins and operators' commands are accepted, repeatable: 127.0.0.1, 10.0.0.0/8 " +
        "(default: any)",
      collect<string>,
    )
    .option(
      "--allowed-host <name>",
      "host name by which people reach this node, repeatable: chat.example.org (addresses and the machine's " +
        "own names always work)",
      collect<string>,
    )
    .option(
      "--allowed-origin <origin>",
      "other site whose pages may use the AI interfaces, repeatable: https://app.example.org",
      collect<string>,
    )
    .option(
      "--metrics-listen <address:port>",
      "serve metrics at this address without a token: 127.0.0.1:9464 (default: nowhere)",
    )
    .option(
      "--grpc <address:port>",
      "serve gRPC at this address: 127.0.0.1:7080, or a port of this machine (default: nowhere)",
    )
    .option("--control <address:port>", "control endpoint for admins: 127.0.0.1:7072, 7072, unix:/path (default: none)")
    .option("--tls-cert <file>", "certificate (PEM) of the node and the control endpoint; read again when it changes")
    .option("--tls-key <file>", "the key of the certificate")
    .option(
      "--tls-client-ca <file>",
      "authorities (PEM) whose client certificates the control endpoint accepts and gRPC requires",
    )
    .option(
      "--model <path[,name]>",
      "GGUF file or folder of an ONNX model to serve, or a model on another server: " +
        "ollama+http://127.0.0.1:11434#llama3.2[,name[,key]]; repeatable, the first is the default",
      collect<string>,
    )
    .option(
      "--role <role>",
      `roles of this node: ${roles.join(", ")}; repeatable, or separated by commas (default: all, or those of ` +
        "the invitation)",
      roleList,
    )
    .option("--label <name=value>", "label of this node, repeatable", namedValue)
    .option(
      "--weight <number>",
      "this node's share of the slots, relative to the other nodes (default: 1)",
      decimal("The weight", { min: 0.01, max: 100 }),
    )
    .option("--name <name>", "name of this node (default: the name of the machine)")
    .option("--join <token>", "join a cluster with a token that `plexus invite` printed; a token works once")
    .option("--mesh-host <address>", "address to listen on for other nodes (default: 127.0.0.1)")
    .option(
      "--mesh-port <number>",
      "port for other nodes (default: 7071, one more than --port)",
      wholeNumber("The port"),
    )
    .option(
      "--announce <multiaddr>",
      "address at which other nodes reach this one, if it is not --mesh-host; repeatable",
      collect<string>,
    )
    .option(
      "--peer <multiaddr>",
      "address of another node of the cluster, repeatable: /ip4/10.0.0.5/tcp/7071/p2p/ID",
      collect<string>,
    )
    .option("--mdns", "look for nodes of the cluster in the local network")
    .option("--etcd <urls...>", "keep the directory of the cluster in etcd instead of on a node", etcdAddresses)
    .option(
      "--replicas <number>",
      "copies of each slot, the owner's included (default: 3)",
      wholeNumber("The number", 1, 7),
    )
    .option(
      "--min-in-sync <number>",
      "accept writes only while at least this many copies are in sync (default: 1)",
      wholeNumber("The number", 1, 7),
    )
    .option("--config <file>", "YAML file with settings; environment variables and flags override it")
    .addOption(
      new Option("--sign-up <mode>", "whether people may create accounts").choices([
        "open",
        "domain",
        "invitation",
        "closed",
      ]),
    )
    .addOption(
      new Option("--prefer <what>", "which node with a model is used first").choices([
        "balanced",
        "speed",
        "cost",
        "local",
      ]),
    )
    .addOption(new Option("--gpu <mode>", "whether to look for a GPU").choices(["off", "auto"]))
    .option("--context-tokens <number>", "longest context of a model", wholeNumber("The number of tokens"))
    .addOption(
      new Option("--log-level <level>", "how much is logged").choices(["debug", "info", "warn", "error", "silent"]),
    )
    .addOption(new Option("--log-format <format>", "auto is pretty on a terminal").choices(["auto", "json", "pretty"]))
    .option("--trace-ratio <share>", "share of requests that are traced, from 0 to 1 (default: 0)", share)
    .option("--trace-url <url>", "where spans of traces are sent by OTLP: http://127.0.0.1:4318/v1/traces")
    .option("--trust-data", "start although the data folder is an older copy; newer data that it lacks may be lost")
    .option("--quiet", "do not print the welcome text")
    .addOption(new Option("--json", "print one JSON line when ready; logs go to standard error"))
    .addHelpText(
      "after",
      examples(
        "plexus up",
        "plexus up --model ~/models/qwen2.5-1.5b.gguf,qwen --port 8080",
        "plexus up --data /srv/plexus --host 0.0.0.0 --sign-up closed",
        "plexus up --data /tmp/try --port 0 --json",
        "plexus up --name node-b --role chat,gateway --label zone=a --mesh-host 10.0.0.6 --join TOKEN",
      ),
    )
    .action(async (options: UpOptions) => {
      const { up } = await import("../up/index.ts");
      const { json = false, quiet = false, trustData = false, config: configFile } = options;
      onExit(await up({ config: upConfig(options), json, quiet, trustData, configFile }, output));
    });
};

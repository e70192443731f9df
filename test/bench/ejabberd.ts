/** Debian's ejabberd, unpacked from its packages and started as a process of its own. Nobody needs an account, a room
 *  takes everybody and keeps no history, and nothing is held back or pinged. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, writeFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { unpackPackage } from "../fixtures/debian.ts";
import { familyOf, processorUs, residentBytes } from "./proc.ts";
import { workspace } from "./processes.ts";
import type { Server } from "./server.ts";

const erlang =
  "base asn1 crypto mnesia runtime-tools public-key ssl ftp tftp inets os-mon syntax-tools base64url goldrush unicode-util-compat idna xmerl jiffy jose lager tools p1-utils p1-yaml p1-yconf p1-acme p1-cache-tab p1-eimp p1-mqtree p1-pkix p1-stringprep p1-tls p1-stun p1-xml p1-zlib p1-xmpp";
const packages = [...erlang.split(" ").map((name) => `erlang-${name}`), "ejabberd"];

const settings = (port: number): string => `
hosts: ["localhost"]
loglevel: error
listen:
  - {port: ${port}, ip: "127.0.0.1", module: ejabberd_http, request_handlers: {/ws: ejabberd_http_ws}, tls: false}
auth_method: [anonymous]
anonymous_protocol: sasl_anon
allow_multiple_connections: true
websocket_ping_interval: 3600
websocket_timeout: 3600
shaper_rules: {max_user_sessions: 100000, c2s_shaper: none, s2s_shaper: none}
access_rules: {everybody: {allow: all}}
modules:
  mod_muc:
    access: everybody
    access_create: everybody
    max_users: 20000
    history_size: 0
    min_message_interval: 0
    min_presence_interval: 0
    default_room_options: {persistent: true, max_users: 20000, logging: false}
`;

/** The room that everybody enters. */
export const ejabberdRoom = "bench@conference.localhost";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });

/** Starts it. Errors: a package cannot be had; it ended. */
export async function startEjabberd(): Promise<Server> {
  const roots = packages.map((name) => {
    const found = unpackPackage(name);
    if ("missing" in found) throw new Error(found.missing);
    return found.path;
  });
  const folder = mkdtempSync(join(workspace, "ejabberd-"));
  const port = await freePort();
  const file = join(folder, "ejabberd.yml");
  writeFileSync(file, settings(port));
  const home = join(roots[0] as string, "usr/lib/erlang");
  const [bin = ""] = globSync(join(home, "erts-*/bin"));
  const libraries = roots.flatMap((root) => [join(root, "usr/lib/erlang/lib"), ...globSync(join(root, "usr/lib/*-linux-gnu"))]);
  const sinceMs = performance.now();
  const child = spawn(join(bin, "erlexec"), ["-noinput", "-mnesia", "dir", `"${folder}/db"`, "+K", "true", "-s", "ejabberd"], {
    stdio: ["ignore", process.env["BENCH_LOG"] === undefined ? "ignore" : "inherit", "inherit"],
    env: { ROOTDIR: home, BINDIR: bin, EMU: "beam", PROGNAME: "erl", ERL_LIBS: libraries.join(":"), HOME: folder, EJABBERD_CONFIG_PATH: file, EJABBERD_LOG_PATH: join(folder, "log"), SPOOL_DIR: join(folder, "db"), PATH: process.env["PATH"] },
  });
  process.once("exit", () => child.kill("SIGKILL"));
  while (!(await answers(port))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error("ejabberd ended");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const pid = child.pid ?? 0;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid,
    ready: {},
    startedInMs: performance.now() - sinceMs,
    watch: async (what) => (what === "cpu" ? processorUs(familyOf(pid)) : residentBytes(pid)),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
} // prettier-ignore

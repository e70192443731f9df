/** Loaded into a node before all else: from SIGUSR2 to the next one, the system refuses every third look at a file, at the
 *  process or at a new connection, by turns with EMFILE, ENFILE and ENOMEM. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Server } from "node:net";

const codes = ["EMFILE", "ENFILE", "ENOMEM"] as const;
let on = false;
let calls = 0;
process.on("SIGUSR2", () => (on = !on));

/** What is thrown at this call, if anything. */
function refusal(syscall: string): Error | undefined {
  calls += 1;
  if (!on || calls % 3 !== 0) return undefined;
  const code = codes[(calls / 3) % codes.length] as string;
  return Object.assign(new Error(`${code}: refused by the test, ${syscall}`), { code, errno: -1, syscall });
}

type Call = (this: unknown, ...given: unknown[]) => unknown;

function refuseAt(owner: object, name: string, way: "throw" | "reject"): void {
  const calls = owner as Record<string, Call>;
  const real = calls[name] as Call;
  const replaced = (...given: unknown[]): unknown => {
    const error = refusal(name);
    if (error === undefined) return real.apply(owner, given);
    if (way === "reject") return Promise.reject(error);
    throw error;
  };
  calls[name] = Object.assign(replaced, real);
}

for (const name of ["open", "readFile", "writeFile", "readdir", "stat", "rename", "mkdir", "rm"])
  refuseAt(fs.promises, name, "reject");
for (const name of ["openSync", "readFileSync", "readdirSync", "statSync", "rmSync", "existsSync"])
  refuseAt(fs, name, "throw");
refuseAt(process.memoryUsage, "rss", "throw");
refuseAt(process, "cpuUsage", "throw");
syncBuiltinESMExports();

// As Node tells of an accept that the system refused.
const servers = Server.prototype as unknown as { listen: Call };
const listen = servers.listen;
servers.listen = function (...given) {
  const server = this as Server;
  const timer = setInterval(() => {
    const error = refusal("accept");
    if (error !== undefined && server.listening) server.emit("error", error);
  }, 50);
  server.once("close", () => clearInterval(timer));
  timer.unref();
  return listen.apply(server, given);
};

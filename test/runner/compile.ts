/** Makes the server that tests start, and has Node keep the compiled code of all that a node loads: starts one, which
 *  has every role, and ends it in order. Only a process that ends by itself leaves its code behind, and most nodes of
 *  the tests are killed: each would compile everything. */
import { existsSync } from "node:fs";
import { cp, mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { bundle } from "../../release/bundle.ts";
import { createDataFolder, NodeProcess } from "../fixtures/processes/node-process.ts";
import { root, serverFolder } from "./phases.ts";

await rm(serverFolder, { recursive: true, force: true });
await mkdir(serverFolder, { recursive: true });
await bundle(root, serverFolder);
for (const name of ["bin", "web", "node_modules"])
  if (existsSync(join(root, name))) await symlink(join(root, name), join(serverFolder, name));
// Last: with it the server is there.
await cp(join(root, "package.json"), join(serverFolder, "package.json"));

await using folder = await createDataFolder();
await using node = new NodeProcess(folder.path);
await node.start();
process.exitCode = (await node.end("SIGTERM")) ?? 1;

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";
import type { Command } from "commander";
import { upConfig } from "../../../cli/commands/up.ts";
import { dataFolderOf } from "../../../cli/settings/folders.ts";
import { urlsTyped } from "../../../cli/terminal/options.ts";
import { createProgram } from "../../../cli/program.ts";
import { readSettings } from "../../../cli/settings/settings.ts";
import { parseConfig } from "../../../config/index.ts";
import { roles } from "../../../protocols/index.ts";
import { collected } from "./fixture.ts";

/** The words that lead to each command. */
const everyCommand = (command: Command): readonly (readonly string[])[] => [
  [],
  ...command.commands.flatMap((inner) => everyCommand(inner).map((words) => [inner.name(), ...words])),
];

describe("the command line", () => {
  it("becomes one layer of the configuration", () => {
    expect(
      upConfig({ port: 0, model: ["/m/a.gguf", "/m/b.gguf,big"], label: ["zone=a=b"], role: ["chat"] }),
    ).to.deep.include({
      port: 0,
      models: [
        { name: "a", path: "/m/a.gguf" },
        { name: "big", path: "/m/b.gguf" },
      ],
      labels: { zone: "a=b" },
      roles: ["chat"],
      log: {},
    });
  });

  it("holds all about the node in a cluster", () => {
    const machine = { workFolder: "/", dataFolder: "/none", hostname: "h", models: [] };
    const flags = upConfig({
      name: "node-b",
      join: "t0ken",
      meshHost: "0.0.0.0",
      meshPort: 9,
      announce: ["/dns4/b.example.org/tcp/7071"],
      peer: ["/ip4/10.0.0.5/tcp/7071/p2p/12D3Koo"],
      mdns: true,
      etcd: ["http://e1:2379"],
      replicas: 5,
      minInSync: 2,
      role: [...roles],
      label: ["zone=a"],
      weight: 0.5,
    });
    expect(parseConfig({ flags }, machine)).to.deep.include({
      name: "node-b",
      join: "t0ken",
      mesh: {
        host: "0.0.0.0",
        port: 9,
        announce: ["/dns4/b.example.org/tcp/7071"],
        peers: ["/ip4/10.0.0.5/tcp/7071/p2p/12D3Koo"],
        mdns: true,
      },
      directory: { kind: "etcd", endpoints: ["http://e1:2379"] },
      replicas: 5,
      minInSync: 2,
      labels: { zone: "a" },
      weight: 0.5,
    });
  });

  const run = async (...argv: readonly string[]) => {
    const output = collected();
    const program = await createProgram("1.2.3", { output, onExit: () => {} }, argv);
    const thrown = await program
      .parseAsync(argv, { from: "user" })
      .then(() => undefined)
      .catch((error: unknown) => error as { exitCode: number });
    return { ...output, exitCode: thrown?.exitCode };
  };

  it("has help with examples for every command", async () => {
    for (const words of everyCommand(await createProgram("1.2.3", { output: collected(), onExit: () => {} }))) {
      const { out, exitCode } = await run(...words, "--help");
      expect(exitCode).to.equal(0);
      expect(out.join("\n"), words.join(" ")).to.match(/Examples:\n {2}\$ /);
    }
  });

  it("refuses what it does not know", async () => {
    for (const words of [
      ["up", "--port", "many"],
      ["up", "--role", "cook"],
      ["fly"],
      ["actors", "show"],
      ["up", "--sign-up", "x"],
      ["up", "--label", "north"],
      ["up", "--weight", "0"],
      ["up", "--weight", "heavy"],
      ["status", "--url", "nonsense"],
      ["chat", "--url", "ftp://example.org"],
      ["actors", "list", "--limit", "0"],
      ["invite", "--role", "cook"],
      ["invite", "--expires", "soon"],
      ["invite", "--expires", "30d"],
      ["nodes", "fly"],
      ["nodes", "evict"],
      ["nodes", "roles", "node-b"],
      ["actors", "move", "room/lobby"],
      ["slots", "--role", "cook"],
      ["directory", "migrate"],
      ["directory", "migrate", "--etcd", "e1:2379"],
      ["directory", "migrate", "--managers", "--etcd", "http://e1:2379"],
      ["top", "--interval", "1ms"],
      ["audit", "--limit", "0"],
      ["up", "--replicas", "9"],
    ]) {
      const { err, exitCode } = await run(...words);
      expect(exitCode, words.join(" ")).to.equal(1);
      expect(err.join("\n")).to.match(/error: /);
    }
    const { err } = await run("invite", "--expires", "90d");
    expect(err.join("\n")).to.include("The time must be between 1s and 7d.");
  });

  it("shows an address of what is meant: of a node, or of etcd", async () => {
    const example = async (...words: readonly string[]) =>
      /like (http\S+)\./.exec((await run(...words)).err.join("\n"))?.[1];
    for (const words of [["directory", "migrate"], ["up"], ["doctor"]])
      for (const wrong of ["127.0.0.1:17379", "http://127.0.0.1", "https://etcd.lan/"])
        expect(await example(...words, "--etcd", wrong), words.join(" ")).to.equal("http://10.0.0.5:2379");
    expect(await example("status", "--url", "127.0.0.1:7070")).to.equal("http://127.0.0.1:7070");
  });

  it("asks whether another command, subcommand or flag was meant", async () => {
    const said = async (...words: readonly string[]) => (await run(...words)).err.join("\n");
    expect(await said("statsu")).to.include("(Did you mean status?)");
    expect(await said("actors", "lst")).to.include("(Did you mean list?)");
    expect(await said("nodes", "drian", "node-b")).to.match(/unknown command 'drian'\n\(Did you mean drain/);
    expect(await said("slots", "mvoe")).to.match(/unknown command 'mvoe'\n\(Did you mean move\?\)/);
    expect(await said("nodes", "xyz")).to.match(/^error: unknown command 'xyz'\n\(add --help/);
    expect(await said("status", "--jsno")).to.include("(Did you mean --json?)");
    expect(await said("status", "now")).to.include("too many arguments");
  });

  it("names every command, whichever is typed", async () => {
    const named = async (words?: readonly string[]) =>
      (await createProgram("1.2.3", { output: collected(), onExit: () => {} }, words)).commands.map((one) =>
        one.name(),
      );
    const all = await named();
    expect(all).to.include.members(["up", "chat", "status", "nodes", "doctor"]);
    expect(await named(["status", "--json"])).to.deep.equal(all);
    expect((await run("help", "nodes")).out.join("\n"), "`plexus help nodes`").to.include("drain");
  });

  it("finds the data folder that a node would use, without reading the rest of the configuration", async () => {
    const folder = mkdtempSync(join(tmpdir(), "plexus-settings-"));
    const file = join(folder, "plexus.yaml");
    writeFileSync(file, "data: below\nport: 7\n");
    try {
      for (const typed of [undefined, "typed", "/typed/whole", ""])
        for (const data of [undefined, "", "set", "/set/whole"])
          for (const config of [undefined, "", file])
            for (const base of [undefined, "", "/base"]) {
              const environment = { PLEXUS_DATA: data, PLEXUS_CONFIG: config, XDG_DATA_HOME: base };
              const node = await readSettings({ data: typed }, undefined, environment)
                .then((settings) => settings.data)
                .catch(() => "refused");
              if (node !== "refused") expect(await dataFolderOf(typed, environment)).to.equal(node);
            }
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(await dataFolderOf("x", { PLEXUS_PORT: "none" }), "another field is wrong").to.equal(resolve("x"));
  });

  it("takes the folder that was typed, and not an address that the environment has", () => {
    const before = process.env["PLEXUS_URL"];
    process.env["PLEXUS_URL"] = "http://elsewhere:7070";
    try {
      const url = "http://elsewhere:7070";
      expect(urlsTyped({ url })).to.equal(url);
      expect(urlsTyped({ data: "/d", url })).to.equal(undefined);
      expect(urlsTyped({ data: "/d", url: [url] })).to.equal(undefined);
      expect(urlsTyped({ data: "/d", url: "http://typed:1" })).to.equal("http://typed:1");
    } finally {
      if (before === undefined) delete process.env["PLEXUS_URL"];
      else process.env["PLEXUS_URL"] = before;
    }
  });

  it("says its version", async () => {
    expect((await run("--version")).out).to.deep.equal(["1.2.3"]);
  });
});

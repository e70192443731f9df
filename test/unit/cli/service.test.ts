import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import type { Output } from "../../../cli/terminal/output.ts";
import { installService, showService, uninstallService, unitText, unitWord, type ServicePlace } from "../../../cli/up/service.ts"; // prettier-ignore
import { codeOf } from "../../conformance/directory.ts";

/** A quoted word as systemd's manual says it is read. */
const readBack = (quoted: string): string =>
  quoted.slice(1, -1).replace(/\\(.)|%%|\$\$/g, (found, escaped: string | undefined) => escaped ?? found.slice(1));

describe("plexus service", () => {
  let folder: string;
  let printed: string[];
  let ran: string[];
  let refused: string | undefined;
  const output = { print: (line: string) => void printed.push(line) } as unknown as Output;
  const place = (): ServicePlace => ({
    systemUnits: join(folder, "system"),
    userUnits: join(folder, "user"),
    run(program, words) {
      const line = [program, ...words].join(" ");
      ran.push(program === "systemd-analyze" ? program : line);
      return { status: line.includes(refused ?? "\0") ? 1 : 0, said: "said", missing: false };
    },
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-service-"));
    [printed, ran, refused] = [[], [], undefined];
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const asked = { user: true, words: ["--port", "8080"], dryRun: false, start: true };
  const unit = (): string => join(folder, "user", "plexus.service");

  it("writes words that systemd reads as they were said, and refuses line breaks", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab $%\\\"';{}~".split("")) }), (word) => {
        expect(readBack(unitWord(word))).to.equal(word);
      }),
    );
    expect(() => unitWord("a\nExecStart=/bin/sh")).to.throw();
  });

  it("closes a service of the machine in, and gives it a folder of its own", () => {
    const text = unitText({ user: false, program: "/opt/plexus/bin/plexus", words: [] });
    for (const line of ["NoNewPrivileges=true", "ProtectSystem=strict", "StateDirectory=plexus", "DynamicUser=true"])
      expect(text.split("\n")).to.include(line);
    expect(text).to.include('ExecStart="/opt/plexus/bin/plexus" "up" --data "%S/plexus"\n');
    expect(unitText({ user: false, program: "/p", runAs: "chat", words: ["--data", "/d"] })).to.match(
      /ExecStart="\/p" "up" "--data" "\/d"\n[^]*User=chat\n/,
    );
  });

  it("prints the unit and changes nothing; installs, says how it is, and takes it away", async () => {
    await installService({ ...asked, dryRun: true }, output, place());
    expect(printed.join()).to.include('"--port" "8080"');
    expect([existsSync(unit()), ran]).to.deep.equal([false, []]);
    expect(showService(true, output, place())).to.equal(1);
    expect(await installService(asked, output, place())).to.equal(0);
    expect(readFileSync(unit(), "utf8")).to.include("WantedBy=default.target");
    expect(ran).to.deep.equal([
      "systemd-analyze",
      "systemctl --user daemon-reload",
      "systemctl --user enable --now plexus.service",
    ]);
    expect(showService(true, output, place())).to.equal(0);
    expect(await uninstallService(true, output, place())).to.equal(0);
    expect(existsSync(unit())).to.equal(false);
    expect(await codeOf(uninstallService(true, output, place()))).to.equal("NOT_FOUND");
  });

  it("writes no unit that systemd refuses, and says what systemctl says", async () => {
    refused = "verify";
    expect(await codeOf(installService(asked, output, place()))).to.equal("BAD_REQUEST");
    expect(existsSync(unit())).to.equal(false);
    refused = "enable";
    expect(await codeOf(installService(asked, output, place()))).to.equal("BAD_REQUEST");
    expect(await codeOf(installService({ ...asked, runAs: "chat" }, output, place()))).to.equal("BAD_REQUEST");
  });
});

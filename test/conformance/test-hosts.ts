import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startInferenceHost, type InferenceHost } from "../../runtimes/index.ts";
import { type InferenceHostOptions } from "../../runtimes/host/host.ts";
import { keptLog, realClock } from "./real-time.ts";

/** Inference hosts of a suite, and a folder for their models: the hosts stop after each test, the folder goes after the
 *  last. Made within `describe`. */
export class TestHosts {
  /** Its path; empty before the first test. */
  folder = "";
  readonly #hosts: InferenceHost[] = [];

  /** `stopMs`: how long a host has to stop by itself. */
  constructor(name: string, stopMs = 0) {
    before(() => {
      this.folder = mkdtempSync(join(tmpdir(), `plexus-${name}-`));
    });
    after(() => rmSync(this.folder, { recursive: true }));
    afterEach(async () => {
      await Promise.all(this.#hosts.splice(0).map((host) => host.stop(stopMs)));
    });
  }

  /** Starts one. */
  start(options: Omit<InferenceHostOptions, "clock" | "log"> & Partial<InferenceHostOptions>): InferenceHost {
    const host = startInferenceHost({ clock: realClock(), log: keptLog(), ...options });
    this.#hosts.push(host);
    return host;
  }
}

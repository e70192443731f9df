import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createEmbeddedDirectory,
  createEtcdDirectory,
  createRemoteDirectory,
  serveDirectory,
  type EtcdDirectory,
} from "../../node/cluster/directory/index.ts";
import { createClock, openLevelStore } from "../../node/platform/index.ts";
import type { Directory, Store } from "../../node/ports/index.ts";
import { quietLog as log } from "../fixtures/quiet.ts";
import { Etcd } from "../world/etcd.ts";
import { Links, World } from "../world/index.ts";
import { MemoryStore } from "./directory-store.ts";
import { directoryConformance } from "./directory.ts";

const clock = createClock();

/** The store's operations, to be put into another object. */
const bound = (store: Store): Store => ({
  batch: (ops, options) => store.batch(ops, options),
  get: (key) => store.get(key),
  range: (range) => store.range(range),
  keys: (range) => store.keys(range),
  view: () => store.view(),
  location: store.location,
  close: () => store.close(),
});

directoryConformance("embedded, on Level", () => {
  const folder = mkdtempSync(join(tmpdir(), "plexus-directory-"));
  let store: Store;
  let directory: Directory;
  let fails = false;
  return {
    open: async (clients) => {
      store = await openLevelStore(folder);
      const batch: Store["batch"] = async (ops, options) => {
        await store.batch(ops, options);
        if (fails) throw new Error("the disk failed");
      };
      directory = createEmbeddedDirectory({ store: { ...bound(store), batch } });
      return Array.from({ length: clients }, () => directory);
    },
    gap: async (meanwhile) => {
      fails = true;
      await directory.compareAndSet("unknown", 1, 0).catch(() => undefined);
      fails = false;
      await meanwhile();
    },
    end: async () => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

directoryConformance("embedded, on a store that fails a write", () => {
  const store = new MemoryStore();
  const directory = createEmbeddedDirectory({ store });
  return {
    open: async (clients) => Array.from({ length: clients }, () => directory),
    gap: async (meanwhile) => {
      store.nextFails = "written";
      await directory.compareAndSet("unknown", 1, 0).catch(() => undefined);
      await meanwhile();
    },
    end: async () => undefined,
  };
});

directoryConformance("served to other nodes", () => {
  const links = new Links(clock);
  const embedded = createEmbeddedDirectory({ store: new MemoryStore() });
  let last = "";
  return {
    open: async (clients) => {
      serveDirectory(links.exchange("keeper"), embedded);
      return Array.from({ length: clients }, (_, index) => {
        if (index === 0 && clients > 1) return embedded;
        last = `node-${index}`;
        const remote = createRemoteDirectory(links.exchange(last), () => "keeper", { clock });
        links.link("keeper", last);
        return remote;
      });
    },
    gap: async (meanwhile) => {
      links.cut("keeper", last);
      await meanwhile();
      links.link("keeper", last);
    },
    end: async () => undefined,
  };
});

// What tests take for etcd is held to what etcd is held to (test/machines/etcd).
directoryConformance("in a simulated etcd", () => {
  const world = new World(1);
  const etcd = new Etcd(world);
  const opened: EtcdDirectory[] = [];
  const stopTime = world.flow();
  return {
    open: async (clients) => {
      for (let index = 0; index < clients; index += 1) {
        const home = { endpoints: ["http://etcd"], prefix: "/conformance/", connect: etcd.connect() };
        opened.push(createEtcdDirectory({ ...home, clock: world.clock(), log, founding: index === 0 }));
        await opened[index]?.opened();
      }
      return opened;
    },
    gap: async (meanwhile) => {
      etcd.cutStreams();
      await meanwhile();
    },
    end: async () => {
      for (const one of opened) one.close();
      await stopTime();
    },
  };
});

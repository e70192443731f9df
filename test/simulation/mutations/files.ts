import type { Mutation } from "./mutation.ts";

/** Files of rooms in copies and stripes. Each is a fault that the simulator must find (mutation.ts). */
export const ofFiles: readonly Mutation[] = [
  {
    name: "keeps the stripe of a file for some hours only",
    file: "node/bulk/attachments/moving.ts",
    find: "const kept = await stripes.keep(stripe, room);",
    replace: "const kept = ok(null);",
    caughtBy: ["file-kept"],
    seeds: 5,
    files: true,
  },
  {
    name: "lets the copies of a file go before each shard is there",
    file: "node/bulk/attachments/moving.ts",
    find: "if (!(await becomesWhole(stripe)))",
    replace: "if (isStopped())",
    caughtBy: ["file-settled"],
    seeds: 20,
    files: true,
    long: true,
  },
  {
    name: "lets the copies of a file go when its stripe is begun",
    file: "actors/room/files.ts",
    find: "?.settled !== true",
    replace: "=== undefined",
    caughtBy: ["file-kept"],
    seeds: 20,
    files: true,
    long: true,
  },
  {
    name: "never looks for stripes of files that are gone",
    file: "node/bulk/attachments/releasing.ts",
    find: "if (!answer.ok || (answer.value as FileHeld).held) continue;",
    replace: "if (answer.ok) continue;",
    caughtBy: ["file-left"],
    seeds: 5,
    files: true,
    long: true,
  },
  {
    name: "releases stripes of files whose room does not answer",
    file: "node/bulk/attachments/releasing.ts",
    find: "if (!answer.ok || (answer.value as FileHeld).held) continue;",
    replace: "if (answer.ok && (answer.value as FileHeld).held) continue;",
    caughtBy: ["file-kept"],
    seeds: 20,
    files: true,
    long: true,
  },
];

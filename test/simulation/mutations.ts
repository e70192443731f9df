import { ofBackups } from "./mutations/backups.ts";
import { ofDirectory } from "./mutations/directory.ts";
import { ofFiles } from "./mutations/files.ts";
import { ofKernel } from "./mutations/kernel.ts";
import { ofModels } from "./mutations/models.ts";
import type { Mutation } from "./mutations/mutation.ts";
import { ofReplication } from "./mutations/replication.ts";
import { ofSearch } from "./mutations/search.ts";

export type { Mutation } from "./mutations/mutation.ts";

/** All of them, in the order in which they are looked for. */
export const mutations: readonly Mutation[] = [
  ...ofKernel,
  ...ofReplication,
  ...ofDirectory,
  ...ofModels,
  ...ofBackups,
  ...ofSearch,
  ...ofFiles,
];

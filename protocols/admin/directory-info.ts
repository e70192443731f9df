/** Where the directory is: in one node; with voters, of whom one leads and any minority may be down; in etcd. */
export type DirectoryInfo =
  | { readonly kind: "embedded"; readonly node: string }
  | {
      readonly kind: "replicated";
      /** How often it was begun anew by hand, and once. */
      readonly generation: number;
      readonly voters: readonly string[];
      /** Nodes that are about to be voters; only the leader knows. */
      readonly learners?: readonly string[];
      /** Absent while none is known to lead. */
      readonly leader?: string;
    }
  /** `generation`: it came there from voters. */
  | { readonly kind: "etcd"; readonly endpoints: readonly string[]; readonly generation?: number };

/** What all rows of a directory are that nodes keep, and how much they may be. */
export interface DirectorySize {
  readonly rows: number;
  readonly rowsMax: number;
  readonly bytes: number;
  readonly bytesMax: number;
}

/** How full it is: 1 is as much as there may be. */
export const filledOf = ({ rows, rowsMax, bytes, bytesMax }: DirectorySize): number =>
  Math.max(rows / rowsMax, bytes / bytesMax);

/** From here on it is said how full it is, before anything is refused. */
export const nearlyFullFrom = 0.8;

/** The one node without which there is no directory; undefined where there is none such. */
export function soleKeeper(directory: DirectoryInfo): string | undefined {
  if (directory.kind === "embedded") return directory.node;
  return directory.kind === "replicated" && directory.voters.length === 1 ? directory.voters[0] : undefined;
}

/** A directory that voters keep together. */
export type Replicated = Extract<DirectoryInfo, { readonly kind: "replicated" }>;

/** How many voters must be up, how many are, and which are not. */
export function quorumOf(
  { voters }: Pick<Replicated, "voters">,
  isUp: (node: string) => boolean,
): { readonly needed: number; readonly up: number; readonly down: readonly string[] } {
  const down = voters.filter((voter) => !isUp(voter));
  return { needed: Math.floor(voters.length / 2) + 1, up: voters.length - down.length, down };
}

/** How many voters there are to be, at most: with fewer managers there are fewer. 1: one node keeps the directory. */
export const voterCounts = [1, 3, 5, 7] as const;

/** The nodes that keep the directory, and how many should. */
export interface DirectoryVoters {
  readonly directory: DirectoryInfo;
  readonly wanted: number;
}

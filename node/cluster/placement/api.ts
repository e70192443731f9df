/** What admins can do to the cluster, whichever node they speak to. Nodes are named by name or id. `by`: who it is, for
 *  the audit. Errors beside those named: DIRECTORY_AWAY (before anything was changed), DIRECTORY_UNAVAILABLE (it may
 *  have been), NOT_FOUND (no such node). */
import type {
  TrustState,
  ActorId,
  Advice,
  ClusterPlan,
  ClusterSlotRow,
  ClusterSummary,
  DirectoryVoters,
  Evicted,
  InvitationIssued,
  Moved,
  NodeStorage,
  Released,
  Result,
  Role,
  StorageTerms,
  ShardsView,
  SlotId,
  SupposedChange,
} from "../../../protocols/index.ts";

export interface ClusterControl {
  summary(): Promise<Result<ClusterSummary>>;
  slots(): Promise<Result<readonly ClusterSlotRow[]>>;
  /** The groups of shard-holders, and where their holders are, without what their inventories say. */
  groups(): ShardsView;
  /** What would follow from a change, which is not made. Errors: NOT_FOUND, BAD_REQUEST. */
  preview(proposal: SupposedChange): Promise<Result<ClusterPlan>>;
  /** Whether rows can be changed, as far as this node knows. */
  directoryAnswers(): boolean;
  /** Which nodes must come back for the directory to answer, or else why it does not, in words; undefined while it
   *  answers. */
  awaited(): string | undefined;
  /** Why an actor is away for good, where an operator can help: nodes that are up have all that it holds, and none of
   *  them the role. `advice`: the change of roles that helps. */
  stranded(
    actor: ActorId,
  ): { readonly role: Role; readonly nodes: readonly string[]; readonly advice: Advice } | undefined;
  /** A single-use token that admits one node. */
  invite(
    terms: {
      readonly roles?: readonly Role[];
      readonly labels?: Readonly<Record<string, string>>;
      readonly storage?: StorageTerms;
      readonly expiresInMs?: number;
    },
    by?: string,
  ): Promise<Result<InvitationIssued>>;
  /** Ends a node's membership: it is told, its connections are cut, and it is refused from then on. `node` is its whole
   *  name or id. FORBIDDEN for the node that alone keeps the directory, for one that votes on it and cannot be spared,
   *  for the node that is asked, and unless `force` for one that holds the last copy of a slot or owns one and is up.
   *  NO_CANDIDATE for the last manager, and unless `force` for the last node of a role that has slots. */
  evict(node: string, force: boolean, by?: string): Promise<Result<Evicted>>;
  /** A draining node gives away everything it holds; ending it makes it take its share again. */
  setDraining(node: string, draining: boolean, by?: string): Promise<Result<{ readonly node: string }>>;
  /** Notes in its row that a node has given away all. ALREADY_DONE: another has noted it, or it does not drain any
   *  more. */
  drainEnded(node: string): Promise<Result<{ readonly node: string }>>;
  /** NO_CANDIDATE when a role would be left without a node that holds its slots. CHANGED_MEANWHILE when it has other
   *  roles than `seen`. */
  setRoles(
    node: string,
    roles: readonly Role[],
    by?: string,
    seen?: readonly Role[],
  ): Promise<Result<{ readonly node: string }>>;
  /** Says how much a node may keep of shards; null: what its operator gives. FORBIDDEN: it keeps none.
   *  CHANGED_MEANWHILE when it has another quota than `seen`. */
  setStorage(
    node: string,
    change: { readonly quotaBytes: number | null; readonly seen?: number | null },
    by?: string,
  ): Promise<Result<NodeStorage>>;
  /** Pins an actor and moves it; resolves when it is there. NO_CANDIDATE: the node may not hold it. */
  moveActor(actor: ActorId, to: string, timeoutMs: number, by?: string): Promise<Result<Moved>>;
  moveSlot(slot: SlotId, to: string, timeoutMs: number, by?: string): Promise<Result<Moved>>;
  /** Undoes a move's last effect: the slot, or the own slot of an actor, is placed like any other again.
   *  ALREADY_DONE: nobody had moved it. */
  release(slot: SlotId, by?: string): Promise<Result<Released>>;
  /** The nodes that keep the directory, and how many should. */
  voters(): Promise<Result<DirectoryVoters>>;
  /** How many managers keep the directory together. FORBIDDEN where it is in etcd. */
  setVoters(
    next: { readonly wanted: number; readonly seen?: number | undefined },
    by?: string,
  ): Promise<Result<{ readonly wanted: number }>>;
  /** Ends the probation of a node that keeps shards: the calling admin vouches for it. FORBIDDEN where audits have
   *  found that it lacks what it should have. */
  trustNode(node: string, by?: string): Promise<Result<{ readonly node: string; readonly trust: TrustState }>>;
  /** To etcd, or without endpoints from there to the managers, with the cluster running. */
  migrateDirectory(endpoints?: readonly string[], by?: string): Promise<Result<{ readonly rows: number }>>;
}

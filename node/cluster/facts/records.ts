/** The directory's rows with their types: slots, members, invitations, policy, roles, model routes, endpoints, budgets,
 *  prices, quotas, groups of holders, trust in nodes. The only place that knows under which key each lies. */
import { Type, type Static } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import { isStripedModelRow, stripedModelPrefix } from "./striped-models.ts";
import {
  addressText,
  assert,
  failureOf,
  grantWhen,
  holderGroup,
  mailServer,
  measures,
  periods,
  setEndpoint,
  storageTerms,
  trustStates,
  voterCounts,
  type ClusterRole,
  type Endpoint,
  type Budget,
  type HolderGroup,
  type ModelRoute,
  isQuotaOf,
  quotaMeasures,
  quotaPeriods,
  type Price,
  type Quota,
  type Role,
  type SlotId,
  type StorageTerms,
  type TrustState,
  type WantedModel,
} from "../../../protocols/index.ts";
import type { Directory, DirectoryRow, MemberRecord, NodeId, SlotRecord } from "../../ports/index.ts";

export const slotPrefix = "slot/";
export const memberPrefix = "member/";
export const invitationPrefix = "invitation/";
/** What all rows of keys begin with (`node/keys/rows.ts`). */
export const keysPrefix = "keys/";
export const policyKey = "policy";
export const votersKey = "voters";
export const wantedKey = "models";
export const identityKey = "identity";
export const rolesKey = "roles";
/** How the cluster sends mail. */
export const mailKey = "mail";
/** How the cluster looks. */
export const brandingKey = "branding";
export const routePrefix = "route/";
export const endpointPrefix = "endpoint/";
export const budgetPrefix = "budget/";
export const quotaPrefix = "quota/";
export const pricePrefix = "price/";
export const groupPrefix = "group/";
export const trustPrefix = "trust/";
export const tokenKeysPrefix = "token-keys/";

export const slotKey = (slot: SlotId): string => `${slotPrefix}${slot}`;
export const memberKey = (node: NodeId): string => `${memberPrefix}${node}`;
export const groupKey = (name: string): string => `${groupPrefix}${name}`;
export const tokenKeysKey = (node: NodeId): string => `${tokenKeysPrefix}${node}`;
export const trustKey = (node: NodeId): string => `${trustPrefix}${node}`;
export const routeKey = (name: string): string => `${routePrefix}${name}`;

// Fields that later versions add to a row stay in it, so the schemas are open. The fields here hold for every version:
// readers count on them, so the directory refuses a row that breaks them, and no node reads it.
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const node = Type.String({ minLength: 1, maxLength: 128 });
const nodes = Type.Array(node, { maxItems: 64 });
const epoch = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const slot = Type.String({ pattern: `^${addressText}$` });
const isSlotRecord = checkOf(
  Type.Object({
    slot,
    epoch,
    owner: node,
    inSync: Type.Array(node, { minItems: 1, maxItems: 64 }),
    learners: nodes,
    abandoned: Type.Optional(epoch),
    want: Type.Optional(Type.Object({ owner: node, replicas: nodes })),
    held: Type.Optional(node),
    home: Type.Optional(node),
    splitFrom: Type.Optional(slot),
  }),
);

// A later version may have other roles and states: their words are open, and nobody here acts on one that he does not
// know.
const word = Type.String({ maxLength: 64 });
const words = Type.Array(word, { maxItems: 64 });
// A node has those of its configuration, of its first start and of its invitation: 128 at most.
const labels = Type.Record(word, Type.String({ maxLength: 256 }), { maxProperties: 256 });
const text = Type.String({ maxLength: 512 });
const offer = Type.Object({
  engine: word,
  model: Type.String({ maxLength: 256 }),
  runtime: word,
  capabilities: words,
  contextTokens: count,
  sizeBytes: count,
  demonstration: Type.Boolean(),
  label: Type.Optional(Type.Object({ short: text, says: text })),
  state: word,
  device: Type.Optional(word),
  places: Type.Optional(count),
  tokensPerSecond: Type.Optional(Type.Number({ minimum: 0, maximum: 1e9 })),
  provider: Type.Optional(Type.String({ maxLength: 256 })),
  source: Type.Optional(text),
  reason: Type.Optional(text),
});
const isMemberRecord = checkOf(
  Type.Object({
    node,
    // A name of 64 characters, with a number that makes it unique.
    name: Type.String({ minLength: 1, maxLength: 128 }),
    peer: Type.String({ maxLength: 128 }),
    // One for each interface of the machine: hosts of containers have hundreds.
    addresses: Type.Array(Type.String({ maxLength: 512 }), { maxItems: 4_096 }),
    roles: words,
    rolesConfigured: Type.Optional(words),
    labels,
    labelsConfigured: Type.Optional(labels),
    offers: Type.Optional(Type.Array(offer, { maxItems: 256 })),
    models: Type.Array(Type.String({ maxLength: 256 }), { maxItems: 256 }),
    gpu: Type.Boolean(),
    // Slots are shared out by dividing by it.
    weight: Type.Number({ exclusiveMinimum: 0, maximum: 1_000 }),
    version: Type.String({ maxLength: 128 }),
    url: Type.String({ maxLength: 512 }),
    incarnation: count,
    state: word,
    drain: Type.Optional(
      Type.Object({ by: Type.String({ maxLength: 128 }), sinceMs: count, endedAtMs: Type.Optional(count) }),
    ),
    leaving: Type.Optional(Type.Boolean()),
    storage: Type.Optional(storageTerms),
    vouches: Type.Optional(Type.Boolean()),
    readsStripes: Type.Optional(Type.Boolean()),
    deletesTexts: Type.Optional(Type.Boolean()),
  }),
);

const votersDefault = 3;
const isVoters = checkOf(Type.Object({ wanted: Type.Union(voterCounts.map((value) => Type.Literal(value))) }));

/** The row `invitation/<id>`. */
export interface InvitationRecord {
  readonly id: string;
  readonly secretHash: string;
  readonly roles: readonly Role[];
  readonly labels: Readonly<Record<string, string>>;
  readonly storage?: StorageTerms;
  readonly expiresAtMs: number;
  /** The node that redeemed it, and whether its member row was written. */
  readonly used?: { readonly node: NodeId; readonly peer: string; readonly admitted: boolean };
}

/** What operators want for every slot. */
export interface Policy {
  /** Copies of each slot, the owner's included. */
  readonly replicas: number;
  /** In sync copies without which nothing is written. */
  readonly minInSync: number;
}

const isInvitationRecord = checkOf(
  Type.Object({
    id: word,
    secretHash: Type.String({ maxLength: 256 }),
    roles: words,
    labels,
    storage: Type.Optional(storageTerms),
    // The last moment that a date can name.
    expiresAtMs: Type.Number({ minimum: 0, maximum: 8.64e15 }),
    used: Type.Optional(Type.Object({ node, peer: Type.String({ maxLength: 128 }), admitted: Type.Boolean() })),
  }),
);

const copies = Type.Integer({ minimum: 1, maximum: 64 });
const isPolicy = checkOf(Type.Object({ replicas: copies, minInSync: copies }));

const isWanted = checkOf(
  Type.Object({
    models: Type.Array(
      Type.Object({
        name: Type.String({ minLength: 1, maxLength: 128 }),
        source: Type.String({ minLength: 1, maxLength: 2_048 }),
        nodes: copies,
        labels: Type.Optional(labels),
        digest: Type.Optional(word),
        acceptLicence: Type.Optional(Type.Boolean()),
        keep: Type.Optional(word),
      }),
      { maxItems: 256 },
    ),
  }),
);

/** It can say nothing else: what is asked for once is asked for from then on. */
const isIdentityRow = checkOf(Type.Object({ required: Type.Literal(true) }));

const brandingRow = Type.Object({
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
  colour: Type.Optional(Type.String({ pattern: "^#[0-9a-f]{6}$" })),
  logo: Type.Optional(
    Type.Object({
      hash: Type.String({ pattern: "^[0-9a-f]{64}$" }),
      type: Type.String({ pattern: "^image/(?:png|jpeg|webp)$" }),
      data: Type.String({ maxLength: 44_000 }),
    }),
  ),
});
/** The row of the looks. */
export type BrandingRow = Static<typeof brandingRow>;
const isBranding = checkOf(brandingRow);

const isMail = checkOf(
  Type.Object({ ...mailServer.properties, sealed: Type.Optional(Type.String({ maxLength: 2_048 })) }),
);

// Permissions and conditions of later versions are kept: a condition that this version does not know must not be met
// here (`asRoles`).
const isRoles = checkOf(
  Type.Object({
    roles: Type.Array(
      Type.Object({
        name: Type.String({ minLength: 1, maxLength: 64 }),
        grants: Type.Array(
          Type.Object({
            permission: word,
            when: Type.Optional(Type.Record(word, Type.Unknown(), { maxProperties: 16 })),
          }),
          { maxItems: 1_024 },
        ),
        note: Type.Optional(text),
      }),
      { maxItems: 256 },
    ),
  }),
);

const routeName = Type.String({ maxLength: 256 });
const routeSteps = Type.Array(
  Type.Array(Type.Object({ model: routeName, weight: Type.Number({ minimum: 0 }) }), { maxItems: 64 }),
  { maxItems: 64 },
);
const atLeastNone = Type.Number({ minimum: 0 });
/** Words of later versions are words: what this version does not know is passed over where it is followed. */
const isRoute = checkOf(
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 256 }),
    steps: routeSteps,
    shadow: Type.Optional(Type.Object({ model: routeName, percent: Type.Number({ minimum: 0, maximum: 100 }) })),
    balance: Type.Optional(routeName),
    prefer: Type.Optional(routeName),
    kinds: Type.Optional(
      Type.Array(
        Type.Object({
          name: routeName,
          when: Type.Object({
            charsMin: Type.Optional(atLeastNone),
            charsMax: Type.Optional(atLeastNone),
            code: Type.Optional(Type.Boolean()),
            languages: Type.Optional(Type.Array(routeName, { maxItems: 64 })),
            tools: Type.Optional(Type.Boolean()),
            media: Type.Optional(Type.Boolean()),
            json: Type.Optional(Type.Boolean()),
            classified: Type.Optional(
              Type.Object({
                model: routeName,
                labels: Type.Array(routeName, { maxItems: 64 }),
                least: Type.Optional(atLeastNone),
              }),
            ),
            words: Type.Optional(Type.Array(routeName, { maxItems: 256 })),
            pattern: Type.Optional(Type.String({ maxLength: 1_024 })),
          }),
          steps: routeSteps,
        }),
        { maxItems: 64 },
      ),
    ),
    ensemble: Type.Optional(
      Type.Object({
        form: routeName,
        judge: Type.Optional(routeName),
        seconds: Type.Optional(atLeastNone),
        least: Type.Optional(atLeastNone),
      }),
    ),
    cache: Type.Optional(
      Type.Object({
        seconds: atLeastNone,
        always: Type.Optional(Type.Boolean()),
        shared: Type.Optional(Type.Boolean()),
        semantic: Type.Optional(Type.Object({ model: routeName, threshold: Type.Number({ minimum: 0, maximum: 1 }) })),
      }),
    ),
  }),
);

const isEndpoint = checkOf(
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 64 }),
    adapter: word,
    url: Type.String({ minLength: 1, maxLength: 2_000 }),
    model: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    key: Type.Optional(
      Type.Union([Type.Object({ env: text }), Type.Object({ file: text }), Type.Object({ secret: text })]),
    ),
    capabilities: Type.Optional(words),
    contextTokens: Type.Optional(count),
    places: Type.Optional(count),
    labels: Type.Optional(labels),
  }),
);

// Words of later versions are open: nobody here counts by one that he does not know.
const isBudget = checkOf(
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 64 }),
    of: word,
    names: Type.Array(Type.String({ maxLength: 256 }), { maxItems: 100 }),
    measure: word,
    limit: count,
    per: word,
    warnPercent: Type.Integer({ minimum: 1, maximum: 100 }),
    ending: word,
    instead: Type.Optional(Type.String({ maxLength: 256 })),
  }),
);
const isQuota = checkOf(
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 64 }),
    role: Type.String({ minLength: 1, maxLength: 32 }),
    measure: word,
    per: word,
    limit: count,
  }),
);
const rate = Type.Number({ minimum: 0, maximum: 1_000_000 });
const isPrice = checkOf(
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 256 }),
    input: rate,
    cached: Type.Optional(rate),
    output: rate,
    call: Type.Optional(rate),
  }),
);

const isGroup = checkOf(holderGroup);

/** What audits have shown of a node, and since when it stands so. */
export interface TrustRow {
  /** The node. */
  readonly name: NodeId;
  readonly state: TrustState;
  readonly sinceMs: number;
}
const isTrust = checkOf(
  Type.Object({ name: node, state: Type.Union(trustStates.map((state) => Type.Literal(state))), sinceMs: count }),
);

/** A public key of Ed25519 that tokens are verified with. `kid` begins with the node that signs with it. */
export interface TokenKey {
  readonly kid: string;
  readonly x: string;
  /** No token that it has signed is good any more. */
  readonly untilMs: number;
}
/** The keys of one node. */
export interface TokenKeysRow {
  readonly node: NodeId;
  readonly keys: readonly TokenKey[];
}
const isTokenKeys = checkOf(
  Type.Object({
    node,
    keys: Type.Array(
      Type.Object({
        kid: Type.String({ maxLength: 256 }),
        x: Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }),
        untilMs: count,
      }),
      { maxItems: 64 },
    ),
  }),
);

/** Whether a value may lie under a key: every node would read a malformed row, at every start. Readers of rows ask
 *  here first (`asSlot`, `asMember` …): etcd takes anything from everybody. */
export function isRow(key: string, value: unknown): boolean {
  if (key.startsWith(slotPrefix))
    return isSlotRecord.Check(value) && slotKey((value as SlotRecord).slot) === key && isSound(value as SlotRecord);
  if (key.startsWith(memberPrefix)) return isMemberRecord.Check(value) && memberKey(value.node) === key;
  if (key.startsWith(invitationPrefix))
    return isInvitationRecord.Check(value) && `${invitationPrefix}${value.id}` === key;
  if (key === policyKey) return isPolicy.Check(value);
  if (key === wantedKey) return isWanted.Check(value);
  if (key === identityKey) return isIdentityRow.Check(value);
  if (key === rolesKey) return isRoles.Check(value);
  if (key === mailKey) return isMail.Check(value);
  if (key === brandingKey) return isBranding.Check(value);
  if (key === votersKey) return isVoters.Check(value);
  if (key.startsWith(routePrefix)) return isRoute.Check(value) && routeKey(value.name) === key;
  if (key.startsWith(endpointPrefix)) return isEndpoint.Check(value) && `${endpointPrefix}${value.name}` === key;
  if (key.startsWith(budgetPrefix)) return isBudget.Check(value) && `${budgetPrefix}${value.name}` === key;
  if (key.startsWith(quotaPrefix)) return isQuota.Check(value) && `${quotaPrefix}${value.name}` === key;
  if (key.startsWith(groupPrefix)) return isGroup.Check(value) && groupKey(value.name) === key;
  if (key.startsWith(trustPrefix)) return isTrust.Check(value) && trustKey(value.name) === key;
  if (key.startsWith(tokenKeysPrefix))
    return (
      isTokenKeys.Check(value) &&
      tokenKeysKey(value.node) === key &&
      value.keys.every(({ kid }) => kid.startsWith(`${value.node}.`))
    );
  if (key.startsWith(stripedModelPrefix)) return isStripedModelRow(key, value);
  if (key.startsWith(pricePrefix)) return isPrice.Check(value) && `${pricePrefix}${value.name}` === key;
  return true;
}

/** The invariants of a slot's record: its owner is in sync, no node is named twice, and a learner is not in sync.
 *  Asserted before a record is written, refused where one is read. */
export const isSound = ({
  owner,
  inSync,
  learners,
  want,
}: Pick<SlotRecord, "owner" | "inSync" | "learners" | "want">): boolean =>
  inSync.includes(owner) && isUnique([...inSync, ...learners]) && isUnique(want?.replicas ?? []);

const isUnique = (nodes: readonly NodeId[]): boolean => new Set(nodes).size === nodes.length;

/** Whether two lists of a record say the same: nodes and roles stand in them once each, and their order says
 *  nothing. */
export const sameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((item) => other.includes(item));

/** A slot's record with the revision it was read at; revision 0 and no record: there is none yet. */
export interface SlotRow {
  readonly record: SlotRecord;
  readonly revision: number;
}

/** The slot's record that a row says, with its revision. Undefined: there is no row, or it says none. */
export const asSlot = (row: DirectoryRow | undefined): SlotRow | undefined =>
  row && isRow(row.key, row.value) ? { record: row.value as SlotRecord, revision: row.revision } : undefined;

/** The member's record that a row says. Undefined: it says none. */
export const asMember = ({ key, value }: DirectoryRow): MemberRecord | undefined =>
  key.startsWith(memberPrefix) && isRow(key, value) ? (value as MemberRecord) : undefined;

/** The invitation that a row says. Undefined: it says none. */
export const asInvitation = ({ key, value }: DirectoryRow): InvitationRecord | undefined =>
  key.startsWith(invitationPrefix) && isRow(key, value) ? (value as InvitationRecord) : undefined;

/** The policy that a row says. Undefined: it says none. */
export const asPolicy = ({ key, value }: DirectoryRow): Policy | undefined =>
  key === policyKey && isRow(key, value) ? (value as Policy) : undefined;

/** How many voters the operators want, as a row says. */
export const wantedVotersIn = (row: DirectoryRow | undefined): number =>
  row && isRow(row.key, row.value) ? (row.value as { readonly wanted: number }).wanted : votersDefault;

/** The models that the cluster wants, as a row says. Undefined: it says none. */
export const asWanted = ({ key, value }: DirectoryRow): readonly WantedModel[] | undefined =>
  key === wantedKey && isRow(key, value) ? (value as { readonly models: readonly WantedModel[] }).models : undefined;
const isWhen = checkOf(grantWhen);

/** The cluster's own roles, as a row says. Undefined: it says none. A grant under a condition that this version does
 *  not know is left out: it would hold always. */
export const asRoles = ({ key, value }: DirectoryRow): readonly ClusterRole[] | undefined => {
  if (key !== rolesKey || !isRow(key, value)) return undefined;
  const { roles } = value as { readonly roles: readonly ClusterRole[] };
  return roles.map((role) => ({
    ...role,
    grants: role.grants.filter(({ when }) => when === undefined || isWhen.Check(when)),
  }));
};

/** The model route that a row says. Undefined: it says none. */
export const asRoute = ({ key, value }: DirectoryRow): ModelRoute | undefined =>
  key.startsWith(routePrefix) && isRow(key, value) ? (value as ModelRoute) : undefined;

const isSetEndpoint = checkOf(setEndpoint);

/** The endpoint that a row says. Undefined: it says none that this version knows how to ask, or one that no admin can
 *  have set here: etcd takes anything, and a key of an endpoint is sent to its address. */
export const asEndpoint = ({ key, value }: DirectoryRow): Endpoint | undefined => {
  if (!key.startsWith(endpointPrefix) || !isRow(key, value)) return undefined;
  const { name, ...set } = value as Endpoint;
  return isSetEndpoint.Check(set) ? { name, ...set } : undefined;
};
/** The quota that a row says. Undefined: it says none, or one that only a later version can count. */
export const asQuota = ({ key, value }: DirectoryRow): Quota | undefined => {
  if (!key.startsWith(quotaPrefix) || !isRow(key, value)) return undefined;
  const quota = value as Quota;
  const { measure, per } = quota;
  return quotaMeasures.includes(measure) && quotaPeriods.includes(per) && isQuotaOf(quota) ? quota : undefined;
};

/** The budget that a row says. Undefined: it says none, or one that only a later version can count. */
export const asBudget = ({ key, value }: DirectoryRow): Budget | undefined => {
  if (!key.startsWith(budgetPrefix) || !isRow(key, value)) return undefined;
  const { measure, per } = value as Budget;
  return measures.includes(measure) && periods.includes(per) ? (value as Budget) : undefined;
};
/** The price that a row says. Undefined: it says none. */
export const asPrice = ({ key, value }: DirectoryRow): Price | undefined =>
  key.startsWith(pricePrefix) && isRow(key, value) ? (value as Price) : undefined;

/** The group of shard-holders that a row says. Undefined: it says none. */
export const asGroup = ({ key, value }: DirectoryRow): HolderGroup | undefined =>
  key.startsWith(groupPrefix) && isRow(key, value) ? (value as HolderGroup) : undefined;

/** What a row says of a node that keeps shards. Undefined: it says nothing. */
export const asTrust = ({ key, value }: DirectoryRow): TrustRow | undefined =>
  key.startsWith(trustPrefix) && isRow(key, value) ? (value as TrustRow) : undefined;

/** The keys of a node that a row says. Undefined: it says none. */
export const asTokenKeys = ({ key, value }: DirectoryRow): TokenKeysRow | undefined =>
  key.startsWith(tokenKeysPrefix) && isRow(key, value) ? (value as TokenKeysRow) : undefined;

/** Reads one slot's record. */
export const readSlot = async (directory: Directory, slot: SlotId): Promise<SlotRow | undefined> =>
  asSlot(await directory.read(slotKey(slot)));

/** Whether a compare-and-set that failed in this way surely changed nothing: it was refused, or never sent (`asked:
 *  false`). */
export function changedNothing(thrown: unknown): boolean {
  const { code, outcome, details } = failureOf(thrown);
  return code === "DIRECTORY_UNAVAILABLE" ? details?.["asked"] === false : outcome !== "unknown";
}

/** Changes a slot's record if it is still at `revision`, and with `guard` if that row is, too. `applied` says whether
 *  `row` is `next`. */
export async function changeSlot(
  directory: Directory,
  next: SlotRecord,
  revision: number,
  guard?: { readonly key: string; readonly revision: number },
): Promise<{ readonly applied: boolean; readonly row: SlotRow | undefined }> {
  assert(isSound(next), "a slot's owner is in sync, and no node is twice in its record");
  const changed = await directory.compareAndSet(slotKey(next.slot), next, revision, guard);
  return { applied: changed.applied, row: asSlot(changed.row) };
}

/** Every slot on record. */
export const listSlots = async (directory: Directory): Promise<readonly SlotRow[]> =>
  (await directory.list(slotPrefix)).flatMap((row) => asSlot(row) ?? []);

/** Every admitted node. */
export const listMembers = async (directory: Directory): Promise<readonly MemberRecord[]> =>
  (await directory.list(memberPrefix)).flatMap((row) => asMember(row) ?? []);

/** Makes sure that nobody comes in as this node again with an invitation that it came with. That it was admitted may
 *  not stand there yet: its member row is written first, and then the answer may be lost. */
export async function spendInvitations(directory: Directory, node: NodeId): Promise<void> {
  for (const row of await directory.list(invitationPrefix)) {
    const invitation = asInvitation(row);
    if (invitation?.used?.node !== node || invitation.used.admitted) continue;
    const used = { ...invitation.used, admitted: true };
    // Only the member that admits the node changes this row meanwhile, and it writes the same.
    await directory.compareAndSet(row.key, { ...invitation, used }, row.revision);
  }
}

/** Made-up traffic of a cluster: months of people who sign in, mistype, travel and work, by seed; and attacks that are
 *  put into it. */
import type { AuditAction, AuditRecord } from "../../../protocols/index.ts";

/** A small generator of numbers in [0, 1): the same seed gives the same (mulberry32, T. Ettinger). */
export function numbersOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const startMs = Date.UTC(2026, 0, 5);
export const dayMs = 24 * 3_600_000;
const hourMs = 3_600_000;
export const logName = "aaaaaaaaaaaaaaaa-00000001";

/** An entry before it has its number. */
export type Said = Pick<AuditRecord, "action" | "by" | "outcome" | "atMs"> &
  Partial<Pick<AuditRecord, "target" | "address" | "facts" | "session">>;

/** Entries by time, numbered. */
export const numbered = (said: readonly Said[], log = logName): readonly AuditRecord[] =>
  said
    .toSorted((one, other) => one.atMs - other.atMs)
    .map((one, at) => ({ ...one, atMs: Math.floor(one.atMs), log, seq: at + 1, node: "a", prev: "0".repeat(64) }));

/** Addresses of places, as the file of an admin would have them. */
export const placesText = ["Vienna,48.2,16.4", "Berlin,52.5,13.4", "Paris,48.9,2.4", "Lisbon,38.7,-9.1", "Tokyo,35.7,139.7", "Lagos,6.5,3.4"]
  .map((line, at) => {
    const [name, lat, lon] = line.split(",");
    return `10.${at}.0.0/16,${lat},${lon},${name}`;
  })
  .join("\n"); // prettier-ignore

/** What an admin of made-up traffic does, mostly. */
const specialities: readonly (readonly AuditAction[])[] = [
  ["suspendUser", "restoreUser", "endSession", "inviteAccount"],
  ["pullModel", "removeModel", "loadModel", "setModelRoute", "setEndpoint"],
  ["runBackup", "verifyBackup", "scheduleBackup", "copyBackup"],
  ["drain", "undrain", "moveSlot", "roles", "releaseActor"],
];

/** How many do what in made-up traffic. */
export interface Traffic {
  readonly seed: number;
  readonly people: number;
  readonly admins: number;
  readonly days: number;
}

/** Traffic without any attack. */
export function normalTraffic({ seed, people, admins, days }: Traffic): Said[] {
  const random = numbersOf(seed);
  const said: Said[] = [];
  const among = <T>(things: readonly T[]): T => things[Math.floor(random() * things.length)] as T;
  const poisson = (mean: number): number => {
    let [count, product] = [0, random()];
    for (const limit = Math.exp(-mean); product > limit; product *= random()) count += 1;
    return count;
  };
  for (let index = 0; index < people; index += 1) {
    const by = `user/p${index}`;
    const isAdmin = index < admins;
    const home = Math.floor(random() * 3);
    // Whose provider gives out another address each day, and who uses an exit of a company's network far away.
    const changes = random() < 0.3;
    const hasExit = random() < 0.05;
    const forgets = random() < 0.05;
    const speciality = among(specialities);
    const pace = 0.5 + random() * 3;
    let address = `10.${home}.${index % 250}.${Math.floor(random() * 250)}`;
    for (let day = 0; day < days; day += 1) {
      const isFree = day % 7 >= 5;
      if (random() < (isFree ? 0.7 : 0.1)) continue;
      if (changes) address = `10.${home}.${index % 250}.${Math.floor(random() * 250)}`;
      const isAway = random() < 0.002;
      const from = isAway ? `10.${3 + Math.floor(random() * 3)}.1.${index % 250}` : address;
      for (let times = 1 + poisson(0.7); times > 0; times -= 1) {
        const atMs = startMs + day * dayMs + (8 + random() * 10) * hourMs;
        const at = hasExit && random() < 0.5 ? `10.4.9.${index % 250}` : from;
        for (let wrong = poisson(forgets ? 1 : 0.15); wrong > 0; wrong -= 1)
          said.push({ action: "signIn", by: "stranger", target: by, address: at, outcome: "SIGN_IN_FAILED", atMs: atMs - wrong * 20_000 }); // prettier-ignore
        said.push({ action: "signIn", by, address: at, outcome: "done", atMs });
        if (random() < 0.01) said.push({ action: "createKey", by, address: at, outcome: "done", atMs: atMs + 60_000 });
        if (random() < 0.02) said.push({ action: "signOut", by, address: at, outcome: "done", atMs: atMs + hourMs });
      }
      if (random() < 0.01) said.push({ action: "refused", by, address: from, outcome: "FORBIDDEN", atMs: startMs + day * dayMs + 12 * hourMs }); // prettier-ignore
      if (!isAdmin) continue;
      for (let bouts = poisson(pace); bouts > 0; bouts -= 1) {
        const atMs = startMs + day * dayMs + (8 + random() * 11) * hourMs + (random() < 0.03 ? 10 * hourMs : 0);
        // Work comes in heaps now and then.
        const acts = 1 + poisson(random() < 0.05 ? 15 : 2);
        for (let act = 0; act < acts; act += 1) {
          const action = random() < 0.9 ? among(speciality) : (among(among(specialities)) as AuditAction);
          said.push({ action, by, address: from, outcome: random() < 0.03 ? "FORBIDDEN" : "done", atMs: atMs + act * 90_000 }); // prettier-ignore
        }
        if (random() < 0.03) said.push({ action: "exportAudit", by, address: from, outcome: "done", atMs });
      }
    }
  }
  // A promotion every second week, and what newcomers to power do with it.
  for (let day = 3; day < days; day += 14) {
    const target = `user/p${admins + Math.floor(random() * (people - admins))}`;
    said.push({ action: "setRoles", by: "user/p0", target, outcome: "done", atMs: startMs + day * dayMs + 9 * hourMs, facts: { roles: "moderator" } }); // prettier-ignore
    if (random() < 0.5) said.push({ action: "endSession", by: target, outcome: "done", atMs: startMs + day * dayMs + 9 * hourMs + 300_000 }); // prettier-ignore
  }
  return said;
}

/** One attack of each sort, by somebody whose past is in the traffic. */
export const attacks = {
  /** Everything that can be taken, at once. */
  smash: (by: string, atMs: number): Said[] =>
    spread(by, atMs, ["exportAudit", "downloadBackup", "exportUser", "createKey"], 24, 60_000),
  /** A few acts that this person never does. */
  strange: (by: string, atMs: number): Said[] =>
    spread(by, atMs, ["makeKit", "downloadBackup", "eraseKeys"], 4, 300_000),
  /** Acts of an admin at night. */
  night: (by: string, atMs: number): Said[] =>
    spread(by, atMs - (atMs % dayMs) + 2 * hourMs, ["setRoles", "createKey", "setSignIn"], 6, 120_000),
  /** Feeling the way: what is refused, and what is not. */
  probe: (by: string, atMs: number): Said[] =>
    spread(by, atMs, ["refused", "exportAudit", "setRoles"], 9, 100_000).map((one, at) =>
      at % 3 === 2 ? one : { ...one, outcome: "FORBIDDEN" },
    ),
} as const;

const spread = (by: string, atMs: number, actions: readonly AuditAction[], count: number, everyMs: number): Said[] =>
  Array.from({ length: count }, (_, at) => ({
    action: actions[at % actions.length] as AuditAction,
    by,
    address: "10.5.66.66",
    outcome: "done",
    atMs: atMs + at * everyMs,
  }));

/** What stands between a person and an act: the check of rights, the counts of rates, and the audit of a whole gateway
 *  on a real disk. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { ledger } from "../../../actors/ledger/index.ts";
import { roleManager } from "../../../actors/role-manager/index.ts";
import { user } from "../../../actors/user/index.ts";
import { createAudit } from "../../../node/audit/index.ts";
import { createCommandRates } from "../../../node/gateway/edge/command-rates.ts";
import { createGateway, gatewayLimits } from "../../../node/gateway/index.ts";
import { addressKey } from "../../../node/gateway/edge/rates.ts";
import { createRights } from "../../../node/gateway/identity/rights.ts";
import { createRates } from "../../../node/gateway/edge/shared-rates.ts";
import { isSignedBy, openNodeKey, signWith } from "../../../node/cluster/mesh/index.ts";
import { createClock, createRandom, openLevelStore } from "../../../node/platform/index.ts";
import { ok, roleTable, type AuditWriter } from "../../../protocols/index.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { workspace } from "../processes.ts";
import { median } from "../statistics.ts";
import { log, noEngines } from "./ports.ts";
import { serve } from "./serve.ts";
import type { RightsOf } from "../../../node/gateway/ports.ts";

const clock = createClock();
const random = createRandom();
const meter = { count() {}, gauge() {}, observeMs() {} };
const count = 100_000;

/** Milliseconds for one of many. */
function timed(act: (one: number) => void): number {
  const startMs = performance.now();
  for (let one = 0; one < count; one += 1) act(one);
  return (performance.now() - startMs) / count;
}

/** A member; and somebody whose only role lets one post from an office. */
function rights(): object {
  const when = { addresses: ["10.0.0.0/8", "127.0.0.0/8"] };
  const table = roleTable([{ name: "office", grants: [{ permission: "room.post", when }], note: "" }]);
  const checks = createRights({ clusterRoles: { table: () => table }, clock, limits: gatewayLimits });
  const check = (role: string) => {
    const caller: RightsOf = { roles: [role], kind: "session", provedAgoMs: 0, askedAtMs: clock.monotonicMs() };
    return timed(() => {
      if (checks.refusal(caller, "room.post", "127.0.0.1") !== undefined) throw new Error(`${role} was refused`);
    });
  };
  return { memberMs: check("member"), officeMs: check("office") };
}

/** A thousand people with a key each, in a hundred rooms, far from every limit, as one of so many gateways. Time passes
 *  as if each sent a command in ten seconds. */
function limits(gateways: number): { per(): number } {
  let aheadMs = 0;
  let told = 0;
  const moving = { ...clock, monotonicMs: () => clock.monotonicMs() + aheadMs };
  const others = Array.from({ length: gateways - 1 }, (_, one) => String(one));
  const ratePeers = {
    count: () => gateways,
    up: () => others,
    onChange: () => () => undefined,
    tell() {
      told += 1;
      return Promise.resolve(ok(null));
    },
    serve: () => undefined,
  };
  const rates = createRates({
    ...(gateways > 1 && { ratePeers }),
    limits: gatewayLimits,
    clock: moving,
    random,
    meter,
  });
  const commands = createCommandRates(rates, gatewayLimits);
  const addresses = rates.limit("badToken", gatewayLimits.badTokenRate);
  const people = Array.from({ length: 1_000 }, (_, one) => ({
    caller: { user: `person${one}`, kind: "key" as const, session: `key${one}` },
    address: `10.0.${one >> 8}.${one & 255}`,
    room: `room/room${one % 100}`,
  }));
  return {
    per() {
      if (told > 0) throw new Error("others were told of keys that are far from their limit");
      return timed((one) => {
        aheadMs += 10;
        const { caller, address, room } = people[one % people.length] as (typeof people)[number];
        const from = addressKey(address);
        const waitMs = addresses.take(from) + commands.take(caller);
        addresses.giveBack(from);
        if (waitMs > 0 || commands.said(room, "post")?.ok === false) throw new Error("a command was refused");
      });
    },
  };
}

const operator = "operator-of-the-bench";
const plenty = { count: 100_000_000, windowMs: 1_000 };

async function gateway(isAudited: boolean) {
  const folder = await mkdtemp(join(workspace, "authority-"));
  const store = await openLevelStore(join(folder, "journal"));
  const { peer } = await startAlone({ store, behaviors: [user, ledger, roleManager], engines: noEngines, clock, random, log, meter });
  const key = await openNodeKey(folder);
  const signer = {
    peer: () => Promise.resolve(key.peer),
    sign: (bytes: Uint8Array) => signWith(key, bytes),
    isSigned: isSignedBy,
  };
  const book = await createAudit({ store, node: "alone", name: () => "alone", signer, clock, random, log, meter });
  const audit: AuditWriter = isAudited ? book : { write: () => Promise.resolve() };
  const opened = await createGateway({
    kernel: peer.kernel,
    engines: noEngines,
    budgets: { ...peer.budgets, ...peer.usage },
    hub: peer.hub,
    clock,
    random,
    log,
    meter,
    audit,
    host: "127.0.0.1",
    port: 0,
    node: "alone",
    version: "0",
    signUp: "open",
    adminNeeded: () => Promise.resolve(false),
    adminCodeHash: undefined,
    controlToken: operator,
    status: () => Promise.reject(new Error("nobody asks")),
    readiness: () => ok({}),
    metricsText: () => Promise.resolve({ contentType: "text/plain", body: "" }),
    limits: { commandRate: plenty, signInRate: plenty },
  });
  const call = async (method: string, path: string, body: object, token?: string): Promise<void> => {
    const headers = { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(`${opened.url}/api/v1/${path}`, { method, headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  };
  const account = { name: "ada", password: "correct horse battery" };
  await call("POST", "sign-up", account);
  let limit = 1_000;
  return {
    admin: () => call("PUT", "admin/quotas/member/messages/day", { limit: (limit += 1) }, operator),
    signIn: () => call("POST", "sign-in", account),
    /** A synced write of an entry's size on the same disk, and nothing else. */
    sync: () => store.batch([{ type: "put", key: "bench/sync", value: new Uint8Array(400) }], { sync: true }),
    async stop() {
      await opened.stop(1_000);
      const written = (await book.search({ limit: 10 })).entries.length;
      if (written > 0 !== isAudited) throw new Error(`the audit has ${written} entries`);
      await book.stop();
      await peer.stop(1_000);
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
} // prettier-ignore

/** What one act took. */
interface Took {
  readonly ms: number;
  readonly cpuMs: number;
}

async function took(act: () => Promise<unknown>): Promise<Took> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await act();
  const ms = performance.now() - startMs;
  const { user: own, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (own + system) / 1_000 };
}

const medianOf = (all: readonly Took[], figure: keyof Took): number => median(all.map((one) => one[figure]));

/** One of each, again and again, each of them first as often as last: what else the machine does meets all of them. */
async function inTurns(times: number, acts: readonly (() => Promise<unknown>)[]): Promise<readonly Took[][]> {
  const all = acts.map((): Took[] => []);
  for (let time = 0; time < times; time += 1)
    for (let at = 0; at < acts.length; at += 1) {
      const one = (at + time) % acts.length;
      all[one]!.push(await took(acts[one]!));
    }
  return all;
}

const [what] = process.argv.slice(2);
const [alone, five] = [limits(1), limits(5)];
const pair = what === "pair" ? [await gateway(true), await gateway(false)] : [];

/** Both gateways act in turns. `extra`: how much longer the audited one took than its twin a moment before or after; of
 *  the other, what one synced write takes. */
async function pairs(): Promise<object> {
  const [audited, plain] = pair;
  if (audited === undefined || plain === undefined) throw new Error("there is no pair");
  const [more = [], less = [], syncs = []] = await inTurns(60, [audited.admin, plain.admin, audited.sync]);
  const [signMore = [], signLess = []] = await inTurns(12, [audited.signIn, plain.signIn]);
  const figures = (admin: readonly Took[], signIn: readonly Took[], { ms: extraMs, cpuMs: extraCpuMs }: Took) => ({
    adminMs: medianOf(admin, "ms"),
    adminCpuMs: medianOf(admin, "cpuMs"),
    signInMs: medianOf(signIn, "ms"),
    signInCpuMs: medianOf(signIn, "cpuMs"),
    extraMs,
    extraCpuMs,
  });
  const extra = (figure: keyof Took): number =>
    median(more.map((one, at) => one[figure] - (less[at]?.[figure] ?? Number.NaN)));
  return {
    audited: figures(more, signMore, { ms: extra("ms"), cpuMs: extra("cpuMs") }),
    unaudited: figures(less, signLess, { ms: medianOf(syncs, "ms"), cpuMs: medianOf(syncs, "cpuMs") }),
  };
}

serve({
  rights,
  limits: () => ({ aloneMs: alone.per(), fiveMs: five.per() }),
  pairs,
  async stop() {
    for (const one of pair) await one.stop();
  },
});

/** Every operation of admins at a real node: each is asked for with the least that its row takes, and what is answered
 *  or refused is compared with what the node itself describes (`/openapi.json`). */
import { expect } from "chai";
import type { CallInput } from "../../client/call.ts";
import {
  allOperations,
  apiPrefix,
  type NamedOperation,
  type OperationAnswer,
  type OperationName,
} from "../../protocols/index.ts";
import { requestOf } from "../../protocols/operations/routes.ts";
import { checkOf } from "../../protocols/wire/check.ts";
import { leastOf, type Schema } from "../fixtures/least.ts";
import { createDataFolder, NodeProcess } from "../fixtures/processes/node-process.ts";
import { png } from "../fixtures/pictures.ts";

/** Rows that are not done here, and why. */
const notDone: Readonly<Record<string, readonly string[]>> = {
  "would end the node": ["cluster.evict", "cluster.migrateDirectory"],
  "needs a model, a mail server or a receiver that is elsewhere": [
    "mail.test",
    "sinks.test",
    "store.endPull",
    "store.pull",
    "store.pulling",
    "store.remove",
    "store.show",
    "store.verify",
  ],
  "needs a recovery kit, whose root the terminal alone has, or backups that were made with one": [
    "backups.copy",
    "backups.resume",
    "keys.beginKit",
    "keys.confirmKit",
    "keys.erase",
    "keys.restore",
    "keys.rotate",
    "keys.trustRoot",
  ],
  "needs another admin, who has been one for a day": ["recalls.approve", "recalls.begin"],
  "needs another node": ["shards.inventory", "stripes.put", "stripes.read"],
  "needs something that went wrong, or is over": [
    "actors.release",
    "alerts.acknowledge",
    "alerts.show",
    "profiles.show",
    "quarantine.release",
    "quarantine.remove",
    "traces.show",
  ],
};

const inputOf = ({ row }: NamedOperation): object => ({
  ...(leastOf((row.fields ?? {}) as Schema) as object),
  ...(leastOf(row.params as Schema) as object),
});

/** Does what takes more than the least, or has to be there for what comes after. */
async function useAll(call: Demanded, node: string): Promise<void> {
  await call("cluster.drain", { node, draining: true });
  await call("cluster.drain", { node, draining: false });
  const { nodes } = await call("cluster.summary");
  await call("cluster.setRoles", { node, roles: [...(nodes[0]?.roles ?? [])] });
  await call("cluster.trust", { node });
  await call("cluster.setStorage", { node, quotaBytes: null });
  const { slots } = await call("cluster.slots");
  const [role = "", number = ""] = (slots[0]?.slot ?? "").split("/");
  const slot = { role: role as "chat", number: Number(number) };
  await call("cluster.moveSlot", { ...slot, to: node });
  await call("cluster.releaseSlot", slot);
  const room = { kind: "room", key: "den" };
  await call("actors.show", room);
  await call("cluster.moveActor", { ...room, to: node });
  await call("cluster.releaseActor", room);
  const { revision } = await call("configuration.history");
  await call("configuration.set", { revision, set: { signUp: "closed" } });
  await call("configuration.rollBack", { revision: revision + 1, to: revision });
  await call("control.make", { name: "robot", scopes: ["cluster.see"] });
  await call("control.revoke", { name: "robot" });
  const picture = png(32, 32).toString("base64");
  await call("emoji.add", { name: "late-parrot", picture });
  await call("emoji.remove", { name: "late-parrot" });
  const rule = { severity: "notice", withinMinutes: 5, by: "user", steps: [{ action: "signIn" }] } as const;
  await call("rules.set", { rule: "late", ...rule, steps: [...rule.steps] });
  await call("rules.remove", { rule: "late" });
  await call("detectors.set", { detector: "refused-person", settings: { count: 20 } });
  await call("sinks.set", { sink: "late", url: "https://first.example.org/x" });
  await call("sinks.remove", { sink: "late" });
  await call("endpoints.set", { name: "late", adapter: "openai", url: "https://first.example.org" });
  await call("endpoints.test", { name: "late", speed: false });
  await call("endpoints.remove", { name: "late" });
  const search = await call("endpoints.search", { range: "127.0.0.1/32", ports: [1] });
  await call("endpoints.endSearch", { id: search.id });
  for (const name of ["load", "pin", "unpin", "unload"] as const) await call(`inference.${name}`, { model: "echo" });
  await call("people.addKey", { user: "first", label: "late" });
  await call("people.makeReset", { user: "bob" });
  for (const suspended of [true, false]) await call("people.suspend", { user: "bob", suspended });
  const { sessions } = await call("people.show", { user: "ada" });
  await call("people.endSession", { user: "ada", id: sessions[0]?.id ?? "" });
  await call("people.delete", { user: "bob", deleted: true });
  const { invitations } = await call("signUpInvitations.list");
  await call("signUpInvitations.end", { id: invitations[0]?.id ?? "" });
  const held = await call("holds.set", { on: { thread: "room/den" }, reason: "late" });
  await call("holds.lift", { id: held.id });
  const wish = { sort: "recall", query: { thread: "room/den" }, as: "download" } as const;
  const asked = await call("recalls.ask", { wish, reason: "late" });
  await call("recalls.decline", { id: asked.id });
  await call("backups.prune", { keep: { last: 1 } });
  const server = { host: "mail.example.org", port: 587, security: "starttls", user: "late" } as const;
  await call("mail.set", { ...server, from: "late@example.org", password: "late" });
  await call("secrets.adopt", { secret: "late", from: "mail" });
  const weekly = { cron: "0 7 * * 1", days: 7, formats: ["csv"], to: ["late@example.org"] } as const;
  await call("reports.set", { report: "late", ...weekly, formats: [...weekly.formats], to: [...weekly.to] });
  await call("reports.file", { report: "late", format: "csv" });
  await call("reports.send", { report: "late" });
  await call("reports.remove", { report: "late" });
  const { feedback } = await call("feedback.list");
  await call("feedback.end", { id: feedback[0]?.id ?? 0 });
  await call("backups.setSchedule", { name: "late", cron: "0 3 * * *", wish: { sort: "run" } });
  await call("backups.removeSchedule", { name: "late" });
  const task = await call("backups.run", {});
  await call("backups.task", { id: task.id });
  await call("backups.cancel", { id: task.id });
  const profile = await call("profiles.take", { of: "cpu", seconds: 30 });
  await call("tasks.show", { id: profile.id });
  await call("tasks.cancel", { id: profile.id });
}

/** Calls an operation that is to be done. */
type Demanded = <Name extends OperationName>(name: Name, ...input: CallInput<Name>) => Promise<OperationAnswer<Name>>;

interface Route {
  readonly "x-errors": readonly string[];
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

describe("operations of a real node", function () {
  it("refuse with what their rows say, and answer as they are described", async () => {
    await using data = await createDataFolder();
    await using node = new NodeProcess(data.path);
    await node.start();
    const operator = await node.controlToken();
    // A member: whoever signs up first is the owner.
    await node.signUp("ada");
    const member = await node.signUp("bob");
    const described = (await node.http("GET", "/openapi.json")).body as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, Route>>>>;
      readonly components: { readonly schemas: object };
    };
    const routeOf = ({ method, path }: NamedOperation) =>
      described.paths[`${apiPrefix}${path.replaceAll(/:(\w+)/g, "{$1}")}`]?.[method.toLowerCase()] as Route;
    const inlined = (schema: object): Parameters<typeof checkOf>[0] =>
      JSON.parse(
        JSON.stringify({ ...schema, $defs: described.components.schemas }).replaceAll(
          "#/components/schemas/",
          "#/$defs/",
        ),
      );
    const wrong: string[] = [];
    const undone: string[] = [];
    const done = new Set<string>();
    const refused = new Set<string>();
    const ask = async (operation: NamedOperation, token: string, input = inputOf(operation)): Promise<unknown> => {
      const { name } = operation;
      const { method, path, body } = requestOf(name, input);
      const { status, body: answer } = await node.http(method, path, body, token);
      const route = routeOf(operation);
      if (status >= 400) {
        const { code } = (answer as { readonly error: { readonly code: string } }).error;
        refused.add(name);
        if (!route["x-errors"].includes(code)) wrong.push(`${name} refuses with ${code}: ${JSON.stringify(answer)}`);
        return undefined;
      }
      done.add(name);
      const schema = route.responses["200"]?.content?.["application/json"]?.schema;
      const check = checkOf(inlined(schema as object));
      if (!check.Check(answer)) wrong.push(`${name} answers ${JSON.stringify(answer).slice(0, 300)}`);
      return answer;
    };
    const order = ["PUT", "POST", "GET", "DELETE"];
    const ofAdmins = allOperations
      .filter(({ path }) => path.startsWith("/admin/"))
      .toSorted((one, other) => order.indexOf(one.method) - order.indexOf(other.method));
    for (const operation of ofAdmins) await ask(operation, operator);
    for (const operation of ofAdmins.filter(({ method }) => method === "DELETE")) await ask(operation, operator);
    await node.http("POST", "/api/v1/rooms", { room: "den" }, member);
    const call = async (name: OperationName, input: object = {}): Promise<unknown> => {
      const answer = await ask(ofAdmins.find((one) => one.name === name) as NamedOperation, operator, input);
      if (answer === undefined) undone.push(name);
      return answer ?? {};
    };
    await call("use.set", { isOn: true });
    await node.http("POST", "/api/v1/me/feedback", { text: "It is late." }, member);
    await useAll(call as Demanded, node.name);
    expect(undone, JSON.stringify(wrong)).to.deep.equal([]);
    for (const operation of ofAdmins) await ask(operation, member);
    expect(wrong).to.deep.equal([]);
    const names = ofAdmins.map(({ name }) => name);
    expect(
      names.filter((name) => !refused.has(name)),
      "refused",
    ).to.deep.equal([]);
    const left = names.filter((name) => !done.has(name));
    expect(left.toSorted(), "not done").to.deep.equal(Object.values(notDone).flat().toSorted());
  });
});

/** Script in every text field that a real node describes (`/openapi.json`), so that routes that come later are tried
 *  as well: it is refused, or kept and told back as JSON that no browser takes for a page. */
import { expect } from "chai";
import { leastOf, type Schema } from "../../fixtures/least.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";

const script = "<script>window.hacked=1</script><img src=x onerror=alert(1)>";

/** What would end what the others are asked with: the session, its account, the node. */
const ending = /\/(?:sign-out|me\/deletion|me\/password|rooms\/\{room\}\/leave|draining|directory\/migrate)$/;

/** What stands in a path. */
const named: Readonly<Record<string, string>> = { room: "den", user: "bob", member: "bob", agent: "helper", seq: "1" };
const filled = (path: string): string =>
  path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(named[name] ?? "first"));

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Route>>>>;
}
interface Route {
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

describe("script in text fields, at a real node", () => {
  let node: NodeProcess;
  let ada: string;
  let routes: readonly { readonly method: string; readonly path: string; readonly schema: Schema | undefined }[];
  const ask = async (method: string, path: string, body?: unknown) => {
    const headers = { accept: "text/html", "content-type": "application/json", authorization: `Bearer ${ada}` };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${node.url}${path}`, { method, headers: body === undefined ? { ...headers, "content-type": "" } : headers, ...sent }); // prettier-ignore
    const text = await answer.text();
    const where = `${method} ${path}: ${answer.status} ${text.slice(0, 200)}`;
    expect(answer.status, where).to.be.lessThan(500);
    expect(answer.headers.get("x-content-type-options"), where).to.equal("nosniff");
    if (text.includes("hacked")) expect(answer.headers.get("content-type"), where).to.not.match(/html|svg|xml/);
    return { status: answer.status, text };
  };

  it("is text, wherever it is sent and wherever it is told", async () => {
    await using data = await createDataFolder();
    await using started = new NodeProcess(data.path);
    node = started;
    await node.start();
    ada = await node.signUp("ada");
    await node.signUp("bob");
    await node.http("POST", "/api/v1/rooms", { room: "den", visibility: "public" }, ada);
    await node.http("POST", "/api/v1/agents", { name: "helper" }, ada);
    await node.http("POST", "/api/v1/rooms/den/messages", { text: "first" }, ada);
    const { paths } = (await node.http("GET", "/openapi.json")).body as Described;
    routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { requestBody }]) => {
        return { method: method.toUpperCase(), path, schema: requestBody?.content["application/json"]?.schema };
      }),
    );
    const taken = new Set<string>();
    for (const { method, path, schema } of routes) {
      if (schema === undefined || ending.test(path)) continue;
      // All at once, those within others as well; then each by itself, since some stand in for one another.
      const least = leastOf(schema) as object;
      const each = Object.keys(schema.properties ?? {}).map((field) => {
        return { ...least, [field]: leastOf(schema.properties?.[field] as Schema, script) };
      });
      for (const body of [leastOf(schema, script), ...each]) {
        if (!JSON.stringify(body).includes("hacked")) continue;
        const { status } = await ask(method, filled(path), body);
        if (status < 300) taken.add(`${method} ${path}`);
      }
    }
    const told: string[] = [];
    for (const { method, path } of routes) {
      if (method !== "GET" || /^\/(?:api-docs|$)|\{(?:file|id|hash)\}|events|stream|metrics/.test(path)) continue;
      if ((await ask(method, filled(path))).text.includes("hacked")) told.push(path);
    }
    if (process.env["PLEXUS_TEST_TELLS"] !== undefined) console.log(taken, told);
    expect(taken.size, "kept it").to.be.above(20);
    expect(told, "told it").to.have.length.above(8);
  });
});

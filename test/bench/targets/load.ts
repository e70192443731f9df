/** The load generator of the fan-out: many WebSocket clients in one process, so cheap that the server is what is
 *  measured.
 *
 *  They are bare sockets that walk over frame headers (RFC 6455, section 5.2); one client reads every frame in full.
 *  All clients must get the same number of frames and bytes; so a frame lost, doubled or cut anywhere is found. */
import { connect as connectSocket, type Socket } from "node:net";
import { payload } from "./drive.ts";
import { serve } from "./serve.ts";

interface Member {
  readonly token?: string;
  readonly count: number;
}

/** Whom to connect to, and what to say first. */
interface Plan {
  readonly port: number;
  readonly path: string;
  readonly members: readonly Member[];
  /** Sent by every client once it is connected; an answer to each is waited for. */
  readonly first?: string | readonly string[];
  /** Text frames the server sends by itself before anything is asked. */
  readonly greetings: number;
  /** The server speaks XMPP (RFC 7395): everybody enters this room under a name of their own. */
  readonly xmppRoom?: string;
}

const connectionsAtOnce = 64;
const roundTimeoutMs = 60_000;

/** A masked frame, as a client must send it; the mask is zero, which leaves the text as it is. */
function frameOf(text: string, opcode = 1): Buffer {
  const body = Buffer.from(text);
  const long = body.length >= 126;
  const header = Buffer.alloc(long ? 8 : 6);
  header[0] = 0x80 | opcode;
  header[1] = 0x80 | (long ? 126 : body.length);
  if (long) header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

class Client {
  readonly socket: Socket;
  frames = 0;
  bytes = 0;
  onFrame: ((body: Buffer) => void) | undefined;
  #rest: Buffer | undefined;
  #open = false;
  readonly #opened: () => void;

  constructor(socket: Socket, opened: () => void) {
    this.socket = socket;
    this.#opened = opened;
    socket.on("data", (data: Buffer) => this.#take(data));
  }

  #take(data: Buffer): void {
    let bytes = this.#rest === undefined ? data : Buffer.concat([this.#rest, data]);
    this.#rest = undefined;
    if (!this.#open) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) {
        this.#rest = bytes;
        return;
      }
      if (!bytes.subarray(0, 12).equals(Buffer.from("HTTP/1.1 101"))) throw new Error(bytes.toString().slice(0, 1_000));
      this.#open = true;
      bytes = bytes.subarray(end + 4);
      this.#opened();
    }
    let offset = 0;
    while (offset + 2 <= bytes.length) {
      const short = (bytes[offset + 1] as number) & 0x7f;
      const header = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (offset + header > bytes.length) break;
      const length =
        short < 126 ? short : short === 126 ? bytes.readUInt16BE(offset + 2) : bytes.readUInt32BE(offset + 6);
      const end = offset + header + length;
      if (end > bytes.length) break;
      const opcode = (bytes[offset] as number) & 0x0f;
      if (opcode === 9) this.socket.write(frameOf(bytes.toString("utf8", offset + header, end), 10));
      else if (opcode === 8)
        throw new Error(`closed by the server: ${bytes.toString("utf8", offset + header + 2, end)}`);
      // Presence comes beside what is counted: `{"presence":…`, `<presence …`.
      else if (bytes[offset + header + 2] !== 0x70 && bytes[offset + header + 1] !== 0x70) {
        this.frames += 1;
        this.bytes += length;
        received();
        this.onFrame?.(bytes.subarray(offset + header, end));
      }
      offset = end;
    }
    if (offset < bytes.length) this.#rest = bytes.subarray(offset);
  }
}

let readers: Client[] = [];
let posters: Client[] = [];
let total = 0;
let wanted = Infinity;
let reached: () => void = () => undefined;

function received(): void {
  total += 1;
  if (total >= wanted) reached();
}

const addresses = 16;
let opened = 0;

function open(plan: Plan, member: Member): Promise<Client> {
  return new Promise((resolve, reject) => {
    // A node gives one address a share of its connections.
    opened += 1;
    const localAddress = `127.0.0.${1 + (opened % addresses)}`;
    const socket = connectSocket({ host: "127.0.0.1", port: plan.port, noDelay: true, localAddress });
    const client = new Client(socket, () => resolve(client));
    socket.once("error", reject);
    const authorization = member.token === undefined ? "" : `Authorization: Bearer ${member.token}\r\n`;
    const key = Buffer.alloc(16, "bench").toString("base64");
    socket.write(
      `GET ${plan.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${authorization}` +
        `${plan.xmppRoom === undefined ? "" : "Sec-WebSocket-Protocol: xmpp\r\n"}\r\n`,
    );
  });
}

let names = 0;

/** Signs in as nobody and enters a room; resolves when the room's subject has come, which is the last of its greetings. */
function enter(client: Client, room: string): Promise<void> {
  const say = (text: string): boolean => client.socket.write(frameOf(text));
  const stream = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
  names += 1;
  const name = `n${names}`;
  const steps: readonly (readonly [seen: string, answer: string])[] = [
    ["<mechanism>ANONYMOUS", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/>"],
    ["<success", stream],
    ["features", "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"],
    [
      "id='b'",
      `<presence xmlns='jabber:client' to='${room}/${name}'><x xmlns='http://jabber.org/protocol/muc'/></presence>`,
    ],
  ];
  let step = 0;
  return new Promise((resolve) => {
    client.onFrame = (body) => {
      const text = body.toString();
      if (text.includes("<subject")) resolve();
      const [seen, answer] = steps[step] ?? ["", ""];
      if (seen === "" || !text.includes(seen)) return;
      step += 1;
      say(answer);
    };
    say(stream);
  });
}

/** Connects everybody; resolves when all have been greeted and answered. */
async function openAll(plan: Plan): Promise<Client[]> {
  const waiting = plan.members.flatMap((member) => Array.from({ length: member.count }, () => member));
  const clients: Client[] = [];
  const next = async (): Promise<void> => {
    for (let member = waiting.pop(); member !== undefined; member = waiting.pop()) {
      const client = await open(plan, member);
      if (plan.xmppRoom !== undefined) await enter(client, plan.xmppRoom);
      const first = [plan.first ?? []].flat();
      const expected = plan.greetings + first.length;
      await new Promise<void>((resolve) => {
        for (const text of first) client.socket.write(frameOf(text));
        if (client.frames >= expected) resolve();
        else
          client.onFrame = (body) => {
            if (body.includes('"error"')) throw new Error(body.toString());
            if (client.frames >= expected) resolve();
          };
      });
      client.onFrame = undefined;
      clients.push(client);
    }
  };
  await Promise.all(Array.from({ length: connectionsAtOnce }, next));
  return clients;
}

/** What every poster sends, `{n}` standing for a number that rises. */
let postText = "";
let posted = 0;

/** Posts so many times, at most `atOnce` of them not yet delivered to everybody. */
async function burst(posts: number, atOnce: number): Promise<number> {
  const before = total;
  const perPost = readers.length + (answersPosts ? 1 : 0);
  const startMs = performance.now();
  let sent = 0;
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`${total - before} of ${posts * perPost} frames came`)),
      roundTimeoutMs,
    );
    const step = (): void => {
      const complete = Math.floor((total - before) / perPost);
      while (sent < posts && sent < complete + atOnce) {
        const poster = posters[posted % posters.length] as Client;
        posted += 1;
        sent += 1;
        poster.socket.write(frameOf(postText.replaceAll("{n}", String(posted))));
      }
      wanted = before + (sent < posts ? (complete + 1) * perPost : posts * perPost);
      if (complete < posts) return;
      clearTimeout(late);
      wanted = Infinity;
      resolve();
    };
    reached = step;
    step();
  });
  return performance.now() - startMs;
}

let answersPosts = false;

serve({
  /** Adds readers; resolves with how many there are. */
  async read(plan: Plan) {
    readers = [...readers, ...(await openAll(plan))];
    return readers.length;
  },
  async post({ plan, text, answered }: { plan: Plan; text: string; answered: boolean }) {
    posters = await openAll(plan);
    postText = text.replaceAll("{text}", payload);
    answersPosts = answered;
  },
  async round({ posts, atOnce }: { posts: number; atOnce: number }) {
    const before = readers.map(({ frames, bytes }) => ({ frames, bytes }));
    let last = -1;
    let sample = "";
    const [inspected] = readers;
    if (inspected)
      inspected.onFrame = (body) => {
        sample = body.toString();
        // Some servers write more around it.
        const event = sample.slice(sample.indexOf("{"), sample.lastIndexOf("}") + 1);
        const { at } = /<body>(\d+)/.test(sample)
          ? { at: Number(/<body>(\d+)/.exec(sample)?.[1]) }
          : (JSON.parse(event) as { at: number });
        if (last >= 0 && at !== last + 1) throw new Error(`${at} came after ${last}`);
        last = at;
      };
    const elapsedMs = await burst(posts, atOnce);
    if (inspected) inspected.onFrame = undefined;
    const bytes = (inspected?.bytes ?? 0) - (before[0]?.bytes ?? 0);
    readers.forEach((reader, index) => {
      const frames = reader.frames - (before[index]?.frames ?? 0);
      // In XMPP each frame names its reader, so they differ in length.
      const isOther = reader.bytes - (before[index]?.bytes ?? 0) !== bytes && !sample.startsWith("<");
      if (frames !== posts || isOther) throw new Error(`reader ${index} got ${frames} frames of ${posts}`);
    });
    return { elapsedMs, deliveries: posts * readers.length, sample };
  },
  stop() {
    for (const client of [...readers, ...posters]) client.socket.destroy();
  },
});

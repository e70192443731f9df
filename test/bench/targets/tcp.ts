/** The limit of everything that goes over a socket: messages in msgpack with their length before them, each written
 *  when it is made. One process listens, another one asks. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { Packr } from "msgpackr";
import { drive, driveAll, payload, type Load } from "./drive.ts";
import { serve } from "./serve.ts";

/** Asks carry an id that their answers repeat; what has none is not answered. */
interface Message {
  readonly id?: number;
  readonly to?: string;
  readonly text?: string;
  readonly value?: number;
  /** So many messages are to be sent back. */
  readonly emit?: number;
}

const packr = new Packr({ useRecords: false });
const headerBytes = 4;

function write(socket: Socket, message: Message): void {
  const body = packr.pack(message);
  const frame = Buffer.allocUnsafe(headerBytes + body.length);
  frame.writeUInt32LE(body.length, 0);
  body.copy(frame, headerBytes);
  socket.write(frame);
}

function read(socket: Socket, received: (message: Message) => void): void {
  let rest: Buffer | undefined;
  socket.on("data", (data: Buffer) => {
    const bytes = rest === undefined ? data : Buffer.concat([rest, data]);
    let offset = 0;
    while (offset + headerBytes <= bytes.length) {
      const end = offset + headerBytes + bytes.readUInt32LE(offset);
      if (end > bytes.length) break;
      received(packr.unpack(bytes.subarray(offset + headerBytes, end)) as Message);
      offset = end;
    }
    rest = offset < bytes.length ? bytes.subarray(offset) : undefined;
  });
}

let socket: Socket | undefined;
let ids = 0;
let heard = 0;
let wanted = Infinity;
let heardAll: () => void = () => undefined;
const open = new Map<number, (value: unknown) => void>();

function ask(): Promise<unknown> {
  ids += 1;
  const id = ids;
  return new Promise((resolve) => {
    open.set(id, resolve);
    write(socket as Socket, { id, to: "counter/k0", text: payload });
  });
}

serve({
  listen: () =>
    new Promise((resolve) => {
      const server = createServer({ noDelay: true }, (accepted) => {
        let count = 0;
        read(accepted, ({ id, emit }) => {
          count += 1;
          for (let sent = 0; sent < (emit ?? 0); sent += 1) write(accepted, { to: "counter/k0", text: payload });
          if (id !== undefined) write(accepted, { id, value: count });
        });
      });
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    }),
  connect: ({ port }: { readonly port: number }) =>
    new Promise<void>((resolve) => {
      socket = connect({ host: "127.0.0.1", port, noDelay: true }, resolve);
      read(socket, ({ id, value }) => {
        if (id === undefined) {
          heard += 1;
          if (heard === wanted) heardAll();
          return;
        }
        const settle = open.get(id);
        open.delete(id);
        settle?.(value);
      });
    }),
  volatile: ({ loads }: { readonly loads: Readonly<Record<string, Load>> }) => driveAll(loads, ask),
  tell: (load: Load & { readonly weight: number }) =>
    drive(load, () => {
      for (let sent = 0; sent < load.weight; sent += 1) write(socket as Socket, { to: "counter/k0", text: payload });
      return ask();
    }),
  events: (load: Load & { readonly weight: number }) =>
    drive(load, async () => {
      const all = new Promise<void>((resolve) => (heardAll = resolve));
      wanted = heard + load.weight;
      write(socket as Socket, { emit: load.weight });
      await all;
    }),
});

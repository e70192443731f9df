/** Devices and API keys, in words. */
import type { Fact, Session } from "../../../../protocols/index.ts";
import { dateOf, momentOf } from "../parts/time.ts";

const waysNamed: Readonly<Record<Fact["type"], string>> = {
  password: "password",
  passkey: "passkey",
  totp: "one-time code",
  recovery: "recovery code",
  identity: "another server",
};

/** When, how and from where somebody signed in, and when the session was last used. */
export function storyOf(session: Session): string {
  const { createdAtMs, proofs = [], address, usedAtMs, usedFrom } = session;
  const ways = proofs.map(({ type }) => waysNamed[type]).join(" and ");
  const opened =
    `Signed in on ${dateOf(createdAtMs)}${ways === "" ? "" : ` by ${ways}`}` + fromWords(address, session.place);
  if (usedAtMs === undefined) return opened;
  const elsewhere = usedFrom === address ? "" : fromWords(usedFrom, session.usedPlace);
  return `${opened} · used ${momentOf(usedAtMs)}${elsewhere}`;
}

const fromWords = (address: string | undefined, place: string | undefined): string =>
  address === undefined ? "" : ` from ${address}${place === undefined ? "" : ` (${place})`}`;

/** The browser and the system inside a user agent, as people call them. */
export function deviceName(label: string): string {
  const browser = /Firefox|Edg|OPR|Chrome|Safari/.exec(label)?.[0];
  const system = /Android|iPhone|iPad|Windows|Mac OS X|Linux/.exec(label)?.[0];
  if (browser === undefined) return label === "" ? "Unknown device" : label.slice(0, 60);
  const names: Readonly<Record<string, string>> = { Edg: "Edge", OPR: "Opera", "Mac OS X": "macOS" };
  const read = (name: string) => names[name] ?? name;
  return system === undefined ? read(browser) : `${read(browser)} on ${read(system)}`;
}

/** What a key is for, how long it holds, and when it was last used. */
export function keyStory({ createdAtMs, expiresAtMs, scopes, usedAtMs }: Session): string {
  const facts = [
    `Made on ${dateOf(createdAtMs)}`,
    usedAtMs === undefined ? "never used" : `used ${momentOf(usedAtMs)}`,
    expiresAtMs === undefined ? "does not expire" : `ends on ${dateOf(expiresAtMs)}`,
    scopes === undefined ? "for everything that keys may do" : `for ${scopes.join(", ")}`,
  ];
  return facts.join(" · ");
}

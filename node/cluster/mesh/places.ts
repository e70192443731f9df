/** Places for those of whom nobody knows yet what they want.
 *
 *  A guest who only holds a place cannot keep out one who needs it: at a bound a newcomer takes the place of the one
 *  that has been there longest, since a genuine guest is done in a moment. First of its own address, which has so many
 *  places; then of the address that has most. From where members are known to come there are more places for an
 *  address, and strangers from elsewhere never take them. */
export class Places<Guest> {
  readonly #limits: { readonly max: number; readonly perAddressMax: number; readonly perKnownAddressMax: number };
  readonly #isKnown: (address: string) => boolean;
  /** By address, the one that came first first. */
  readonly #guests = new Map<string, Set<Guest>>();
  readonly #addresses = new Map<Guest, string>();

  constructor(
    limits: { readonly max: number; readonly perAddressMax: number; readonly perKnownAddressMax: number },
    isKnown: (address: string) => boolean,
  ) {
    this.#limits = limits;
    this.#isKnown = isKnown;
  }

  get size(): number {
    return this.#addresses.size;
  }

  has(guest: Guest): boolean {
    return this.#addresses.has(guest);
  }

  /** Gives a guest a place. Returns the one that has lost its own to it, which may be itself. */
  enter(guest: Guest, address: string): Guest | undefined {
    const { max, perAddressMax, perKnownAddressMax } = this.#limits;
    const known = this.#isKnown(address);
    const here = this.#guests.get(address);
    let lost: Guest | undefined;
    if (here !== undefined && here.size >= (known ? perKnownAddressMax : perAddressMax)) lost = oldest(here);
    else if (this.#addresses.size >= max) {
      lost = oldest(this.#crowded(known));
      if (lost === undefined) return guest;
    }
    if (lost !== undefined) this.leave(lost);
    const beside = this.#guests.get(address);
    if (beside === undefined) this.#guests.set(address, new Set([guest]));
    else beside.add(guest);
    this.#addresses.set(guest, address);
    return lost;
  }

  /** The guest is gone, or not one of these any more. */
  leave(guest: Guest): void {
    const address = this.#addresses.get(guest);
    if (address === undefined) return;
    this.#addresses.delete(guest);
    const beside = this.#guests.get(address);
    beside?.delete(guest);
    if (beside?.size === 0) this.#guests.delete(address);
  }

  /** Those of the address that has most; of a known one only if somebody from a known one comes and there are no
   *  others. */
  #crowded(comesKnown: boolean): ReadonlySet<Guest> {
    let most: ReadonlySet<Guest> = new Set();
    let mostKnown: ReadonlySet<Guest> = new Set();
    for (const [address, guests] of this.#guests) {
      if (this.#isKnown(address)) mostKnown = guests.size > mostKnown.size ? guests : mostKnown;
      else most = guests.size > most.size ? guests : most;
    }
    return most.size === 0 && comesKnown ? mostKnown : most;
  }
}

const oldest = <Guest>(guests: ReadonlySet<Guest>): Guest | undefined => guests.values().next().value;

/** Where somebody comes from, as far as that tells people apart: an IPv4 address, or the first half of an IPv6 address,
 *  of which everybody has as many as he likes. Undefined: the multiaddr begins with no IP address. */
export function addressKey(multiaddr: string): string | undefined {
  const [, protocol, host = ""] = /^\/(ip4|ip6)\/([^/]+)/.exec(multiaddr) ?? [];
  if (protocol === undefined) return undefined;
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host) ?? [];
  if (protocol === "ip4" || mapped !== undefined) return mapped ?? host;
  const [head = "", tail] = host.toLowerCase().split("%")[0]?.split("::") ?? [];
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = tail === undefined ? 0 : Math.max(0, 8 - first.length - last.length);
  const groups = [...first, ...Array.from({ length: gap }, () => "0"), ...last];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}

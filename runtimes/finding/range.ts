/** Ranges of addresses that an admin may have asked. Pure. */
import { isIPv4, isIPv6 } from "node:net";
import { failure, isPrivateAddress, ok, refused, type Result } from "../../protocols/index.ts";
import { findingLimits } from "./limits.ts";

/** Where servers with models usually listen: Ollama, vLLM and Triton, llama-server, LM Studio, Plexus. */
export const usualPorts: readonly number[] = [11_434, 8_000, 8_080, 1_234, 7_070];

/** An address with a port. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** The targets of a range: `192.168.1.0/24`, `10.0.0.5`, `fd00::5`. Errors: BAD_REQUEST, TOO_LARGE. */
export function targetsOf(range: string, ports: readonly number[] = usualPorts): Result<readonly Target[]> {
  const read = addressesOf(range.trim(), Math.max(1, Math.floor(findingLimits.searchTargetsMax / ports.length)));
  if (!read.ok) return read;
  // Port by port, so that no machine is asked on all its ports at once.
  return ok(ports.flatMap((port) => read.value.map((address) => ({ address, port }))));
}

function addressesOf(range: string, max: number): Result<readonly string[]> {
  const bad = (reason: string) => refused(failure("BAD_REQUEST", { field: "range", reason }));
  const [address = "", bits, ...more] = range.split("/");
  const isRange = bits !== undefined;
  if (more.length > 0 || (isRange && !/^\d{1,2}$/.test(bits))) return bad("must be like 192.168.1.0/24 or 10.0.0.5");
  if (isIPv6(address)) {
    if (address.includes("%")) return bad("an address with a zone is known to one machine only; leave the zone out");
    if (isRange) return bad("ranges of IPv6 are too large to be asked; name one address");
    return isSearchable(address) ? ok([address]) : bad(notPrivate);
  }
  if (!isIPv4(address)) return bad("must be like 192.168.1.0/24 or 10.0.0.5");
  const prefix = isRange ? Number(bits) : 32;
  if (prefix > 32) return bad("has at most 32 bits");
  const count = 2 ** (32 - prefix);
  const first = Math.floor(numberOf(address) / count) * count;
  if (!isSearchable(textOf(first)) || !isSearchable(textOf(first + count - 1))) return bad(notPrivate);
  // The first and the last of a network are no machines.
  const edge = prefix <= 30 ? 1 : 0;
  const addresses = count - 2 * edge;
  if (addresses > max)
    return refused(
      failure("TOO_LARGE", { addresses, max, hint: "name a smaller range, or fewer ports: `--ports 11434`" }),
    );
  return ok(Array.from({ length: addresses }, (_, index) => textOf(first + edge + index)));
}

const notPrivate = "must be of a private network, like 192.168.1.0/24: other people's machines are not searched";

/** Private, and not where clouds keep the secrets of machines. The whole of a range is private when its ends are:
 *  private networks are ranges themselves, and larger ones than a search may be. */
function isSearchable(address: string): boolean {
  return isPrivateAddress(address) && !/^(?:0\.|169\.254\.|fe[89ab])|^::$/i.test(address);
}

const numberOf = (address: string): number => address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
const textOf = (value: number): string =>
  [value / 2 ** 24, value / 2 ** 16, value / 2 ** 8, value].map((part) => Math.floor(part) % 256).join(".");

/** How an address stands in a URL. */
export const hostOf = (address: string): string => (isIPv6(address) ? `[${address}]` : address);

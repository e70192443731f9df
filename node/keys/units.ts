/** Keys of tenants and of units. A tenant is what can be erased alone: a person, a room. Each has a key of its own for
 *  each epoch, which the key ring keeps wrapped; each unit has a key of its own, which its entry in the manifest has,
 *  wrapped by the tenant's. */
import { randomBytes } from "node:crypto";
import { failure, PlexusError } from "../../protocols/index.ts";
import { contextBytes, keyBytes, sealerOf, type Sealer } from "./cipher.ts";

/** What a unit's key is for. It opens for nothing else. */
interface UnitContext {
  readonly tenant: string;
  readonly unit: string;
  /** The epoch in which the unit was made: its tenant's key of that epoch wraps it. */
  readonly epoch: number;
}

/** Wraps keys of units. */
export interface UnitKeys {
  /** The epoch in which new units are made. */
  readonly epoch: number;
  /** Error: KEY_MISSING (the tenant has no key of that epoch here). */
  seal(context: UnitContext, key: Uint8Array): Uint8Array;
  /** Errors: KEY_MISSING (also: it was erased), KEY_REFUSED (of another unit, or changed). */
  open(context: UnitContext, sealed: Uint8Array): Uint8Array;
}

/** A tenant's key of one epoch, wrapped by the key of that epoch or of a later one. */
export interface TenantKey {
  readonly tenant: string;
  readonly epoch: number;
  /** The epoch whose key wraps it. */
  readonly under: number;
  readonly sealed: Uint8Array;
}

const tenantContext = ({ tenant, epoch, under }: Omit<TenantKey, "sealed">): Uint8Array =>
  contextBytes(["tenant key", tenant, epoch, under]);
const unitContext = ({ tenant, unit, epoch }: UnitContext): Uint8Array =>
  contextBytes(["unit key", tenant, unit, epoch]);

/** The keys of epochs that a node has. */
export type EpochKeys = ReadonlyMap<number, Uint8Array>;

const missing = (details: object): PlexusError => new PlexusError(failure("KEY_MISSING", { ...details }));
const refuse = (details: object): PlexusError => new PlexusError(failure("KEY_REFUSED", { ...details }));

function epochSealer(epochs: EpochKeys, epoch: number): Sealer {
  const key = epochs.get(epoch);
  if (key === undefined) throw missing({ epoch });
  return sealerOf(key);
}

/** A new key for a tenant. Error: KEY_MISSING (of the epoch). */
export const createTenantKey = (epochs: EpochKeys, tenant: string, epoch: number): TenantKey =>
  wrapTenantKey(epochs, { tenant, epoch, under: epoch }, randomBytes(keyBytes));

function wrapTenantKey(epochs: EpochKeys, place: Omit<TenantKey, "sealed">, key: Uint8Array): TenantKey {
  return { ...place, sealed: epochSealer(epochs, place.under).seal(key, tenantContext(place)) };
}

function openTenantKey(epochs: EpochKeys, { sealed, ...place }: TenantKey): Uint8Array {
  const key = epochSealer(epochs, place.under).open(sealed, tenantContext(place));
  if (key?.length !== keyBytes) throw refuse({ tenant: place.tenant, epoch: place.epoch });
  return key;
}

/** The same key, wrapped by a later epoch's. Errors: KEY_MISSING, KEY_REFUSED. */
export const rewrapTenantKey = (epochs: EpochKeys, entry: TenantKey, under: number): TenantKey =>
  wrapTenantKey(epochs, { tenant: entry.tenant, epoch: entry.epoch, under }, openTenantKey(epochs, entry));

/** Wraps with the keys of these tenants. What is not among them is KEY_MISSING. Errors: KEY_MISSING (an epoch's key),
 *  KEY_REFUSED. */
export function createUnitKeys(epochs: EpochKeys, epoch: number, entries: readonly TenantKey[]): UnitKeys {
  const place = (tenant: string, of: number): string => `${of}/${tenant}`;
  const wrapped = new Map(entries.map((entry) => [place(entry.tenant, entry.epoch), entry]));
  const opened = new Map<string, Sealer>();
  const tenantSealer = ({ tenant, epoch: of }: UnitContext): Sealer => {
    const found = opened.get(place(tenant, of));
    if (found !== undefined) return found;
    const entry = wrapped.get(place(tenant, of));
    if (entry === undefined) throw missing({ tenant, epoch: of });
    const sealer = sealerOf(openTenantKey(epochs, entry));
    opened.set(place(tenant, of), sealer);
    return sealer;
  };
  return {
    epoch,
    seal: (context, key) => tenantSealer(context).seal(key, unitContext(context)),
    open(context, sealed) {
      const key = tenantSealer(context).open(sealed, unitContext(context));
      if (key === undefined) throw refuse({ ...context });
      return key;
    },
  };
}

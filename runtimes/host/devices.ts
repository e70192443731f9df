/** On what a model that may use a graphics card is loaded: on each interface to cards that was found, best first, and
 *  on the processor. The first on which its trial passes has it. What a card could not run is remembered while this
 *  process runs: a driver may be another one after the next start. */
import { causeOf } from "../resident.ts";
import type { ModelSpec } from "../adapter.ts";
import type { Gpus } from "../gpu.ts";
import type { TrialVerdict } from "./trial.ts";

/** Where a model computes: on the processor (`false`), or through an interface to graphics cards. */
export type Device = Exclude<NonNullable<ModelSpec["gpu"]>, "auto">;

/** What is known of the devices of a node's models. */
export class Devices {
  readonly #cards: () => Promise<Gpus>;
  readonly #faults = new Map<string, Map<Device, string>>();
  readonly #chosen = new Map<string, Device>();

  /** `cards`: what graphics cards there are; asked when the first model may use one. */
  constructor(cards: () => Promise<Gpus>) {
    this.#cards = cards;
  }

  /** Those that are still to be tried for a model, best first; the processor is the last. */
  async of({ name, gpu = false }: ModelSpec): Promise<readonly [Device, ...Device[]]> {
    if (gpu !== "auto") return [gpu];
    const { interfaces } = await this.#cards();
    const faults = this.#faults.get(name);
    const [first, ...others] = interfaces.map(({ kind }): Device => kind).filter((kind) => faults?.has(kind) !== true);
    return first === undefined ? [false] : [first, ...others, false];
  }

  /** A model is loaded on this device next. */
  choose(name: string, device: Device): void {
    this.#chosen.set(name, device);
  }

  /** The model as it was loaded last. */
  asLoaded(spec: ModelSpec): ModelSpec {
    const device = this.#chosen.get(spec.name);
    return device === undefined ? spec : onDevice(spec, device);
  }

  /** A card could not run a model: another device is tried, and this one not again. Returns why, for people. */
  failed(name: string, device: Device, { error }: Extract<TrialVerdict, { readonly type: "failed" }>): string {
    const faults = this.#faults.get(name) ?? new Map<Device, string>();
    const reason = `${String(device)} cannot run it: ${withAdvice(causeOf(error))}`;
    this.#faults.set(name, faults.set(device, reason));
    return reason;
  }

  /** Why a model is not on a card; undefined: no card failed. */
  why(name: string): string | undefined {
    const faults = this.#faults.get(name);
    return faults === undefined || this.#chosen.get(name) !== false ? undefined : [...faults.values()].join("; ");
  }

  /** A model is gone, or is to be tried on each device again. */
  forget(name: string): void {
    this.#faults.delete(name);
    this.#chosen.delete(name);
  }
}

/** A model as it is loaded on one device. */
export const onDevice = (spec: ModelSpec, device: Device): ModelSpec =>
  device === (spec.gpu ?? false) ? spec : { ...spec, gpu: device };

/** Adds what to do, where that is known. Pure. */
export function withAdvice(reason: string): string {
  return /unsupported toolchain|driver version is insufficient|no kernel image/u.test(reason)
    ? `${reason} (the driver of the card is older than this build of llama.cpp: update it, or use another build, ` +
        `\`plexus gpu install vulkan\`)`
    : reason;
}

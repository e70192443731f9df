import { Enums, Models, Serialize, Spec, SPDX, Validation } from "@cyclonedx/cyclonedx-library";
import { licenceOf, type LicenceRules } from "./licences.ts";
import type { Package } from "./lock.ts";

const spec = Spec.Spec1dot6;

/** `pkg:npm/%40scope/name@1.0.0`: the package-url specification, type npm. */
const urlOf = ({ name, version }: Package): string =>
  `pkg:npm/${name.replace(/^@/, "%40")}@${encodeURIComponent(version)}`;

/** The algorithm of an integrity, as npm writes it, and its bytes. */
function hashOf(integrity: string): [Enums.HashAlgorithm, string] | undefined {
  const [, algorithm = "", base64 = ""] = /^(sha512|sha1)-([A-Za-z0-9+/=]+)/.exec(integrity) ?? [];
  const known = { sha512: Enums.HashAlgorithm["SHA-512"], sha1: Enums.HashAlgorithm["SHA-1"] }[algorithm];
  return known === undefined ? undefined : [known, Buffer.from(base64, "base64").toString("hex")];
}

function componentOf(one: Package, type: Enums.ComponentType, rules: LicenceRules): Models.Component {
  const component = new Models.Component(type, one.name, {
    // A package may be there in one version at several places, each with other dependencies.
    bomRef: one.path === "" ? urlOf(one) : one.path,
    version: one.version,
    purl: urlOf(one),
    scope: one.development || one.optional ? Enums.ComponentScope.Optional : Enums.ComponentScope.Required,
  });
  const hash = one.integrity === undefined ? undefined : hashOf(one.integrity);
  if (hash !== undefined) component.hashes.set(...hash);
  const licence = licenceOf(one, rules);
  if (licence !== undefined)
    component.licenses.add(
      SPDX.isSupportedSpdxId(licence) ? new Models.SpdxLicense(licence) : new Models.LicenseExpression(licence),
    );
  if (one.development) component.properties.add(new Models.Property("cdx:npm:package:development", "true"));
  return component;
}

/** The list of all packages (a software bill of materials) as CycloneDX 1.6 JSON. The same lock file gives the same
 *  text: it has no time and no number of its own. */
export function sbomOf(
  { root, packages }: { readonly root: Package; readonly packages: readonly Package[] },
  rules: LicenceRules,
): string {
  const bom = new Models.Bom();
  const components = new Map(
    packages.map((one) => [one.path, componentOf(one, Enums.ComponentType.Library, rules)] as const),
  );
  const own = componentOf({ ...root, licence: "Apache-2.0" }, Enums.ComponentType.Application, rules);
  bom.metadata.component = own;
  bom.metadata.lifecycles.add(Enums.LifecyclePhase.Build);
  const connect = (component: Models.Component, { needs }: Package): void => {
    for (const path of needs) {
      const needed = components.get(path);
      if (needed !== undefined) component.dependencies.add(needed.bomRef);
    }
  };
  connect(own, root);
  for (const one of packages) {
    const component = components.get(one.path);
    if (component === undefined) continue;
    connect(component, one);
    bom.components.add(component);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(spec));
  return `${serializer.serialize(bom, { sortLists: true, space: 1 })}\n`;
}

/** What the official schema of CycloneDX finds wrong with a list; nothing where it is right. */
export async function sbomProblems(text: string): Promise<readonly string[]> {
  const found = await new Validation.JsonStrictValidator(spec.version).validate(text);
  return found === null ? [] : [found].flat().map((problem) => JSON.stringify(problem));
}

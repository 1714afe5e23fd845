/** What an OCI document may be taken for: a manifest, or an index. */

/**
 * Whether a document can be read as both. Two programs then see two images below one digest, so it is refused
 * (CVE-2021-41190; OCI image specification 1.0.2).
 */
export function isAmbiguous(document: Readonly<Record<string, unknown>>): boolean {
  const has = (...names: string[]) => names.some((name) => document[name] !== undefined);
  return has('manifests') && has('config', 'layers', 'fsLayers');
}

/** What a plan takes from the network: files by URL and git repositories. */
import type { RemoteSource } from '../../../plan/index.ts';
import type { Store } from '../../../store/store.ts';

/** What identifies the content, asked of where it lies: `name → digest or commit`. */
export async function identifyRemote(
  store: Store,
  source: RemoteSource,
): Promise<Readonly<Record<string, string>>> {
  if (source.type === 'http') {
    const { download } = await import('./http.ts');
    const { digest } = await download(store, source);
    return { content: digest, file: source.file, ...(source.unpack && { unpack: 'true' }) };
  }
  const { resolveCommit } = await import('./git.ts');
  const commit = await resolveCommit(source);
  const { subfolder = '', keepGitFolder = false, submodules = true } = source;
  return { commit, folder: subfolder, 'git folder': String(keepGitFolder), submodules: String(submodules) };
}

/** Puts the content into the empty tree at `root`; `scratch` is a folder of the run. */
export async function fillFromRemote(
  store: Store,
  source: RemoteSource,
  root: string,
  scratch: string,
  signal: AbortSignal,
): Promise<void> {
  if (source.type === 'http') {
    const { placeDownload } = await import('./http.ts');
    return placeDownload(store, source, root, signal);
  }
  const { checkOut } = await import('./git.ts');
  return checkOut(source, root, scratch, signal);
}

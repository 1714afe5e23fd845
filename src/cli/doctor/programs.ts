/** Checks of programs that Cambium calls. */
import { emulatedArchitectures } from '../../workers/local/emulation.ts';
import { findProgram } from '../../workers/local/runtimes/programs.ts';
import { type Finding, limited, ok } from './finding.ts';

interface Need {
  name: string;
  programs: readonly string[];
  packages: string;
  without: string;
}

const needs: readonly Need[] = [
  {
    name: 'nat',
    programs: ['slirp4netns', 'setpriv', 'unshare'],
    packages: 'slirp4netns util-linux',
    without: 'no network `nat`',
  },
  {
    name: 'init',
    programs: ['tini-static'],
    packages: 'tini',
    without: 'orphans of a command of `cambium run` are its own to reap',
  },
  {
    name: 'debian',
    programs: ['mmdebstrap'],
    packages: 'mmdebstrap',
    without: 'no Debian base from a mirror',
  },
  {
    name: 'zstd',
    programs: ['zstd'],
    packages: 'zstd',
    without: 'archives and layers in zstd are neither read nor written',
  },
  {
    name: 'skopeo',
    programs: ['skopeo'],
    packages: 'skopeo',
    without: 'no copying of images to elsewhere with it',
  },
];

export function checkPrograms(): Finding[] {
  return needs.map(({ name, programs, packages, without }) => {
    const absent = programs.filter((program) => findProgram(program) === undefined);
    if (absent.length === 0) return ok(name, programs.map((program) => findProgram(program)).join(', '));
    return limited(name, `${absent.join(', ')} not installed: ${without}`, `apt-get install ${packages}`);
  });
}

/** Other platforms are built too: their commands run under qemu-user. */
export function checkEmulators(): Finding {
  const found = emulatedArchitectures();
  if (found.length > 0) return ok('emulators', `for ${found.join(', ')}`);
  return limited(
    'emulators',
    'none: no commands in builds for other platforms',
    'apt-get install qemu-user-static',
  );
}

/** Whether two files hold the same. */
import { closeSync, openSync, readSync } from 'node:fs';
import { fsPath } from './names.ts';

const chunkBytes = 256 * 1024;

export function sameBytes(a: string, b: string): boolean {
  const [left, right] = [openSync(fsPath(a), 'r'), openSync(fsPath(b), 'r')];
  try {
    const [x, y] = [Buffer.allocUnsafe(chunkBytes), Buffer.allocUnsafe(chunkBytes)];
    for (;;) {
      const [n, m] = [readSync(left, x), readSync(right, y)];
      if (n !== m || x.compare(y, 0, m, 0, n) !== 0) return false;
      if (n === 0) return true;
    }
  } finally {
    closeSync(left);
    closeSync(right);
  }
}

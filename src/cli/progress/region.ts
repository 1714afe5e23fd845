/**
 * A live region at the bottom of a terminal: lines above it scroll away and stay, the region itself is drawn over in
 * place. Each frame is one write, inside the sequence for synchronised output, so that nothing flickers.
 */
import { displayWidth } from '../text.ts';

export interface LiveRegion {
  /** Adds lines that stay, and draws the region anew below them. */
  draw(staying: readonly string[], live: readonly string[], options?: { hidesCursor: boolean }): void;
  /** Removes the region and gives the cursor back. */
  close(): void;
}

const beginFrame = '\x1b[?2026h';
const hideCursor = '\x1b[?25l';
const endFrame = '\x1b[?2026l';
const clearToLineEnd = '\x1b[K';
const clearBelow = '\x1b[J';
const showCursor = '\x1b[?25h';

export function createLiveRegion(stream: { columns?: number; write(text: string): unknown }): LiveRegion {
  let drawn: readonly string[] = [];
  let columnsDrawn = stream.columns;

  /** Rows that the region takes now: a terminal made narrower has wrapped its lines. */
  const rowsDrawn = () => {
    const columns = Math.max(1, stream.columns ?? 80);
    return drawn.reduce((rows, text) => rows + Math.max(1, Math.ceil(displayWidth(text) / columns)), 0);
  };
  const toTop = () => {
    const rows = rowsDrawn();
    return rows > 0 ? `\r\x1b[${rows}A` : '\r';
  };

  return {
    draw(staying, live, { hidesCursor } = { hidesCursor: true }) {
      if (
        staying.length === 0 &&
        live.length === drawn.length &&
        live.every((text, at) => text === drawn[at])
      )
        return;
      const lines = [...staying, ...live].map((text) => `${text}${clearToLineEnd}\n`).join('');
      // A terminal remembers of its rows that they were wrapped, until they are cleared.
      const clear = stream.columns === columnsDrawn ? '' : clearBelow;
      columnsDrawn = stream.columns;
      stream.write(
        `${beginFrame}${hidesCursor ? hideCursor : ''}${toTop()}${clear}${lines}${clearBelow}${endFrame}`,
      );
      drawn = [...live];
    },
    close() {
      stream.write(`${toTop()}${clearBelow}${showCursor}`);
      drawn = [];
    },
  };
}

/** Signals as people and images name them: `SIGQUIT`, `quit`, `3`, `RTMIN+3`. */
import { constants } from 'node:os';

/** As kill(2) takes it: Node has no names for real-time signals. */
export type Signal = NodeJS.Signals | number;

/** The C library keeps the first two real-time signals to itself. */
const realTime = { first: 34, last: 64 };

/** The signal of this name or number, or undefined. */
export function readSignal(text: string): Signal | undefined {
  const name = text.toUpperCase().replace(/^SIG/, '');
  if (Object.hasOwn(constants.signals, `SIG${name}`)) return `SIG${name}` as NodeJS.Signals;
  const offset = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  const { first, last } = realTime;
  const steps = Number(`${offset?.[2] ?? ''}${offset?.[3] ?? 0}`);
  const number = offset ? (offset[1] === 'MIN' ? first : last) + steps : Number(name);
  if (!/^\d+$/.test(String(number)) || number < 1 || number > last) return undefined;
  const known = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return (known as NodeJS.Signals | undefined) ?? number;
}

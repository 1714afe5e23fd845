/** Flags that may be given several times: their values are a list. */
import { Option } from 'commander';

const collect = (value: string, earlier: string[]) => [...earlier, value];

export function repeatable(flags: string, description: string): Option {
  return new Option(flags, description).default([], '').argParser(collect);
}

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
// @ts-expect-error: a script without types of its own
import { eventsSchema } from '../../scripts/events-schema.mjs';
import { failed, written } from './recorded.ts';

const file = new URL('../../docs/events.schema.json', import.meta.url);

interface Schema {
  oneOf?: Schema[];
  const?: unknown;
  enum?: unknown[];
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
}

/** Whether a value follows the schema, for the words that ours uses. */
function follows(value: unknown, schema: Schema): boolean {
  if (schema.oneOf) return schema.oneOf.filter((part) => follows(value, part)).length === 1;
  if ('const' in schema) return value === schema.const;
  if (schema.enum) return schema.enum.includes(value);
  if (schema.type === 'array')
    return Array.isArray(value) && value.every((item) => follows(item, schema.items ?? {}));
  if (schema.type !== 'object') return typeof value === schema.type;
  if (typeof value !== 'object' || value === null) return false;
  const fields = Object.entries(value);
  return (
    (schema.required ?? []).every((name) => name in value) &&
    fields.every(
      ([name, field]) => schema.properties?.[name] !== undefined && follows(field, schema.properties[name]),
    )
  );
}

test('the published schema is the one of the event types: else run scripts/events-schema.mjs', () => {
  expect(readFileSync(file, 'utf8')).toBe(eventsSchema());
});

test('recorded events follow the schema, each exactly one of its kinds', () => {
  const { $defs } = JSON.parse(readFileSync(file, 'utf8')) as { $defs: Record<string, Schema> };
  const kinds = Object.values($defs);
  for (const event of [...failed, ...written]) {
    const value: unknown = JSON.parse(JSON.stringify(event));
    expect(
      kinds.filter((kind) => follows(value, kind)),
      JSON.stringify(event),
    ).toHaveLength(1);
    expect(kinds.filter((kind) => follows({ ...(value as object), surplus: 1 }, kind))).toHaveLength(0);
  }
});

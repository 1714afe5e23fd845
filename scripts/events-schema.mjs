/**
 * Makes docs/events.schema.json (JSON Schema, draft 2020-12) from the types of src/plan/events.ts, so that the file which
 * programs read is what the program writes. Run it when the events change: `node scripts/events-schema.mjs`.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'docs/events.schema.json');

/** What the command line adds to the events of a build: an error that ended the command. */
const errorSchema = {
  description: 'The command ended with an error that is not the failure of a step.',
  type: 'object',
  properties: {
    type: { const: 'error' },
    at: { type: 'number' },
    code: { type: 'string' },
    message: { type: 'string' },
    hint: { type: 'string' },
    exitCode: { type: 'number' },
    location: {
      type: 'object',
      properties: {
        file: { type: 'string' },
        line: { type: 'number' },
        column: { type: 'number' },
        endLine: { type: 'number' },
      },
      required: ['file'],
    },
  },
  required: ['type', 'at', 'code', 'message', 'exitCode'],
};

/** The schema's text, as it stands in the file. */
export function eventsSchema() {
  const file = join(root, 'src/plan/events.ts');
  const program = ts.createProgram([file], {
    strict: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const alias = source.statements.find(
    (node) => ts.isTypeAliasDeclaration(node) && node.name.text === 'BuildEvent',
  );
  const union = checker.getTypeAtLocation(alias.name);
  const definitions = { error: errorSchema };
  for (const type of union.types) {
    definitions[type.symbol.name] = { ...describe(type.symbol, checker), ...schemaOf(type, checker) };
  }
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'An event of a Cambium build: one line of `cambium build --progress json`',
    description: 'Times are milliseconds: `at` since the Unix epoch. New fields and events may be added.',
    oneOf: Object.keys(definitions).map((name) => ({ $ref: `#/$defs/${name}` })),
    $defs: definitions,
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

function schemaOf(type, checker) {
  if (type.isUnion()) return schemaOfUnion(type, checker);
  if (type.isStringLiteral() || type.isNumberLiteral()) return { const: type.value };
  // A branded string is an intersection of a string and a mark that only the compiler sees.
  if (type.isIntersection() && type.types.some((part) => part.flags & ts.TypeFlags.String))
    return { type: 'string' };
  if (type.flags & ts.TypeFlags.String) return { type: 'string' };
  if (type.flags & ts.TypeFlags.Number) return { type: 'number' };
  if (type.flags & ts.TypeFlags.BooleanLike) return { type: 'boolean' };
  if (checker.isArrayType(type)) {
    return { type: 'array', items: schemaOf(checker.getTypeArguments(type)[0], checker) };
  }
  if (type.flags & ts.TypeFlags.Object) return schemaOfObject(type, checker);
  throw new Error(`no schema for the type ${checker.typeToString(type)}`);
}

function schemaOfUnion(type, checker) {
  const parts = type.types.filter((part) => !(part.flags & ts.TypeFlags.Undefined));
  if (parts.every((part) => part.isStringLiteral())) return { enum: parts.map((part) => part.value) };
  if (parts.every((part) => part.flags & ts.TypeFlags.BooleanLiteral)) return { type: 'boolean' };
  if (parts.length === 1) return schemaOf(parts[0], checker);
  return { oneOf: parts.map((part) => schemaOf(part, checker)) };
}

function schemaOfObject(type, checker) {
  const properties = {};
  const required = [];
  for (const property of type.getProperties()) {
    const schema = schemaOf(checker.getTypeOfSymbol(property), checker);
    properties[property.name] = { ...describe(property, checker), ...schema };
    if (!(property.flags & ts.SymbolFlags.Optional)) required.push(property.name);
  }
  return { type: 'object', properties, required };
}

function describe(symbol, checker) {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker)).replaceAll('\n', ' ');
  return text === '' ? {} : { description: text };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, eventsSchema());

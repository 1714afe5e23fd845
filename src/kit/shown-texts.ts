/** Texts of build files that are no files of this machine (standard input, an archive): so that errors can show their lines. */
const texts = new Map<string, string>();

/** `name`: as errors have it for the file. */
export function rememberText(name: string, text: Uint8Array): void {
  texts.set(name, Buffer.from(text).toString('utf8'));
}

export function rememberedText(name: string): string | undefined {
  return texts.get(name);
}

/** Gathers the parts of a text into words: a space that isn't quoted ends one. */
import { isSpace } from './characters.ts';

export function collectWords() {
  const words: string[] = [];
  let word = '';
  const end = () => {
    if (word !== '') words.push(word);
    word = '';
  };
  return {
    raw(text: string) {
      word += text;
    },
    split(text: string) {
      let from = 0;
      for (let at = 0; at < text.length; at++) {
        if (!isSpace(text[at] as string)) continue;
        word += text.slice(from, at);
        end();
        from = at + 1;
      }
      word += text.slice(from);
    },
    done() {
      end();
      return words;
    },
  };
}

/** An emoji with what joins it to the next, or a character that can't be seen or reorders its neighbors. */
const UNSEEN =
  /(\p{Extended_Pictographic}[\ufe0f\u200d]{0,2})|(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Names the characters that hide or reorder text, so that what is read is what is there.
 * @param {string} text
 */
export function visible(text) {
  return text.replace(UNSEEN, (character, emoji) => emoji ?? named(character));
}

const named = (character) => `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
